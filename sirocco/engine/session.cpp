#include "sirocco/engine/session.hpp"

#include <utility>

namespace sirocco {

struct TextStream::State {
  State(Request<LanguagePipeline> r, const Tokenizer& tokenizer, bool own_text, StopMatcher m)
      : request(std::move(r)),
        detokenizer(tokenizer, {.show_control = false, .at_start = own_text}),
        matcher(std::move(m)) {
    completion.limit = request.terms().max_tokens;
  }

  /// What a token adds to the text.
  std::string push(TokenId token) {
    if (matcher.stopped()) return {};  // the engine may be ahead by a few, which are nobody's
    completion.tokens.push_back(token);
    std::string text = matcher.push(detokenizer.push(token));
    if (matcher.stopped()) request.cancel();
    completion.text += text;
    return text;
  }

  /// Nothing more comes from the engine: what was held back, and how it ended.
  std::string finish(Finished finished) {
    ended = true;
    completion.usage = finished.usage;
    completion.timings = finished.timings;
    std::string text;
    if (!matcher.stopped()) {
      text = matcher.push(detokenizer.finish());
      if (!matcher.stopped()) text += matcher.finish();
      completion.text += text;
    }
    if (matcher.stopped()) {
      // A stop string ends it, whatever the engine says.
      completion.stop_string = matcher.found();
      completion.reason = FinishReason::kStop;
      completion.usage.generated = std::ssize(completion.tokens);
    } else {
      completion.reason = finished.reason;
      completion.error = finished.error;
      completion.message = std::move(finished.message);
    }
    return text;
  }

  Request<LanguagePipeline> request;
  StreamingDetokenizer detokenizer;
  StopMatcher matcher;
  Completion completion;
  bool ended = false;
};

TextStream::TextStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;
TextStream::~TextStream() = default;

bool TextStream::ended() const { return state_->ended; }
const Completion& TextStream::completion() const { return state_->completion; }
void TextStream::cancel() { state_->request.cancel(); }

std::string TextStream::try_next() {
  State& s = *state_;
  std::string text;
  while (!s.ended) {
    // The end first: what was there before it is all that there is.
    std::optional<Finished> finished = s.request.finished();
    if (const auto event = s.request.try_next()) {
      text += s.push(event->token);
    } else if (finished) {
      text += s.finish(std::move(*finished));
    } else {
      break;
    }
  }
  return text;
}

std::optional<std::string> TextStream::next() {
  State& s = *state_;
  while (!s.ended) {
    const auto event = s.request.next();
    std::string text = event ? s.push(event->token) : s.finish(*s.request.finished());
    if (!text.empty()) return text;
  }
  return std::nullopt;
}

Completion TextStream::wait() {
  while (next()) {
  }
  return state_->completion;
}

LanguageSession::LanguageSession(Engine& engine, Handle<LanguagePipeline> pipeline,
                                 const Tokenizer& tokenizer)
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

TextStream LanguageSession::submit(TextRequest request) {
  StopMatcher matcher(std::move(request.stop));
  TextJob job;
  job.prompt = std::move(request.prompt);
  job.sampling = std::move(request.sampling);
  LogitRules& rules = job.sampling.rules;
  if (rules.known_tokens == 0 || rules.known_tokens > known_tokens_)
    rules.known_tokens = known_tokens_;
  rules.suppressed.insert(rules.suppressed.end(), unused_.begin(), unused_.end());
  job.max_tokens = request.max_tokens;
  if (!request.ignore_end) job.end_tokens = tokenizer_.special().end_of_generation;
  job.prefixes = request.prefixes;
  return TextStream(std::make_unique<TextStream::State>(
      engine_.submit(pipeline_, std::move(job)), tokenizer_, request.own_text, std::move(matcher)));
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
