#include "sirocco/server/generate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string_view>
#include <utility>

#include "sirocco/pipeline/choice_limit.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
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
  add(model.text().model().title().format);
  add(isa_name(model.text().model().isa()));
  return fmt::format("fp_{:016x}", hash);
}

void require_known_biases(std::span<const LogitBias> biases, std::int64_t vocabulary) {
  for (const LogitBias& bias : biases)
    require_known_tokens(std::span(&bias.token, 1), vocabulary, "logit_bias");
}

/// More answers than one have their room beside one another; of one, the engine itself speaks.
void require_possible_choices(const TextRequest& request, const PipelineLimits& limits) {
  if (request.choices <= 1) return;
  const std::int32_t most = std::min(kMaxTextChoices, limits.max_sequences);
  if (request.choices > most) {
    throw InvalidRequest("n", "invalid_value",
                         fmt::format("n: found {}; the model gives up to {} answers at once",
                                     request.choices, most));
  }
  const std::int64_t rows = rows_of(request.prompt);
  const std::int64_t room = limits.max_context - rows + 1;
  const std::int64_t tokens =
      request.max_tokens.value_or(std::min(limits.default_max_tokens, room));
  const std::int64_t positions = rows + tokens - 1;
  if (limits.cache == nullptr ||
      limits.cache->holds(static_cast<std::int32_t>(positions), request.choices,
                          static_cast<std::int32_t>(rows)))
    return;
  throw InvalidRequest(
      "n", "resource_exhausted",
      fmt::format("n: {} answers of up to {} tokens to a prompt of {} are more than the cache "
                  "holds: {} positions in all",
                  request.choices, tokens, rows, limits.max_cached_positions));
}

}  // namespace

TokenChance chance_of(const Tokenizer& tokenizer, TokenId id,
                      std::optional<float> log_probability) {
  TokenChance out{id, {}, log_probability};
  tokenizer.append_bytes(id, out.bytes);
  return out;
}

void require_known_tokens(std::span<const TokenId> tokens, std::int64_t vocabulary,
                          std::string_view param) {
  const auto unknown = std::ranges::find_if(
      tokens, [&](TokenId id) { return id.value() < 0 || id.value() >= vocabulary; });
  if (unknown == tokens.end()) return;
  throw InvalidRequest(std::string(param), "invalid_value",
                       fmt::format("{}: there is no token {}; the model has {}", param,
                                   unknown->value(), vocabulary));
}

ModelLease named_model(const Service& service, const std::optional<std::string>& name) {
  try {
    return service.models().find(name.value_or(""));
  } catch (const NotFound&) {
    throw ApiFailure(model_not_found(name.value_or(""), service.models().names()));
  }
}

ModelLease named_model_for(const Service& service, const std::optional<std::string>& name,
                           ServedUse use) {
  ModelLease model = named_model(service, name);
  const ServedUses uses = model->uses();
  if (!uses.has(use)) {
    throw InvalidRequest("model", "unsupported_value",
                         fmt::format("{} can't be asked for {}; it can be for {}", model->name,
                                     served_use_name(use), fmt::join(uses.names(), ", ")));
  }
  return model;
}

ModelLease named_text_model(const Service& service, const std::optional<std::string>& name) {
  return named_model_for(service, name, ServedUse::kCompletion);
}

std::string new_id(std::string_view prefix) {
  return fmt::format("{}{:016x}{:08x}", prefix, random_number(), random_number() >> 32);
}

AnswerHead answer_head(std::string_view id_prefix, const ServedModel& model) {
  return {new_id(id_prefix), std::time(nullptr), model.name, fingerprint_of(model)};
}

TextRequest text_request(const ServedText& model, const Generation& generation, TextPrompt prompt,
                         std::string_view param, std::vector<std::string>& warnings) {
  const RecommendedGeneration& recommended = model.recommended();
  const std::int64_t context = model.limits().max_context;
  const std::int64_t rows = rows_of(prompt);
  if (rows == 0)
    throw InvalidRequest(std::string(param), "invalid_value", "the prompt has no tokens");
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&prompt))
    require_known_tokens(*tokens, model.limits().vocabulary, param);
  require_known_biases(generation.sampling.logit_bias, model.limits().vocabulary);
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
  require_possible_choices(out, model.limits());
  return out;
}

TextAnswers submitted(const Service& service, http::Exchange& exchange, Prepared& prepared) {
  SubmitOptions terms = service.terms_of(exchange);
  terms.priority = -prepared.generation.priority;
  terms.time_limit = prepared.generation.timeout_s;
  std::vector<TextStream> streams;
  ModelFigures figures{.model = prepared.model->name};
  for (TextRequest& request : prepared.requests) {
    figures.prompt_tokens += rows_of(request.prompt);
    if (request.prefixes) request.prefixes = service.prefixes_of(exchange);
    streams.push_back(prepared.model->text().session().submit(std::move(request), terms));
  }
  return {exchange, std::move(streams), prepared.generation.choices, std::move(figures)};
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
    out.tokens.push_back(told_token(prepared.model->text().tokenizer(), token));
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
        ->tokens.push_back(told_token(prepared.model->text().tokenizer(), token));
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
    // Of the model's own stop strings nobody has to know.
    out.stop_strings.push_back(prepared.generation.stop.empty() ? "" : completion.stop_string);
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

}  // namespace sirocco
