#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/server/json/members.hpp"

namespace sirocco {

/// Answers that one request may ask for, over all its prompts.
inline constexpr int kMaxChoices = 128;
inline constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;
inline constexpr std::size_t kMaxLogitBiases = 4096;

/// What a request says of how tokens are chosen. What it leaves out is the model's own.
struct AskedSampling {
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> typical_p;
  std::optional<float> repetition_penalty;
  std::optional<float> presence_penalty;
  std::optional<float> frequency_penalty;
  std::optional<std::int32_t> top_k;
  std::optional<std::int32_t> penalty_last_n;
  std::optional<std::int64_t> min_new_tokens;
  std::vector<LogitBias> logit_bias;  ///< each token once; ids may lie beyond the vocabulary
  std::optional<std::uint64_t> seed;  ///< without: another one for each request

  /// `usual` with what was asked for in its place; `fresh_seed` where none was.
  SamplingParams over(SamplingParams usual, std::uint64_t fresh_seed) const;
};

/// What requests for answers have in common, whatever the prompt is.
struct Generation {
  std::optional<std::string> model;
  AskedSampling sampling;
  /// Tokens of an answer at most. Without: what the model recommends, then the engine's default.
  std::optional<std::int64_t> max_tokens;
  std::string_view limit_member = "max_tokens";  ///< what the request calls that
  std::vector<std::string> stop;  ///< stop strings; empty: those that the model recommends
  int choices = 1;                ///< answers to each prompt
  /// Log-probabilities of the tokens are wanted, with those of so many likeliest alternatives.
  std::optional<int> alternatives;
  bool ignore_end = false;    ///< go on behind the model's end of generation
  bool use_prefixes = true;   ///< find and leave prefixes in the cache
  std::int32_t priority = 0;  ///< lower goes first
  /// From the arrival of the request on; then its answers end where they are.
  std::optional<double> timeout_s;
  bool stream = false;
  bool include_usage = false;  ///< a stream ends with a chunk that tells the usage
};

// What the requests of every API may have, whatever else its own tables have.

std::span<const json::Member<Generation>> model_members();
/// All but the temperature, whose range differs.
std::span<const json::Member<AskedSampling>> sampling_members();
std::span<const json::Member<Generation>> generation_members();

/// Member::put of stop strings: an array of them, or one text.
void put_stop(Generation& out, const json::Field& field);

/// Reads these members; those that limit an answer were read before. Throws InvalidRequest,
/// also for members that contradict each other.
void read_common_members(json::MemberReader& reader, Generation& out);

}  // namespace sirocco
