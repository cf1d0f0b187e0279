#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/multimodal_pipeline.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A TextPrompt is tokens (tokenize_prompt), or text, pictures and sounds (MediaReader::parts).
using TextPrompt = std::variant<std::vector<TokenId>, std::vector<PromptPart>>;
/// The rows that it has.
std::int64_t rows_of(const TextPrompt& prompt);

/// A TextRequest is what a program asks of a text model: what follows a prompt, as text.
struct TextRequest {
  TextPrompt prompt;
  SamplingParams sampling;
  std::optional<std::int64_t> max_tokens;  ///< of an answer; without, as TextJob has it
  std::int32_t choices = 1;                ///< answers, made beside one another
  /// Wanted with each token's log-probability: those of so many of the likeliest.
  std::optional<std::int32_t> alternatives;
  std::optional<std::int32_t> prompt_alternatives;  ///< the same of the prompt, as TextJob has it
  std::vector<std::string> stop;                    ///< stop strings
  bool ignore_end = false;                          ///< go on behind the model's end of generation
  /// The answer is a text of its own, as a turn of a conversation is, and not the continuation of
  /// the prompt's: a space that the vocabulary puts before a text's first word is no part of it.
  bool own_text = false;
  std::optional<PrefixKey> prefixes = PrefixKey{};  ///< as TextJob has it
};

/// A TextPiece is what came of one answer at a time.
struct TextPiece {
  std::uint32_t choice = 0;
  std::string text = {};  ///< well-formed UTF-8, never part of a stop string; may be empty
  std::vector<ChosenToken> tokens = {};  ///< whose text this is, or a part, or is held back yet
  /// Of the prompt from the second on, where they are wanted: in the first piece of all.
  std::vector<ChosenToken> prompt = {};
  bool ended = false;  ///< nothing more comes of this answer
};

/// A Completion is an answer, as far as it was taken.
struct Completion {
  std::string text;
  std::vector<TokenId> tokens;  ///< without the one that ended the generation
  FinishReason reason = FinishReason::kStop;
  std::optional<ErrorKind> error;  ///< kFailed: the kind of what went wrong
  std::string message;             ///< kFailed: what went wrong
  std::string stop_string;         ///< the one that was found, if any
  std::int64_t limit = 0;          ///< on generated tokens, given or default
  Usage usage;
  RequestTimings timings;
};

/// A TextStream is the caller's end of answers that are being written: their tokens become text as
/// they are taken, on the caller's own thread. When it goes, its answers are cancelled. Move-only;
/// one thread at a time.
class TextStream {
 public:
  TextStream(TextStream&&) noexcept;
  TextStream& operator=(TextStream&&) noexcept;
  ~TextStream();

  /// The next piece that is there now.
  std::optional<TextPiece> try_next_piece();
  /// The next piece; nothing at the end. Blocks, as next.
  std::optional<TextPiece> next_piece();
  /// Text that is there now, of all answers. May be empty.
  std::string try_next();
  /// The next text, not empty; nothing at the end. Blocks: some other thread must drive the engine.
  std::optional<std::string> next();
  /// Asks for the end, which comes before the next step. Never blocks; what came before can still
  /// be taken.
  void cancel();
  /// Whether nothing more will come.
  bool ended() const;
  /// What holds for it: limits that were given, or defaults.
  const TextTerms& terms() const;
  /// An answer as far as it was taken; whole once the stream has ended.
  const Completion& completion(std::uint32_t choice = 0) const;
  /// Of all answers together: whole once the stream has ended.
  Usage usage() const;
  /// Takes what is left; blocks as next does. Returns the first answer.
  Completion wait();

 private:
  friend class LanguageSession;
  struct State;
  explicit TextStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// OnText is told of text as it comes, on the thread that asked for it. False stops the answer.
using OnText = std::function<bool(std::string_view text)>;

/// A TextHandle is the place in an engine of a pipeline that writes text.
using TextHandle = std::variant<Handle<LanguagePipeline>, Handle<MultimodalPipeline>>;
const PipelineLimits& limits_of(const TextHandle& pipeline);
const LaneStatistics& statistics_of(const TextHandle& pipeline);

/// A LanguageSession takes text in, pictures and sounds where the model takes them, and gives text
/// out: one pipeline of an engine with its tokenizer. Both outlive it. Answers are made of tokens
/// that the tokenizer has: never of ids beyond it, which a model's head may have too, nor of its
/// unused ones. Thread-safe.
class LanguageSession {
 public:
  LanguageSession(Engine& engine, TextHandle pipeline, const Tokenizer& tokenizer);

  /// Throws as Engine::submit, InvalidArgument for stop strings out of range, and UnsupportedError
  /// for pictures and sounds where the model takes none.
  TextStream submit(TextRequest request, const SubmitOptions& with = {});

  /// submit, then steps the engine on this thread until the answer is there. Between steps `stop`
  /// is asked, if there is one, and true stops the answer. Not while the engine has its own thread.
  Completion complete(TextRequest request, const OnText& on_text = {},
                      const std::function<bool()>& stop = {});

 private:
  Engine& engine_;
  TextHandle pipeline_;
  const Tokenizer& tokenizer_;
  std::int64_t known_tokens_;    // all that an answer may have are below
  std::vector<TokenId> unused_;  // those below that are none
};

}  // namespace sirocco
