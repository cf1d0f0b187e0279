#include <array>
#include <utility>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/completion_answer.hpp"
#include "sirocco/server/openai/completion_request.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

/// A prompt's tokens: a text's as it stands, with what the model puts before any.
std::vector<TokenId> tokens_of(const Tokenizer& tokenizer, const PromptInput& input) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&input)) return *tokens;
  return tokenize_prompt(tokenizer, std::array{TextSegment{std::get<std::string>(input), false}});
}

std::string text_of(const Tokenizer& tokenizer, const PromptInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return *text;
  return tokenizer.detokenize(std::get<std::vector<TokenId>>(input));
}

void require_built(const CompletionRequest& request) {
  if (request.suffix) {
    throw InvalidRequest("suffix", "unsupported_value",
                         "suffix: the model has no tokens to fill in with");
  }
  if (request.echo && (request.generation.alternatives || request.generation.max_tokens == 0)) {
    throw InvalidRequest("echo", "unsupported_value",
                         "echo: log-probabilities of a prompt are not supported, nor is an echo "
                         "of which nothing is generated");
  }
}

Prepared prepared_completion(const Service& service, const std::string& body) {
  CompletionRequest request = read_completion_request(json::parse(body));
  require_built(request);
  Prepared out;
  out.model = named_text_model(service, request.generation.model);
  out.generation = std::move(request.generation);
  out.head = answer_head("cmpl-", *out.model);
  const ServedText& model = *out.model->text;
  for (const PromptInput& prompt : request.prompts) {
    out.requests.push_back(text_request(model, out.generation, tokens_of(model.tokenizer(), prompt),
                                        "prompt", out.warnings));
    if (request.echo) out.echoes.push_back({text_of(model.tokenizer(), prompt), {}});
  }
  return out;
}

}  // namespace

http::Task<http::Answered> answer_completion(const Service& service, http::Exchange& exchange) {
  Prepared prepared;
  TextAnswers answers = co_await exchange.off_thread([&] {
    prepared = prepared_completion(service, exchange.take_body());
    return submitted(service, exchange, prepared);
  });
  const bool log_probabilities = prepared.generation.alternatives.has_value();
  if (prepared.generation.stream) {
    CompletionStream shape(prepared.head, {.choices = answers.count(),
                                           .include_usage = prepared.generation.include_usage,
                                           .log_probabilities = log_probabilities});
    co_return co_await respond_in_events(service, exchange, prepared, std::move(answers),
                                         std::move(shape));
  }
  co_return co_await respond_whole(
      exchange, prepared, std::move(answers),
      [&](std::span<const Choice> choices, const AnswerTotals& at_end) {
        return completion_body(prepared.head, choices, at_end, log_probabilities);
      });
}

}  // namespace sirocco::openai
