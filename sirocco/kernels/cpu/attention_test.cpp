#include <gtest/gtest.h>

#include "sirocco/kernels/cpu/attention_testing.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {
namespace {

using namespace attention_testing;

const std::vector<Options> kMasks = {
    {},
    {.mask = {.causal = true, .window = 5}},
    {.mask = {.causal = true, .window = 100}, .logit_cap = 2.0f},
    {.mask = {.causal = false}},
    {.mask = {.causal = false, .window = 70}},
    {.mask = {.causal = false, .window = 3}},
    {.mask = {}, .logit_cap = 1.0f},
    {.mask = {.causal = true, .window = 60}, .sinks = {0.5f, -3.0f, 4.0f, 20.0f, -40.0f}},
    {.mask = {}, .slopes = {0.5f, 0.0625f, 0.004f, 0.0f}},
    {.mask = {.causal = false, .window = 150}, .logit_cap = 3.0f, .slopes = {0.25f, 0.01f}},
    // Spans of a position, from tile to tile, over several tiles, next to each other.
    {.mask = {}, .spans = {{2, 3}, {10, 50}, {64, 128}, {128, 131}, {180, 280}}},
    {.mask = {.causal = true, .window = 20},
     .logit_cap = 2.0f,
     .slopes = {0.02f, 0.0f},
     .spans = {{5, 17}, {60, 200}, {255, 257}}},
    {.mask = {.causal = true, .window = 100}, .sinks = {2.0f}, .spans = {{0, 290}}},
    {.mask = {.causal = false, .window = 30}, .spans = {{5, 100}}},
    // Beyond a bias on both sides, and within it everywhere.
    {.mask = {.causal = false}, .bias_until = 91},
    {.mask = {.causal = false}, .bias_until = 300},
    {.mask = {.causal = false, .window = 70}, .logit_cap = 2.0f, .slopes = {0.1f}, .bias_until = 0},
    {.mask = {.causal = true}, .bias_until = 5},
};
const std::vector<std::size_t> kCausalMasks = {0, 1, 2, 8, 10, 11, 17};

TEST(Attention, IsSoftmaxAttention) {
  for (const auto& [type, value_first] :
       std::vector<std::pair<KvType, std::int32_t>>{{KvType::kF16, -1},
                                                    {KvType::kF32, -1},
                                                    {KvType::kQ8_0, -1},
                                                    {KvType::kF16, 9},
                                                    {KvType::kF32, 16},
                                                    {KvType::kQ8_0, 7}}) {
    const Sequences in({.heads = 4,
                        .kv_heads = 2,
                        .key_dim = 40,
                        .value_dim = 24,
                        .type = type,
                        .value_first = value_first},
                       {300, 3}, 1);
    for (std::size_t m = 0; m < kMasks.size(); m += kSanitized ? 3 : 1) {
      const Options& options = kMasks[m];
      for (const Isa isa : {Isa::kRef, runnable_op_tiers().back()}) {
        TestBackend backend(isa, 2);
        const auto out = run(*backend, in, options, {300}, 2);
        for (std::size_t s = 0; s < 2; ++s) {
          const std::vector<double> want = exact(in, s, options);
          ASSERT_EQ(out[s].size(), want.size());
          for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(out[s][i], want[i], 3e-6) << i;
        }
      }
    }
  }
}

TEST(Attention, EveryTierGivesTheBitsOfTheOracle) {
  const std::vector<Geometry> geometries = {
      {},
      {.heads = 1, .kv_heads = 1, .key_dim = 128, .value_dim = 128, .block_positions = 16},
      {.heads = 3, .kv_heads = 3, .key_dim = 80, .value_dim = 80, .type = KvType::kF32},
      {.heads = 8, .kv_heads = 1, .key_dim = 40, .value_dim = 72, .block_positions = 48},
      {.heads = 7, .kv_heads = 1, .key_dim = 17, .value_dim = 5, .block_positions = 128},
      {.heads = 10, .kv_heads = 2, .key_dim = 256, .value_dim = 256, .type = KvType::kF32},
      {.heads = 9, .kv_heads = 1, .key_dim = 88, .value_dim = 72, .value_first = 16},
      {.heads = 5,
       .kv_heads = 1,
       .key_dim = 24,
       .value_dim = 18,
       .block_positions = 16,
       .type = KvType::kF32,
       .value_first = 6},
      {.type = KvType::kQ8_0},
      {.heads = 3,
       .kv_heads = 3,
       .key_dim = 40,
       .value_dim = 72,
       .block_positions = 48,
       .type = KvType::kQ8_0},
      {.heads = 8,
       .kv_heads = 1,
       .key_dim = 129,
       .value_dim = 17,
       .block_positions = 16,
       .type = KvType::kQ8_0},
      {.heads = 5,
       .kv_heads = 1,
       .key_dim = 88,
       .value_dim = 72,
       .type = KvType::kQ8_0,
       .value_first = 16},
  };
  for (std::size_t g = 0; g < geometries.size(); ++g) {
    const Geometry& geometry = geometries[g];
    const Sequences in(geometry, {geometry.key_dim > 128 ? 90 : 290, 1, 17}, 3);
    for (std::size_t m = kSanitized ? g % 3 : 0; m < kMasks.size(); m += kSanitized ? 3 : 1) {
      TestBackend ref(Isa::kRef);
      const auto expected = run(*ref, in, kMasks[m], {290}, 4);
      for (const Isa isa : runnable_op_tiers()) {
        for (const int threads : {1, 3}) {
          if (threads == 1 && kSanitized) continue;
          if (isa == Isa::kRef && (threads == 1 || m % 3 != 0)) continue;
          TestBackend backend(isa, threads);
          const auto out = run(*backend, in, kMasks[m], {290}, 5);
          for (std::size_t s = 0; s < in.lengths.size(); ++s)
            ASSERT_TRUE(same_bits(out[s], expected[s]))
                << isa_name(isa) << ", E " << geometry.key_dim << ", mask " << m << ", sequence "
                << s;
        }
      }
    }
  }
}

// A causal sequence has one answer however it was cut, whoever its neighbours are.
TEST(Attention, ChunksNeighboursBlocksAndThreadsChangeNothing) {
  for (const std::int64_t heads : {2, 6, 8}) {
    if (heads == 6 && kSanitized) continue;
    Geometry geometry{.heads = heads, .kv_heads = 2, .key_dim = 48, .value_dim = 48};
    const Sequences in(geometry, {540, 130, 9}, 6);
    for (const std::size_t m : kCausalMasks) {
      const Options& options = kMasks[m];
      for (const Isa isa : runnable_op_tiers()) {
        if (isa == Isa::kRef && (heads > 2 || kSanitized)) continue;
        TestBackend whole(isa);
        const auto expected = run(*whole, in, options, {540}, 7);
        for (const int threads : {1, 2, 3}) {
          if (threads == 1 && kSanitized) continue;
          TestBackend backend(isa, threads);
          for (const std::vector<std::int32_t>& chunks :
               std::vector<std::vector<std::int32_t>>{{3, 1, 64, 5, 200}, {530, 1}, {37}}) {
            const auto out = run(*backend, in, options, chunks, 8 + static_cast<unsigned>(threads));
            for (std::size_t s = 0; s < 3; ++s) ASSERT_TRUE(same_bits(out[s], expected[s]));
          }
        }
        // Another paging.
        Sequences other = in;
        other.shape.block_positions = 16;
        const auto out = run(*whole, other, options, {111}, 12);
        for (std::size_t s = 0; s < 3; ++s) ASSERT_TRUE(same_bits(out[s], expected[s]));
      }
    }
  }
}

// Blocks that have left the window may be gone.
TEST(Attention, ReadsNothingBeforeTheWindow) {
  const Sequences in({.block_positions = 16}, {400}, 9);
  for (const Options& options :
       {Options{.mask = {.causal = true, .window = 90}},
        Options{.mask = {.causal = true, .window = 40}, .spans = {{170, 300}, {340, 345}}}}) {
    for (const Isa isa : runnable_op_tiers()) {
      TestBackend backend(isa, 2);
      const auto expected = run(*backend, in, options, {400}, 10);
      ASSERT_TRUE(same_bits(run(*backend, in, options, {150, 13}, 11, true)[0], expected[0]));
    }
  }
}

}  // namespace
}  // namespace sirocco
