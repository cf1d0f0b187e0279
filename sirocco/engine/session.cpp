#include "sirocco/engine/session.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace sirocco {

namespace {

/// One answer on its way from tokens to text.
class Answer {
 public:
  Answer(const Tokenizer& tokenizer, bool own_text, StopMatcher matcher)
      : detokenizer_(tokenizer, {.show_control = false, .at_start = own_text}),
        matcher_(std::move(matcher)) {}

  bool ended() const { return ended_; }
  Completion completion;

  /// What a token adds to the text. Nothing once it has ended: the engine may be ahead by a few,
  /// which are nobody's.
  std::string push(TokenId token) {
    completion.tokens.push_back(token);
    ++completion.usage.generated;
    std::string text = matcher_.push(detokenizer_.push(token));
    completion.text += text;
    if (matcher_.stopped()) end(FinishReason::kStop);
    return text;
  }

  /// No token comes: what was held back. A stop string ends it, whatever the engine says.
  std::string finish(FinishReason reason) {
    std::string text = matcher_.push(detokenizer_.finish());
    if (!matcher_.stopped()) text += matcher_.finish();
    completion.text += text;
    end(matcher_.stopped() ? FinishReason::kStop : reason);
    return text;
  }

 private:
  void end(FinishReason reason) {
    ended_ = true;
    completion.reason = reason;
    completion.stop_string = matcher_.found();
  }

  StreamingDetokenizer detokenizer_;
  StopMatcher matcher_;
  bool ended_ = false;
};

}  // namespace

namespace {

/// The caller's end of a job on any pipeline that writes text.
class AnyTextRequest {
 public:
  template <class P>
  explicit AnyTextRequest(Request<P> request) : request_(std::move(request)) {}

  const TextTerms& terms() const {
    return std::visit([](const auto& r) -> const TextTerms& { return r.terms(); }, request_);
  }
  std::optional<TextEvent> try_next() const {
    return std::visit([](const auto& r) { return r.try_next(); }, request_);
  }
  std::optional<TextEvent> next() const {
    return std::visit([](const auto& r) { return r.next(); }, request_);
  }
  std::optional<Finished> finished() const {
    return std::visit([](const auto& r) { return r.finished(); }, request_);
  }
  void cancel() const {
    std::visit([](const auto& r) { r.cancel(); }, request_);
  }
  void cancel_choice(std::uint32_t choice) const {
    std::visit([&](const auto& r) { r.cancel_choice(choice); }, request_);
  }

 private:
  std::variant<Request<LanguagePipeline>, Request<MultimodalPipeline>> request_;
};

}  // namespace

std::int64_t rows_of(const TextPrompt& prompt) {
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&prompt)) return std::ssize(*tokens);
  std::int64_t rows = 0;
  for (const PromptPart& part : std::get<std::vector<PromptPart>>(prompt)) {
    const auto* tokens = std::get_if<std::vector<TokenId>>(&part);
    rows += tokens != nullptr ? std::ssize(*tokens) : std::ssize(std::get<EncodedRows>(part).rows);
  }
  return rows;
}

const PipelineLimits& limits_of(const TextHandle& pipeline) {
  return std::visit([](const auto& h) -> const PipelineLimits& { return h.limits(); }, pipeline);
}

const LaneStatistics& statistics_of(const TextHandle& pipeline) {
  return std::visit([](const auto& h) -> const LaneStatistics& { return h.statistics(); },
                    pipeline);
}

struct TextStream::State {
  State(AnyTextRequest r, const Tokenizer& tokenizer, const TextRequest& asked,
        const StopMatcher& matcher)
      : request(std::move(r)) {
    answers.reserve(static_cast<std::size_t>(asked.choices));
    for (std::int32_t i = 0; i < asked.choices; ++i) {
      answers.emplace_back(tokenizer, asked.own_text, matcher);
      answers.back().completion.limit = request.terms().max_tokens;
    }
  }

  /// Nothing where the event is behind the end of its answer.
  std::optional<TextPiece> piece_of(TextEvent event) {
    TextPiece piece{event.choice};
    if (auto* scores = std::get_if<PromptScores>(&event.what)) {
      piece.prompt = std::move(scores->tokens);
      return piece;
    }
    Answer& answer = answers[event.choice];
    if (answer.ended()) return std::nullopt;
    if (auto* token = std::get_if<ChosenToken>(&event.what)) {
      piece.text = answer.push(token->token);
      piece.tokens.push_back(std::move(*token));
      if (answer.ended()) stop_choice(event.choice);
    } else {
      piece.text = answer.finish(std::get<FinishReason>(event.what));
    }
    piece.ended = answer.ended();
    return piece;
  }
  void stop_choice(std::uint32_t choice) {
    if (std::ranges::all_of(answers, &Answer::ended))
      request.cancel();
    else
      request.cancel_choice(choice);
  }

  /// The request has ended, and all its events were taken: the rest of an answer that had no end
  /// of its own. Nothing when there is none any more.
  std::optional<TextPiece> rest(const Finished& finished) {
    for (std::uint32_t choice = 0; choice < answers.size(); ++choice) {
      Answer& answer = answers[choice];
      if (answer.ended()) continue;
      TextPiece piece{.choice = choice, .text = answer.finish(finished.reason), .ended = true};
      if (answer.completion.stop_string.empty()) {
        answer.completion.error = finished.error;
        answer.completion.message = finished.message;
      }
      return piece;
    }
    for (Answer& answer : answers) {
      answer.completion.usage.prompt = finished.usage.prompt;
      answer.completion.usage.cached = finished.usage.cached;
      answer.completion.timings = finished.timings;
    }
    ended = true;
    return std::nullopt;
  }

