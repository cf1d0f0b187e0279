#pragma once

#include <string_view>

#include "sirocco/base/utf8.hpp"
#include "sirocco/server/anthropic/error_body.hpp"
#include "sirocco/server/anthropic/messages_request.hpp"
#include "sirocco/server/any_body_testing.hpp"
#include "sirocco/server/generation_testing.hpp"

namespace sirocco::anthropic_testing {

// What must hold of any bytes that are sent as a body. `Require` is called with what must be true.

template <class Require>
void check_messages(const anthropic::MessagesRequest& request, const ChatFormat& format,
                    Require require) {
  request_testing::check_generation(request.generation, require);
  const std::vector<anthropic::Turn>& turns = request.turns;
  require(!turns.empty());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    require(turns[i].role == "user" || turns[i].role == "assistant");
    if (i > 0) require(turns[i].role != turns[i - 1].role);
  }
  for (const SentMedium& picture : anthropic::media_of(request)) {
    require(is_utf8(*picture.source) && !picture.place.empty());
    if (!picture.is_address()) require(!file_of(picture).empty());
  }
  require(request.continued == (turns.back().role == "assistant"));
  require(is_utf8(anthropic::messages_prompt(request, format).text));
}

/// Reads `body` as each kind of request: what comes of it is sound, or a refusal that can be told.
/// How many kinds of request it can be.
template <class Require>
int check_any_body(std::string_view body, const ChatFormat& format, Require require) {
  const auto checked = [&](auto read) {
    return [&, read] { check_messages(read(json::parse(body)), format, require); };
  };
  return request_testing::count_accepted(
      require, [](const ApiError& error) { return anthropic::error_body(error, "req-1"); },
      checked(anthropic::read_messages_request), checked(anthropic::read_count_request));
}

/// Bodies with nearly all members that there are.
inline constexpr std::string_view kBodies[] = {
    R"({"model":"m","max_tokens":16,"messages":[{"role":"user","content":"a"},
        {"role":"user","content":[{"type":"text","text":"b\u00e9\ud83d\ude00",
         "cache_control":{"type":"ephemeral"},"citations":null},{"type":"text","text":"c"}]},
        {"role":"assistant","content":"He"}],
        "system":[{"type":"text","text":"s"},{"type":"text","text":"t"}],
        "stop_sequences":["a","b"],"stream":true,"temperature":0.5,"top_p":0.9,"top_k":40,
        "metadata":{"user_id":"u"},"service_tier":"auto","thinking":{"type":"disabled"},
        "tools":[],"tool_choice":{"type":"auto"},"seed":-5,"min_p":0.05,"timeout":2.5})",
    R"({"model":"m","max_tokens":1,"system":"s","messages":[{"role":"assistant","content":"x"},
        {"role":"user","content":"y"},{"role":"assistant","content":[]}],
        "logit_bias":{"1":-100,"2":false},"repeat_penalty":1.1,"min_tokens":0,"priority":1})",
    R"({"max_tokens":3,"messages":[{"role":"user","content":[{"type":"text","text":"a"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"},
         "cache_control":{"type":"ephemeral"}}]},{"role":"user","content":[{"source":{"data":"Zm9v",
         "type":"base64"},"type":"image"}]}]})",
    R"({"model":"m","system":"s","messages":[{"role":"user","content":"a"}],
        "cache_control":{"type":"ephemeral"},"mcp_servers":[],"output_config":{}})",
};

}  // namespace sirocco::anthropic_testing
