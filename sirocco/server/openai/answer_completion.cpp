#include <array>
#include <span>
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

/// The prompt as a piece of its answers. Of its first token nothing is known but itself.
AnswerPiece echo_of(const Tokenizer& tokenizer, const PromptInput& input,
                    std::span<const TokenId> tokens) {
  AnswerPiece out{text_of(tokenizer, input), {}};
  if (!tokens.empty()) out.tokens.push_back({chance_of(tokenizer, tokens.front()), {}});
  return out;
}

/// A prompt's tokens: those of a text with a hole where a suffix is given, else as it stands.
std::vector<TokenId> tokens_of(const Tokenizer& tokenizer, const PromptInput& input,
                               const CompletionRequest& request) {
  if (!request.suffix) return tokens_of(tokenizer, input);
  auto tokens = tokenize_infill(tokenizer, text_of(tokenizer, input), *request.suffix);
  if (tokens) return std::move(*tokens);
  throw InvalidRequest("suffix", "unsupported_value",
                       "suffix: the model has no tokens to fill in with");
}

Prepared prepared_completion(const Service& service, const std::string& body) {
  CompletionRequest request = read_completion_request(json::parse(body));
  if (request.suffix && request.echo)
    throw InvalidRequest("echo", "unsupported_value", "echo: a text with a hole isn't echoed");
  Prepared out;
  out.model = named_text_model(service, request.generation.model);
  out.generation = std::move(request.generation);
  out.head = answer_head("cmpl-", *out.model);
  const ServedText& model = out.model->text();
  for (const PromptInput& prompt : request.prompts) {
    std::vector<TokenId> tokens = tokens_of(model.tokenizer(), prompt, request);
    if (request.echo) out.echoes.push_back(echo_of(model.tokenizer(), prompt, tokens));
    TextRequest& asked = out.requests.emplace_back(
        text_request(model, out.generation, std::move(tokens), "prompt", out.warnings));
    // To score a prompt is also the way to generate nothing.
    if (request.echo && (asked.alternatives || asked.max_tokens == 0))
      asked.prompt_alternatives = asked.alternatives.value_or(0);
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
