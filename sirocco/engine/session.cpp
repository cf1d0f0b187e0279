#include "sirocco/engine/session.hpp"

#include <exception>
#include <utility>

namespace sirocco {

/// Tokens to text to whoever listens. Only the driving thread uses it until the request ended.
class TextHandle::Sink final : public TokenSink {
 public:
  Sink(const Tokenizer& tokenizer, bool own_text, StopMatcher matcher, OnText on_text)
      : detokenizer_(tokenizer, {.show_control = false, .at_start = own_text}),
        matcher_(std::move(matcher)),
        on_text_(std::move(on_text)) {}

  Verdict on_token(TokenId token) override {
    completion.tokens.push_back(token);
    emit(matcher_.push(detokenizer_.push(token)));
    if (matcher_.stopped()) completion.stop_string = matcher_.found();
    return matcher_.stopped() || unwanted_ ? Verdict::kStop : Verdict::kContinue;
  }

  void on_finish(const Finished& finished) override {
    completion.reason = finished.reason;
    completion.message = finished.message;
    completion.timings = finished.timings;
    try {
      if (!matcher_.stopped()) {
        emit(matcher_.push(detokenizer_.finish()));
        if (!matcher_.stopped()) emit(matcher_.finish());
      }
    } catch (const std::exception& e) {
      completion.reason = FinishReason::kFailed;
      completion.message = e.what();
    }
    if (unwanted_ && completion.reason == FinishReason::kStop) {
      completion.reason = FinishReason::kCancelled;
    }
  }

  Completion completion;

 private:
  void emit(const std::string& text) {
    if (text.empty() || unwanted_) return;
    completion.text += text;
    if (on_text_ && !on_text_(text)) unwanted_ = true;
  }

  StreamingDetokenizer detokenizer_;
  StopMatcher matcher_;
  OnText on_text_;
  bool unwanted_ = false;
};

TextHandle::TextHandle(RequestHandle request, std::shared_ptr<Sink> sink)
    : request_(std::move(request)), sink_(std::move(sink)) {}

Completion TextHandle::wait() const {
  (void)request_.wait();
  Completion completion = sink_->completion;
  completion.limit = request_.limit();
  return completion;
}

LanguageSession::LanguageSession(Engine& engine, PipelineId pipeline, const Tokenizer& tokenizer)
    : engine_(engine),
      pipeline_(pipeline),
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

std::vector<TokenId> LanguageSession::tokenize(const TextRequest& request) const {
  std::vector<TokenId> tokens = tokenizer_.tokenize(request.segments);
  const SpecialTokens& special = tokenizer_.special();
  if (request.add_special && special.add_bos && special.bos &&
      (tokens.empty() || tokens.front() != *special.bos)) {
    tokens.insert(tokens.begin(), *special.bos);
  }
  return tokens;
}

TextHandle LanguageSession::submit(TextRequest request) {
  StopMatcher matcher(std::move(request.stop));
  Request tokens;
  tokens.prompt = tokenize(request);
  tokens.sampling = std::move(request.sampling);
  LogitRules& rules = tokens.sampling.rules;
  if (rules.known_tokens == 0 || rules.known_tokens > known_tokens_)
    rules.known_tokens = known_tokens_;
  rules.suppressed.insert(rules.suppressed.end(), unused_.begin(), unused_.end());
  tokens.max_tokens = request.max_tokens;
  if (!request.ignore_end) tokens.end_tokens = tokenizer_.special().end_of_generation;
  auto sink = std::make_shared<TextHandle::Sink>(tokenizer_, request.own_text, std::move(matcher),
                                                 std::move(request.on_text));
  tokens.sink = sink;
  return TextHandle(engine_.submit(pipeline_, std::move(tokens)), std::move(sink));
}

Completion LanguageSession::complete(TextRequest request) {
  const TextHandle handle = submit(std::move(request));
  while (!handle.finished()) {
    if (!engine_.step()) {
      handle.cancel();  // nothing can run and nobody else steps: room is held outside the engine
    }
  }
  return handle.wait();
}

}  // namespace sirocco
