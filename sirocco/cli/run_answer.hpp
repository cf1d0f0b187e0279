#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/cli/run_settings.hpp"
#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/conversation.hpp"

namespace sirocco {

/// What answers took so far.
struct RunStatistics {
  std::int64_t prompt_tokens = 0;  ///< that were computed: not those found in the cache
  std::int64_t generated_tokens = 0;
  double prompt_s = 0;
  double generation_s = 0;  ///< of all generated tokens but each answer's first
  std::int64_t timed_tokens = 0;

  void add(const Completion& completion);
  /// One line: tokens and tokens/s of prompts and of generation.
  std::string text() const;
};

/// Asked between the steps of an answer; true stops it. May be empty.
using StopAnswer = std::function<bool()>;

/// Where answers come from: a loaded model and an engine, driven by whoever asks.
class Answerer {
 public:
  /// `format` is how conversations are rendered; without, only texts are completed.
  Answerer(const LoadedModel& model, std::optional<ChatFormat> format, bool parse_special);

  /// Streams the answer to a conversation's last message.
  Completion answer(const Conversation& conversation, const RunSettings& settings,
                    const OnText& on_text, const StopAnswer& stop = {});
  /// Streams what follows a text; `shown` are the files of pictures and sounds that stand before
  /// it.
  Completion complete(std::string_view text, const RunSettings& settings, const OnText& on_text,
                      const StopAnswer& stop = {}, std::span<const ShownFile> shown = {});

  /// Reads a file's picture or sound, so that it is known whether it can be shown. Throws
  /// UnsupportedError where the model doesn't see or doesn't hear, NotFound, IoError and as
  /// PictureReader::read and SoundReader::read.
  void take_in(const ShownFile& file) { static_cast<void>(medium(file)); }

  bool raw() const { return !format_.has_value(); }
  /// What conversations are rendered with; null where there is no format.
  const ChatTemplate* chat_template() const;
  const LoadedModel& model() const { return model_; }
  const RunStatistics& statistics() const { return statistics_; }
  /// Tokens of the last prompt and its answer.
  std::int64_t used_context() const { return used_context_; }
  /// Tokens that a prompt and its answer may have.
  std::int32_t context() const { return limits_of(pipeline_).max_context; }

 private:
  Completion run(TextPrompt prompt, bool own_text, const RunSettings& settings,
                 const OnText& on_text, const StopAnswer& stop);
  /// A file's picture or sound, read once. Throws as take_in.
  const ReadMedium& medium(const ShownFile& file);
  TextPrompt tokens_of(const RenderedPrompt& prompt) const;
  /// On the tokens of an answer. Says, once, that there is one which leaves no room.
  std::optional<std::int64_t> recommended_limit(const RecommendedLimits& limits,
                                                std::int64_t prompt);

  const LoadedModel& model_;
  std::optional<ChatFormat> format_;
  bool parse_special_;
  Engine engine_;
  TextHandle pipeline_;
  LanguageSession session_;
  std::map<std::pair<Medium, std::string>, ReadMedium> media_;  // by file
  RunStatistics statistics_;
  std::int64_t used_context_ = 0;
  bool told_of_length_ = false;
};

/// What a person should know of how an answer ended; empty when it ended by itself.
std::string ending_notice(const Completion& completion, std::int32_t context);

}  // namespace sirocco
