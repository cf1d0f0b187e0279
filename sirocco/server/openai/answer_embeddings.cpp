#include <fmt/format.h>

#include <string>
#include <utility>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/media_prompt.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/routes.hpp"
#include "sirocco/server/openai/vectors.hpp"

namespace sirocco::openai {
namespace {

struct Asked {
  ModelLease model;
  EmbeddingRequest request;
  std::vector<SentMedium> media;  // of its conversation
};

struct Work {
  ModelLease model;
  EmbeddingRequest request;
  std::vector<EmbeddingJob> jobs;
};

constexpr const char* kMessages = "messages";

/// All that messages say.
std::string text_of(std::span<const ChatMessage> messages) {
  MessageContent all;
  for (const ChatMessage& message : messages)
    if (message.content && message.content->says_anything()) all.add(message.content->text());
  return all.text();
}

/// A model that writes makes vectors of texts, and one of texts and pictures of either.
void require_of_one_kind(const Asked& asked) {
  if (asked.media.empty()) return;
  if (asked.model->as<ServedEmbedder>() == nullptr) {
    refuse(asked.media.front(), "unsupported_value",
           fmt::format("{} makes vectors of texts only", asked.model->name));
  }
  require_senses(*asked.model, asked.media);
  if (asked.media.size() > 1) {
    refuse(asked.media[1], "unsupported_value",
           "a vector is of one picture, and this is another one");
  }
  if (text_of(asked.request.messages).empty()) return;
  refuse(asked.media.front(), "unsupported_value",
         "a vector is of a picture or of text, and there is text beside it");
}

Asked asked_embeddings(const Service& service, const std::string& body) {
  Asked out;
  out.request = read_embedding_request(json::parse(body));
  out.model = named_model_for(service, out.request.model, ServedUse::kEmbedding);
  out.media = media_of(out.request.messages);
  require_of_one_kind(out);
  return out;
}

std::vector<TokenId> tokens_of(const ServedModel& model, const PromptInput& input,
                               const std::string& param) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) return *tokens;
  return vector_tokens(model, std::get<std::string>(input), param);
}

/// Those of a conversation, by the chat template of a model that has one.
std::vector<TokenId> tokens_of(const ServedModel& model, std::span<const ChatMessage> messages) {
  if (model.as<ServedEmbedder>() != nullptr)
    return vector_tokens(model, text_of(messages), kMessages);
  ChatRequest conversation;
  conversation.messages.assign(messages.begin(), messages.end());
  conversation.end = PromptEnd::kAsItStands;
  const ChatPrompt prompt = chat_prompt(conversation, model.text().chat_format());
  return tokenize_prompt(model.tokenizer(), prompt.rendered.segments());
}

Work prepared_embeddings(Asked& asked, std::span<const ReadMedium> media) {
  Work out;
  const auto add = [&](std::vector<TokenId> tokens, const std::string& param) {
    require_vector_tokens(vector_pipeline(*asked.model), tokens, param);
    out.jobs.push_back({std::move(tokens)});
  };
  const std::vector<PromptInput>& inputs = asked.request.inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string param = fmt::format("input[{}]", i);
    add(tokens_of(*asked.model, inputs[i], param), param);
  }
  if (!media.empty())
    out.jobs.push_back({std::get<ReadPicture>(media.front()).input});
  else if (inputs.empty())
    add(tokens_of(*asked.model, asked.request.messages), kMessages);
  out.model = std::move(asked.model);
  out.request = std::move(asked.request);
  return out;
}

}  // namespace

http::Task<http::Answered> answer_embeddings(const Service& service, http::Exchange& exchange) {
  const Work work = co_await made_with_media(
      service, exchange, [&] { return asked_embeddings(service, exchange.take_body()); },
      prepared_embeddings);
  std::vector<std::vector<float>> vectors =
      co_await made_vectors(service, exchange, *work.model, work.jobs);
  for (auto& vector : vectors) vector = shortened(vector, work.request.dimensions);
  co_return co_await exchange.respond(http::json_response(
      embeddings_body(work.model->name, vectors, work.request.format, count_rows(work.jobs))));
}

}  // namespace sirocco::openai
