#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "sirocco/base/utf8.hpp"
#include "sirocco/server/any_body_testing.hpp"
#include "sirocco/server/generation_testing.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/completion_request.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/error_body.hpp"
#include "sirocco/server/openai/image_request.hpp"
#include "sirocco/server/openai/rerank.hpp"
#include "sirocco/server/openai/responses/response_request.hpp"

namespace sirocco::openai_testing {

using request_testing::check_generation;

// What must hold of any bytes that are sent as a body. `Require` is called with what must be true.

template <class Require>
void check_images(const openai::ImagesRequest& request, Require require) {
  require(!request.prompt.empty());
  require(request.n >= 1 && request.n <= 10);
  require(!request.size || (request.size->width > 0 && request.size->height > 0));
  require(request.stream || request.partial_images == 0);
  require(!request.stream || request.n == 1);
}

template <class Require>
void check_inputs(const std::vector<openai::PromptInput>& inputs, Require require) {
  require(!inputs.empty());
  for (const openai::PromptInput& input : inputs) {
    if (const auto* text = std::get_if<std::string>(&input)) {
      require(is_utf8(*text));
    } else {
      require(!std::get<std::vector<TokenId>>(input).empty());
      for (const TokenId id : std::get<std::vector<TokenId>>(input)) require(id.value() >= 0);
    }
  }
}

/// Any thing may be in a picture; what comes of its text is a file, or a refusal.
template <class Require>
void check_pictures(std::span<const SentMedium> pictures, Require require) {
  for (const SentMedium& picture : pictures) {
    require(is_utf8(*picture.source) && !picture.place.empty());
    if (picture.is_address()) continue;
    require(*picture.base64_at <= picture.source->size());
    require(!file_of(picture).empty());
  }
}

template <class Require>
void check_chat(const openai::ChatRequest& request, const ChatFormat& format, Require require) {
  check_generation(request.generation, require);
  require(!request.messages.empty());
  check_pictures(openai::media_of(request.messages), require);
  require(request.generation.max_tokens != 0);
  if (request.end == openai::PromptEnd::kContinueAnswer) {
    require(request.messages.back().role == openai::Role::kAssistant);
    require(request.messages.back().content.has_value());
  }
  const openai::ChatPrompt prompt = openai::chat_prompt(request, format);
  for (const std::string& warning : prompt.warnings) require(is_utf8(warning));
  require(is_utf8(prompt.rendered.text));
}

template <class Require>
void check_completion(const openai::CompletionRequest& request, Require require) {
  check_generation(request.generation, require);
  check_inputs(request.prompts, require);
  require(request.total_choices() <= kMaxChoices);
  require(request.generation.max_tokens != 0 || request.echo);
}

template <class Require>
void check_response(const openai::ResponseRequest& request, Require require) {
  check_generation(request.generation, require);
  require(request.generation.max_tokens != 0);
  require(request.generation.choices == 1);
  require(!request.input.empty());
  for (const openai::InputItem& item : request.input) {
    if (const auto* message = std::get_if<openai::MessageItem>(&item)) {
      require(message->role != openai::Role::kTool && !message->parts.empty());
      const openai::ChatMessage said = openai::chat_message(*message);
      require(is_utf8(said.content->text()));
      check_pictures(openai::media_of(std::span(&said, 1)), require);
    } else {
      require(!std::get<openai::ItemReference>(item).id.empty());
    }
  }
  require(request.terms.metadata.size() <= 16);
}

template <class Require>
void check_embedded(const openai::EmbeddingRequest& request, Require require) {
  require(request.inputs.empty() != request.messages.empty());
  if (!request.inputs.empty()) check_inputs(request.inputs, require);
  check_pictures(openai::media_of(request.messages), require);
}

template <class Require>
void check_ranked(const openai::RerankRequest& request, Require require) {
  require(is_utf8(request.query));
  require(!request.documents.empty());
  for (const std::string& document : request.documents) require(is_utf8(document));
  require(request.top.value_or(1) >= 1);
}

/// Reads `body` as each kind of request: what comes of it is sound, or a refusal that can be told.
/// How many kinds of request it can be.
template <class Require>
int check_any_body(std::string_view body, const ChatFormat& format, Require require) {
  return request_testing::count_accepted(
      require, openai::error_body,
      [&] { check_chat(openai::read_chat_request(json::parse(body)), format, require); },
      [&] { check_completion(openai::read_completion_request(json::parse(body)), require); },
      [&] { check_response(openai::read_response_request(json::parse(body)), require); },
      [&] { check_embedded(openai::read_embedding_request(json::parse(body)), require); },
      [&] { check_images(openai::read_generation_request(json::parse(body)), require); },
      [&] { check_ranked(openai::read_rerank_request(json::parse(body)), require); });
}

/// Bodies with nearly all members that there are.
inline constexpr std::string_view kBodies[] = {
    R"({"model":"m","prompt":"a fox","n":1,"size":"64x48","num_inference_steps":4,
        "guidance_scale":3.5,"seed":7,"stream":true,"partial_images":2,"response_format":"b64_json",
        "output_format":"png","quality":"high","background":"opaque","moderation":"low"})",
    R"({"model":"m","messages":[{"role":"system","content":"a"},
        {"role":"user","content":[{"type":"text","text":"b\u00e9\ud83d\ude00"},{"type":"text","text":"c"}],
         "name":"Ann"},
        {"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"1","type":"function",
         "function":{"name":"f","arguments":"{\"x\":[1,2.5,null]}"}}]},
        {"role":"tool","content":"d","tool_call_id":"1"},{"role":"assistant","content":"He"}],
        "continue_final_message":true,"add_generation_prompt":false,
        "chat_template_kwargs":{"enable_thinking":true,"degree":3,"share":0.5,"word":"x"},
        "reasoning_effort":"high","response_format":{"type":"text"},"logprobs":true,"top_logprobs":5,
        "stream":true,"stream_options":{"include_usage":true},"max_tokens":16,"n":2,
        "stop":["a","b"],"seed":-5,"logit_bias":{"1":-100,"2":false},"tools":[],"store":false})",
    R"({"model":"m","prompt":["a","b\n"],"suffix":"s","echo":true,"logprobs":3,"n":2,"best_of":2,
        "max_tokens":0,"temperature":0.7,"top_p":0.9,"top_k":-1,"min_p":0.05,"typical_p":1,
        "repeat_penalty":1.1,"repeat_last_n":64,"presence_penalty":-0.5,"frequency_penalty":1e-3,
        "min_tokens":0,"ignore_eos":false,"cache_prompt":true,"priority":1,"timeout":2.5,"stop":"x",
        "logit_bias":[[1,2.5],[3,false]],"user":"u","metadata":{"a":"b"}})",
    R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K","detail":"high"}},
        {"image_url":{"url":"data:;base64,Zm9v"},"type":"image_url"},{"type":"text","text":"b"}]},
        {"role":"assistant","content":"c"},{"role":"user","content":[{"type":"image_url",
        "image_url":{"url":"data:image/gif;base64,R0lGODlh"}}]}],"n":1})",
    R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==",
        "format":"wav"}},{"type":"text","text":"b"}]}],"n":1})",
    R"({"input":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==",
        "format":"mp3"}}]}]})",
    R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,iVBORw0K",
        "detail":"low","file_id":null},{"type":"input_text","text":"a"}]}],"max_output_tokens":5})",
    R"({"prompt":[[1,2,3],[4]],"seed":7,"stream":false})",
    R"({"input":["a",[1,2]],"model":"m","encoding_format":"base64","dimensions":64})",
    R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{
        "url":"data:image/png;base64,iVBORw0K"}},{"type":"text","text":"a"}]}],
        "encoding_format":"float","add_generation_prompt":false})",
    R"({"model":"m","query":"q","documents":["a",{"text":"b\u00e9"}],"top_n":2,"user":"u",
        "return_documents":true,"truncate_prompt_tokens":-1})",
    R"({"model":"m","instructions":"Be brief.","previous_response_id":"resp_1","input":[
        {"role":"system","content":"a"},{"type":"message","role":"user","status":"completed",
         "content":[{"type":"input_text","text":"b\u00e9"},{"type":"input_text","text":"c"}]},
        {"id":"msg_1","type":"message","role":"assistant","phase":null,"content":[{"type":"output_text",
         "text":"d","annotations":[],"logprobs":[{}]}]},{"type":"item_reference","id":"msg_2"},{"id":"msg_3"}],
        "include":["message.output_text.logprobs","reasoning.encrypted_content"],"top_logprobs":3,
        "max_output_tokens":16,"stream":true,"stream_options":{"include_obfuscation":false},
        "store":true,"metadata":{"a":"b"},"text":{"format":{"type":"text"},"verbosity":"medium"},
        "reasoning":{"effort":"low","summary":"auto"},"truncation":"disabled","background":false,"tools":[],
        "tool_choice":"auto","parallel_tool_calls":true,"user":"u","temperature":0.5,"top_p":0.9,
        "chat_template_kwargs":{"word":"x"},"seed":3,"stop":["x"],"service_tier":"auto"})",
};

}  // namespace sirocco::openai_testing
