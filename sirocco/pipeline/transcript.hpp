#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sirocco/pipeline/transcription_tokens.hpp"

namespace sirocco {

/// TranscriptionOptions are how a sound is written down. Bounds that are nothing don't count.
struct TranscriptionOptions {
  std::optional<TokenId> language = std::nullopt;  ///< without: what the first window sounds like
  bool translate = false;                          ///< into English
  bool with_previous = true;                       ///< each window is told what was written before
  std::vector<TokenId> prompt = {};                ///< what is taken to be written before the first
  /// Each is tried while what the one before wrote repeats itself or is unlikely; at least one.
  std::vector<float> temperatures = {0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f};
  std::optional<double> max_compression = 2.4;       ///< how much smaller zlib makes a text
  std::optional<double> min_log_probability = -1.0;  ///< of a token, in the mean
  std::optional<double> max_no_speech = 0.6;         ///< beyond it a window is silence
  std::uint64_t seed = 0;                            ///< of choices at temperatures above 0
};

/// A TranscriptionSegment is what was said in one stretch of time.
struct TranscriptionSegment {
  double start = 0.0;  ///< seconds from the begin of the sound
  double end = 0.0;
  std::vector<TokenId> tokens;  ///< timestamps included
  float temperature = 0.0f;
  double log_probability = 0.0;  ///< of a token of its window, in the mean
  double compression = 0.0;      ///< of the text of its window
  double no_speech = 0.0;        ///< the probability that nobody speaks in its window
  std::int64_t window = 0;       ///< the frame of the sound that its window begins with
};

/// A TranscriptionEvent is what a window, or the first part of one, came to.
struct TranscriptionEvent {
  std::vector<TranscriptionSegment> segments;
  std::optional<TokenId> language;  ///< where the model knows several
  double seconds = 0.0;             ///< how far the sound is written down
};

/// A SoundShape is how long a sound and its windows are.
struct SoundShape {
  std::int64_t frames = 0;         ///< of the sound
  std::int64_t window_frames = 0;  ///< that a model hears at a time
  std::int32_t positions = 0;      ///< rows that the encoder makes of a window: steps of time
  double frame_seconds = 0.01;
};

/// A Transcript is a sound on its way to its text, window by window, as OpenAI's reference goes
/// (openai/whisper, transcribe.py): a window ends where the last whole segment in it does. It says
/// what the model is to do next and is told what came of it; it knows no model.
class Transcript {
 public:
  /// What `text_of` makes of tokens of text is what the bound on compression is about.
  using TextOf = std::function<std::string(std::span<const TokenId>)>;

  /// `max_tokens` is how many positions the decoder has. `tokens` outlives it.
  Transcript(const TranscriptionTokens& tokens, TranscriptionOptions options, SoundShape sound,
             std::int32_t max_tokens, TextOf text_of);

  bool done() const { return next_ == Next::kNothing; }

  /// Whether the window that begins with frame `window` has to be encoded.
  bool wants_encoder() const { return next_ == Next::kEncode; }
  std::int64_t window() const { return window_; }
  /// Frames of it that are of the sound; what follows is empty.
  std::int64_t window_frames() const;
  void encoded();

  /// Or tokens to be decoded, from `position` on; wanted are the logits of the last one and, where
  /// `wants_start`, those of the token that starts the text: its number among them.
  std::span<const TokenId> rows() const;
  std::int32_t position() const { return fed_; }
  std::optional<std::size_t> wants_start() const;
  /// Takes these logits, [V] each, all finite; `start` is empty where it isn't wanted. `last` is
  /// overwritten.
  void decoded(std::span<const float> start, std::span<float> last);

  /// What there is to tell, once.
  std::optional<TranscriptionEvent> next_event();
  std::int64_t written() const { return written_; }  ///< tokens, all attempts together

 private:
  enum class Next : std::uint8_t { kEncode, kDetect, kDecode, kNothing };
  /// One reading of a window at one temperature.
  struct Attempt {
    std::vector<TokenId> tokens;  ///< those that were given and those that were written
    std::size_t given = 0;
    std::size_t start = 0;  ///< the place of the start token
    double log_probability = 0.0;
    double no_speech = 0.0;
  };

  float temperature() const { return options_.temperatures[trial_]; }
  std::span<const TokenId> written_tokens() const {
    return std::span(attempt_.tokens).subspan(attempt_.given);
  }
  void begin_attempt();
  void detect(std::span<const float> logits);
  void end_attempt();
  void end_window(TranscriptionSegment about, std::vector<TokenId> tokens);
  void go_on(std::int64_t frames);

  const TranscriptionTokens& tokens_;
  TranscriptionOptions options_;
  SoundShape sound_;
  std::int32_t max_tokens_;
  TextOf text_of_;

  Next next_ = Next::kNothing;
  std::int64_t window_ = 0;
  std::size_t trial_ = 0;
  std::int32_t fed_ = 0;  ///< tokens of the attempt that were decoded
  Attempt attempt_;
  std::vector<TokenId> previous_;  ///< what the next window is told
  std::int64_t written_ = 0;
  std::optional<TranscriptionEvent> event_;
};

}  // namespace sirocco
