#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// Told of text as it comes: well-formed UTF-8, never part of a stop string. On the thread that
/// drives the engine. False stops the answer.
using OnText = std::function<bool(std::string_view text)>;

struct TextRequest {
  /// The prompt. Control tokens match in trusted segments only.
  std::vector<TextSegment> segments;
  /// Whether the model's BOS is put before a prompt that doesn't begin with it. (A rendered chat
  /// template usually wrote its own.)
  bool add_special = true;
  SamplingParams sampling;
  std::optional<std::int64_t> max_tokens;
  std::vector<std::string> stop;  ///< stop strings
  bool ignore_end = false;        ///< go on behind the model's end of generation
  /// The answer is a text of its own, as a turn of a conversation is, and not the continuation of
  /// the prompt's: a space that the vocabulary puts before a text's first word is no part of it.
  bool own_text = false;
  OnText on_text;  ///< may be empty
};

/// An answer.
struct Completion {
  std::string text;
  std::vector<TokenId> tokens;  ///< without the one that ended the generation
  FinishReason reason = FinishReason::kStop;
  std::string message;      ///< kFailed: what went wrong
  std::string stop_string;  ///< the one that was found, if any
  std::int64_t limit = 0;   ///< on generated tokens, given or default
  SequenceTimings timings;
};

/// The caller's end of a running answer. Copies are the same.
class TextHandle {
 public:
  const RequestHandle& request() const { return request_; }
  void cancel() const { request_.cancel(); }
  bool finished() const { return request_.finished(); }
  /// Blocks until the end and returns the answer. Some other thread must drive the engine.
  Completion wait() const;

 private:
  friend class LanguageSession;
  class Sink;
  TextHandle(RequestHandle request, std::shared_ptr<Sink> sink);
  RequestHandle request_;
  std::shared_ptr<Sink> sink_;
};

/// Text in, text out: one pipeline of an engine with its tokenizer. Both outlive it. Answers are
/// made of tokens that the tokenizer has: never of ids beyond it, which a model's head may have
/// too, nor of its unused ones. Thread-safe.
class LanguageSession {
 public:
  LanguageSession(Engine& engine, PipelineId pipeline, const Tokenizer& tokenizer);

  /// The tokens that a request's prompt becomes.
  std::vector<TokenId> tokenize(const TextRequest& request) const;
  /// Throws as Engine::submit, and InvalidArgument for stop strings out of range.
  TextHandle submit(TextRequest request);
  /// submit, then steps the engine on this thread until the answer is there. Not while the engine
  /// runs on its own thread.
  Completion complete(TextRequest request);

 private:
  Engine& engine_;
  PipelineId pipeline_;
  const Tokenizer& tokenizer_;
  std::int64_t known_tokens_;    // all that an answer may have are below
  std::vector<TokenId> unused_;  // those below that are none
};

}  // namespace sirocco
