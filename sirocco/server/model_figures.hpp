#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sirocco/base/seconds.hpp"
#include "sirocco/engine/channel.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

/// What a model did for an exchange, in figures and without a word of what was said. Whoever
/// answers makes it once the engine has accepted the jobs, leaves it with the exchange, and fills
/// it in until the exchange ends. One thread at a time.
struct ModelFigures {
  std::string model;
  std::size_t jobs = 1;               ///< of the engine, one a prompt
  std::int64_t prompt_tokens = 0;     ///< of all prompts, each once
  std::int64_t generated_tokens = 0;  ///< of all answers, as far as they were taken

  // Of the jobs that have ended.
  std::size_t ended_jobs = 0;
  std::int64_t cached_tokens = 0;  ///< of the prompts', found in the prefix cache
  Seconds queued_s = 0;            ///< from submission to admission, the longest
  Seconds first_s = 0;  ///< from submission to the first token or an end without one, the longest
  FinishReason worst = FinishReason::kStop;  ///< see worse

  Seconds sound_s = 0;  ///< of the sound that is written down; then no prompt is counted

  /// A job has ended.
  void add_end(FinishReason reason, std::int64_t cached, const RequestTimings& timings);
  /// How it ended: the worst of its jobs' reasons. Jobs that haven't ended are cancelled by the end
  /// of the exchange.
  FinishReason reason() const;
};

/// The one that leaves the client with less: a failure before a cancellation, then what cut an
/// answer, and an answer's own end last.
FinishReason worse(FinishReason a, FinishReason b);

}  // namespace sirocco
