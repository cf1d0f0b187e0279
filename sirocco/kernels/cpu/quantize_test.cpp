#include <gtest/gtest.h>

#include <cmath>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/kernels/cpu/q8.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

TEST(Quantize, RoundsToNearestEvenWithinTheBlock) {
  TestBackend backend(Isa::kRef);
  std::vector<float> x(40, 0.0f);
  x[0] = -127.0f;
  x[1] = 0.5f;
  x[2] = 1.5f;
  x[3] = 126.4f;
  x[31] = -3.0f;
  x[33] = 2.0f;
  Q8Rows q8(*backend, 1, 40);
  backend->quantize(tensor_of(x, {1, 40}), Out(q8.tensor()));
  const auto* blocks = reinterpret_cast<const Q8Block*>(q8.bytes().data());
  EXPECT_EQ(blocks[0].scale, 1.0f);
  EXPECT_EQ(blocks[0].quants[0], -127);
  EXPECT_EQ(blocks[0].quants[1], 0);
  EXPECT_EQ(blocks[0].quants[2], 2);
  EXPECT_EQ(blocks[0].quants[3], 126);
  EXPECT_EQ(blocks[0].quants[31], -3);
  EXPECT_EQ(blocks[0].half_sums[0], 1);
  EXPECT_EQ(blocks[0].half_sums[1], -3);
  EXPECT_EQ(blocks[0].minus_8_sum, 16);
  EXPECT_EQ(blocks[0].scaled_sum, -2.0f);
  EXPECT_EQ(blocks[1].scale, 2.0f / 127.0f);
  EXPECT_EQ(blocks[1].quants[1], 127);
  EXPECT_EQ(blocks[1].quants[8], 0);
}

TEST(Quantize, FineBlocksRoundWhatIsLeft) {
  TestBackend backend(Isa::kRef);
  Random random(21);
  constexpr std::int64_t kColumns = 100;  // blocks of 32, 32, 32 and 4
  for (const std::size_t max_block : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
    std::vector<float> x = random_floats(random, kColumns);
    // Two blocks of one scale: the first of them is the largest.
    x[32 * max_block + 1] = 50.0f;
    if (max_block < 3) x[32 * max_block + 32] = -50.0f;
    for (const FineBlocks which : {FineBlocks::kOne, FineBlocks::kFew}) {
      Q8Rows q8(*backend, 1, kColumns);
      FineRows fine(*backend, 1, kColumns, which);
      backend->quantize(tensor_of(x, {1, kColumns}), Out(q8.tensor()), Out(fine.tensor()));
      const auto* blocks = reinterpret_cast<const Q8Block*>(q8.bytes().data());
      const auto* second = reinterpret_cast<const FineBlock*>(fine.bytes().data());
      const std::size_t count = which == FineBlocks::kFew ? 4 : 1;
      ASSERT_EQ(fine.bytes().size(), count * sizeof(FineBlock));
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t b = which == FineBlocks::kFew ? i : max_block;
        ASSERT_EQ(second[i].block, static_cast<std::int32_t>(b));
        // What is left is half a step at most, and of that half a step of 127 of them.
        EXPECT_LE(second[i].rest.scale, blocks[b].scale * 0.5001f / 127.0f);
        for (std::size_t k = 0; k < 32; ++k) {
          const double value = 32 * b + k < x.size() ? x[32 * b + k] : 0.0f;
          const double coarse = double{blocks[b].scale} * blocks[b].quants[k];
          const double both = coarse + double{second[i].rest.scale} * second[i].rest.quants[k];
          EXPECT_NEAR(both, value, 1e-6 + 0.501 * second[i].rest.scale);
        }
      }
    }
  }
}

TEST(Quantize, NansMakeTheirBlocksNan) {
  constexpr std::int64_t kColumns = 100;  // the last block has 4
  for (const Isa isa : runnable_op_tiers()) {
    TestBackend backend(isa);
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{40}, std::size_t{60}, std::size_t{99}}) {
      std::vector<float> x(kColumns, 0.5f);
      x[at] = NAN;
      Q8Rows q8(*backend, 1, kColumns);
      FineRows fine(*backend, 1, kColumns, FineBlocks::kFew);
      backend->quantize(tensor_of(x, {1, kColumns}), Out(q8.tensor()), Out(fine.tensor()));
      const auto* blocks = reinterpret_cast<const Q8Block*>(q8.bytes().data());
      const auto* second = reinterpret_cast<const FineBlock*>(fine.bytes().data());
      for (std::size_t b = 0; b < 4; ++b) {
        EXPECT_EQ(std::isnan(blocks[b].scale), b == at / 32) << isa_name(isa) << ", " << at;
        EXPECT_EQ(std::isnan(blocks[b].scaled_sum), b == at / 32);
        EXPECT_EQ(std::isnan(second[b].rest.scale), b == at / 32);
      }
    }
  }
}

}  // namespace
}  // namespace sirocco
