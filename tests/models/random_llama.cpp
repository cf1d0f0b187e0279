#include <fmt/format.h>

#include <string>

#include "tests/models/random_checkpoint_testing.hpp"
#include "tests/models/random_llama_testing.hpp"

namespace sirocco::testing {

Checkpoint random_llama(const Format& format, std::mt19937& random) {
  constexpr std::int64_t kLayers = 2;
  constexpr std::int64_t kWidth = 256;
  constexpr std::int64_t kFeedForward = 256;
  constexpr std::int64_t kHeads = 4;
  constexpr std::int64_t kKvHeads = 2;
  constexpr std::int64_t kKvWidth = kWidth / kHeads * kKvHeads;
  constexpr std::int64_t kVocabulary = 83;
  RandomCheckpoint model("llama", random);
  model.set("block_count", kLayers);
  model.set("embedding_length", kWidth);
  model.set("context_length", std::int64_t{256});
  model.set("attention.head_count", kHeads);
  model.set("attention.head_count_kv", kKvHeads);
  model.set("feed_forward_length", kFeedForward);
  model.set("attention.layer_norm_rms_epsilon", 1e-5);
  model.matrix("token_embd", format, {kVocabulary, kWidth});
  model.matrix("output", format, {kVocabulary, kWidth});
  model.vector("output_norm.weight", kWidth);
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const auto name = [&](std::string_view part) { return fmt::format("blk.{}.{}", layer, part); };
    model.vector(name("attn_norm.weight"), kWidth);
    model.matrix(name("attn_q"), format, {kWidth, kWidth});
    model.matrix(name("attn_k"), format, {kKvWidth, kWidth});
    model.matrix(name("attn_v"), format, {kKvWidth, kWidth});
    model.matrix(name("attn_output"), format, {kWidth, kWidth});
    model.vector(name("ffn_norm.weight"), kWidth);
    model.matrix(name("ffn_gate"), format, {kFeedForward, kWidth});
    model.matrix(name("ffn_up"), format, {kFeedForward, kWidth});
    model.matrix(name("ffn_down"), format, {kWidth, kFeedForward});
  }
  return model.checkpoint();
}

}  // namespace sirocco::testing
