#include "sirocco/server/openai/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string_view>
#include <utility>

#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/openai/prompt_input.hpp"

namespace sirocco::openai {
namespace {

std::uint64_t random_number() {
  thread_local std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

/// FNV-1a, of what the answers to a request with a seed depend on.
std::string fingerprint_of(const ServedModel& model) {
  std::uint64_t hash = 14695981039346656037U;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  };
  add(SIROCCO_VERSION);
  add(model.path.filename().string());
  add(model.text->model().title().format);
  add(isa_name(model.text->model().isa()));
  return fmt::format("fp_{:016x}", hash);
}

}  // namespace

TokenChance chance_of(const Tokenizer& tokenizer, TokenId id,
                      std::optional<float> log_probability) {
  TokenChance out{id, {}, log_probability};
  tokenizer.append_bytes(id, out.bytes);
  return out;
}

ModelLease named_model(const Service& service, const std::optional<std::string>& name) {
  try {
    return service.models().find(name.value_or(""));
  } catch (const NotFound&) {
    throw ApiFailure(model_not_found(name.value_or(""), service.models().names()));
  }
}

ModelLease named_text_model(const Service& service, const std::optional<std::string>& name) {
  ModelLease model = named_model(service, name);
  if (model->text == nullptr) {
    throw InvalidRequest("model", "unsupported_value",
                         fmt::format("{} makes embeddings and no text", model->name));
  }
  return model;
}

std::string new_id(std::string_view prefix) {
  return fmt::format("{}{:016x}{:08x}", prefix, random_number(), random_number() >> 32);
}

AnswerHead answer_head(std::string_view id_prefix, const ServedModel& model) {
  return {new_id(id_prefix), std::time(nullptr), model.name, fingerprint_of(model)};
}

TextRequest text_request(const ServedText& model, const Generation& generation,
                         std::vector<TokenId> prompt, std::string_view param,
                         std::vector<std::string>& warnings) {
  const RecommendedGeneration& recommended = model.recommended();
  const std::int64_t context = model.pipeline().limits().max_context;
  const std::int64_t rows = std::ssize(prompt);
  require_known_tokens(prompt, model.pipeline().limits().vocabulary, param);
  if (rows >= context) {
    throw InvalidRequest(
        std::string(param), "context_length_exceeded",
        fmt::format("the prompt has {} tokens, and the context of the model {}, with the answer",
                    rows, context));
  }
  TextRequest out;
  out.prompt = std::move(prompt);
  out.sampling = generation.sampling.over(recommended.sampling, random_number());
  out.max_tokens = generation.max_tokens;
  if (!out.max_tokens) out.max_tokens = recommended.limits.behind(rows);
  if (const std::int64_t room = context - rows; out.max_tokens && *out.max_tokens > room) {
    if (generation.max_tokens) {
      warnings.push_back(
          fmt::format("{} is {}; the context of {} has room for {} behind the prompt's {}",
                      generation.limit_member, *out.max_tokens, context, room, rows));
    }
    out.max_tokens = room;
  }
  out.stop = generation.stop.empty() ? recommended.stop : generation.stop;
  out.ignore_end = generation.ignore_end;
  out.choices = generation.choices;
  out.alternatives = generation.alternatives;
  if (!generation.use_prefixes) out.prefixes.reset();
  return out;
}

TextAnswers submitted(const Service& service, http::Exchange& exchange, Prepared& prepared) {
  SubmitOptions terms = service.terms_of(exchange);
  terms.priority = -prepared.generation.priority;
  terms.time_limit = prepared.generation.timeout_s;
  std::vector<TextStream> streams;
  for (TextRequest& request : prepared.requests) {
    if (request.prefixes) request.prefixes = service.prefixes_of(exchange);
    streams.push_back(prepared.model->text->session().submit(std::move(request), terms));
  }
  return {exchange, std::move(streams), prepared.generation.choices};
}

namespace {

AnswerToken told_token(const Tokenizer& tokenizer, const ChosenToken& token) {
  AnswerToken told{chance_of(tokenizer, token.token, token.log_probability), {}};
  for (const TokenProbability& other : token.likeliest)
    told.alternatives.push_back(chance_of(tokenizer, other.token, other.log_probability));
  return told;
}

}  // namespace

AnswerPiece told_piece(const Prepared& prepared, TextPiece piece) {
  AnswerPiece out{std::move(piece.text), {}};
  if (!prepared.generation.alternatives) return out;
  for (const ChosenToken& token : piece.tokens)
    out.tokens.push_back(told_token(prepared.model->text->tokenizer(), token));
  return out;
}

AnswerPiece* echo_of(Prepared& prepared, int index, int answers) {
  if (prepared.echoes.empty()) return nullptr;
  return &prepared.echoes[static_cast<std::size_t>(index) * prepared.requests.size() /
                          static_cast<std::size_t>(answers)];
}

void add_scores(Prepared& prepared, int answers, TextAnswers::Piece& got) {
  if (!prepared.generation.alternatives) return;
  for (const ChosenToken& token : std::exchange(got.piece.prompt, {})) {
    echo_of(prepared, got.index, answers)
        ->tokens.push_back(told_token(prepared.model->text->tokenizer(), token));
  }
}

std::variant<Finish, ApiError> told_end(const Completion& completion) {
  if (completion.reason == FinishReason::kTimeLimit && completion.tokens.empty()) {
    return api_error(408, fmt::format("nothing could be said within the request's timeout; it "
                                      "waited {:.1f} s for its turn",
                                      completion.timings.queued_s));
  }
  return told(Ending{completion.reason, completion.error, completion.message});
}

AnswerTotals totals(const Prepared& prepared, const TextAnswers& answers) {
  AnswerTotals out{answers.usage(), answers.timings(), prepared.warnings};
  for (int i = 0; i < answers.count(); ++i) {
    const Completion& completion = answers.completion(i);
    const auto end = told_end(completion);
    const auto* finish = std::get_if<Finish>(&end);
    if (finish == nullptr) continue;
    std::string warning = limit_warning(*finish, prepared.generation.max_tokens, completion.limit,
                                        prepared.generation.limit_member);
    if (warning.empty() || completion.reason == FinishReason::kTimeLimit) continue;
    if (std::ranges::find(out.warnings, warning) == out.warnings.end())
      out.warnings.push_back(std::move(warning));
  }
  return out;
}

http::Response error_response(const ApiError& error) {
  http::Response response = http::json_response(error_body(error), error.status);
  if (error.status == 429 || error.status == 503) response.headers.push_back({"retry-after", "1"});
  return response;
}

}  // namespace sirocco::openai