  AnyTextRequest request;
  std::vector<Answer> answers;
  bool ended = false;
};

TextStream::TextStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;
TextStream::~TextStream() = default;

bool TextStream::ended() const { return state_->ended; }
const TextTerms& TextStream::terms() const { return state_->request.terms(); }
const Completion& TextStream::completion(std::uint32_t choice) const {
  return state_->answers.at(choice).completion;
}
Usage TextStream::usage() const {
  Usage sum = completion().usage;
  for (std::size_t i = 1; i < state_->answers.size(); ++i)
    sum.generated += state_->answers[i].completion.usage.generated;
  return sum;
}
void TextStream::cancel() { state_->request.cancel(); }

std::optional<TextPiece> TextStream::try_next_piece() {
  State& s = *state_;
  while (!s.ended) {
    // The end first: what was there before it is all that there is.
    const std::optional<Finished> finished = s.request.finished();
    std::optional<TextPiece> piece;
    if (auto event = s.request.try_next()) {
      piece = s.piece_of(std::move(*event));
    } else if (finished) {
      piece = s.rest(*finished);
    } else {
      break;
    }
    if (piece) return piece;
  }
  return std::nullopt;
}

std::string TextStream::try_next() {
  std::string text;
  while (const auto piece = try_next_piece()) text += piece->text;
  return text;
}

std::optional<TextPiece> TextStream::next_piece() {
  State& s = *state_;
  while (!s.ended) {
    auto event = s.request.next();
    auto piece = event ? s.piece_of(std::move(*event)) : s.rest(*s.request.finished());
    if (piece) return piece;
  }
  return std::nullopt;
}

std::optional<std::string> TextStream::next() {
  while (auto piece = next_piece())
    if (!piece->text.empty()) return std::move(piece->text);
  return std::nullopt;
}

Completion TextStream::wait() {
  while (next()) {
  }
  return completion();
}

namespace {

AnyTextRequest submitted(Engine& engine, const Handle<LanguagePipeline>& pipeline,
                         TextPrompt prompt, TextJob job, const SubmitOptions& with) {
  auto* const tokens = std::get_if<std::vector<TokenId>>(&prompt);
  if (tokens == nullptr) throw UnsupportedError("the model takes text only, no pictures or sounds");
  job.prompt = std::move(*tokens);
  return AnyTextRequest(engine.submit(pipeline, std::move(job), with));
}

AnyTextRequest submitted(Engine& engine, const Handle<MultimodalPipeline>& pipeline,
                         TextPrompt prompt, TextJob job, const SubmitOptions& with) {
  MultimodalJob seen{{}, std::move(job)};
  if (auto* const tokens = std::get_if<std::vector<TokenId>>(&prompt))
    seen.prompt.emplace_back(std::move(*tokens));
  else
    seen.prompt = std::move(std::get<std::vector<PromptPart>>(prompt));
  return AnyTextRequest(engine.submit(pipeline, std::move(seen), with));
}

}  // namespace

LanguageSession::LanguageSession(Engine& engine, TextHandle pipeline, const Tokenizer& tokenizer)
    : engine_(engine),
      pipeline_(std::move(pipeline)),
      tokenizer_(tokenizer),
      known_tokens_(static_cast<std::int64_t>(tokenizer.vocabulary().size())) {
  const auto unused = [&](std::int64_t id) {
    return tokenizer.vocabulary().kind(TokenId(static_cast<std::int32_t>(id))) ==
           TokenKind::kUnused;
  };
  while (known_tokens_ > 1 && unused(known_tokens_ - 1)) --known_tokens_;
  for (std::int64_t id = 0; id < known_tokens_; ++id)
    if (unused(id)) unused_.emplace_back(static_cast<std::int32_t>(id));
}

TextStream LanguageSession::submit(TextRequest request, const SubmitOptions& with) {
  const StopMatcher matcher(std::move(request.stop));
  TextJob job;
  job.sampling = std::move(request.sampling);
  LogitRules& rules = job.sampling.rules;
  if (rules.known_tokens == 0 || rules.known_tokens > known_tokens_)
    rules.known_tokens = known_tokens_;
  rules.suppressed.insert(rules.suppressed.end(), unused_.begin(), unused_.end());
  job.max_tokens = request.max_tokens;
  if (!request.ignore_end) job.end_tokens = tokenizer_.special().end_of_generation;
  job.prefixes = request.prefixes;
  job.choices = request.choices;
  job.alternatives = request.alternatives;
  job.prompt_alternatives = request.prompt_alternatives;
  AnyTextRequest made = std::visit(
      [&](const auto& pipeline) {
        return submitted(engine_, pipeline, std::move(request.prompt), std::move(job), with);
      },
      pipeline_);
  return TextStream(
      std::make_unique<TextStream::State>(std::move(made), tokenizer_, request, matcher));
}

Completion LanguageSession::complete(TextRequest request, const OnText& on_text,
                                     const std::function<bool()>& stop) {
  TextStream stream = submit(std::move(request));
  bool unwanted = false;
  while (!stream.ended()) {
    if (stop && stop()) unwanted = true;
    if (unwanted) stream.cancel();
    // Nothing can run and nobody else steps: room is held outside the engine.
    if (!engine_.step()) stream.cancel();
    const std::string text = stream.try_next();
    if (!text.empty() && on_text && !on_text(text)) unwanted = true;
  }
  return stream.completion();
}

}  // namespace sirocco
