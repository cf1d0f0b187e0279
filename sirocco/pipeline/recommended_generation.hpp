#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// What suits a conversation where neither the checkpoint nor the person says so. The penalty is
/// that of Ollama and LM Studio, over the last 64 tokens: without one, a small model that has
/// begun to repeat itself never ends. Words of the question are no repetition: docs/generation.md
/// has the figures.
inline SamplingParams chat_sampling() {
  SamplingParams params;
  params.repetition_penalty = 1.1f;
  params.penalize_prompt = false;
  params.temperature = 0.7f;
  params.top_k = 40;
  params.top_p = 0.95f;
  params.min_p = 0.05f;
  return params;
}

/// How long a checkpoint's authors would have an answer at most.
struct RecommendedLimits {
  std::optional<std::int64_t> max_new_tokens;  ///< of the answer; counts before the other
  std::optional<std::int64_t> max_length;      ///< of prompt and answer together

  /// The limit on an answer behind `prompt` tokens; none where nothing is recommended, or where
  /// `max_length` leaves no room.
  std::optional<std::int64_t> behind(std::int64_t prompt) const;
};

/// How a checkpoint's authors would have its answers made: generation_config.json of a Hugging Face
/// folder; general.sampling.* and tokenizer.ggml.suppress_tokens of a GGUF file.
struct RecommendedGeneration {
  SamplingParams sampling;
  RecommendedLimits limits;
  std::vector<std::string> stop;  ///< stop strings
  /// What changes answers but isn't followed, as a person may read it: "num_beams (4)".
  std::vector<std::string> not_followed;
};

/// Reads what a checkpoint recommends. A word on how freely tokens are chosen (temperature, top_k,
/// top_p, min_p, typical_p; `do_sample`: false, which means the likeliest one) is whole: what it
/// leaves out is off, and it counts whether or not `do_sample` is there. Without one, `usual`
/// holds. Rules and penalties count in any case. Ids that the vocabulary lacks forbid nothing.
/// `vocabulary` is the number of the model's tokens. Throws FormatError that names the value when
/// it is out of its range or of another type.
RecommendedGeneration recommended_generation(const Metadata& metadata, SamplingParams usual,
                                             std::int64_t vocabulary);

}  // namespace sirocco
