#include "sirocco/models/decoder.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

constexpr std::int64_t kWidth = 24;
constexpr std::int64_t kTokens = 9;

std::shared_ptr<const WeightMatrix> packed(Backend& backend, const std::vector<float>& values) {
  return backend.pack({"table",
                       find_format(FormatId::kF32),
                       {std::ssize(values) / kWidth, kWidth},
                       std::as_bytes(std::span(values))});
}

// Scaled, or with learned positions, types and a norm: only the table's rows are exchanged.
TEST(TokenEmbedding, GivenRowsStandInForTheTablesRows) {
  Random random(41);
  const std::vector<float> table = random_floats(random, 30 * kWidth);
  const std::vector<float> types = random_floats(random, 2 * kWidth);
  const std::vector<float> positions = random_floats(random, 20 * kWidth);
  const WeightVector weight(random_floats(random, kWidth));
  const std::vector<TokenId> ids = {TokenId(3), TokenId(29), TokenId(0), TokenId(3), TokenId(11),
                                    TokenId(7), TokenId(8),  TokenId(1), TokenId(4)};
  for (const Isa isa : runnable_op_tiers()) {
    TestBackend backend(isa, 2);
    for (const bool learned : {false, true}) {
      const float scale = learned ? 1.0f : 3.0f;
      TokenEmbedding embedding(packed(*backend, table), scale);
      if (learned) {
        embedding = std::move(embedding)
                        .with_types(packed(*backend, types))
                        .with_positions(packed(*backend, positions))
                        .with_norm(LayerNorm(weight, {}, 1e-5f));
      }
      std::vector<float> rows;
      for (const TokenId id : ids)
        for (std::int64_t k = 0; k < kWidth; ++k)
          rows.push_back(table[static_cast<std::size_t>(id.value() * kWidth + k)] * scale);
      const Tensor given = tensor_of(rows, {kTokens, kWidth});
      const StepRows step{{{SequenceId(1), Position(11), 4}, {SequenceId(2), Position(0), 5}}, {}};
      StepMemory memory;
      const CacheViews none;
      TransformContext context(*backend, memory, step, none);
      const auto floats = [&](const TokenBatch& batch) {
        const auto values = backend->read(embedding.embed(batch, context).values());
        return std::vector<float>(values.begin(), values.end());
      };
      const std::vector<float> expected = floats(TokenBatch(ids));
      const auto part = [&](std::int64_t first, std::int64_t count) {
        return GivenRows{first, given.slice_rows(first, count)};
      };
      const std::span<const TokenId> all(ids);
      EXPECT_TRUE(same_bits(floats(TokenBatch({}, {part(0, kTokens)})), expected));
      EXPECT_TRUE(same_bits(floats(TokenBatch(all.first(5), {part(5, 4)})), expected));
      std::vector<TokenId> others = {ids[0], ids[3], ids[4], ids[6]};
      EXPECT_TRUE(
          same_bits(floats(TokenBatch(others, {part(1, 2), part(5, 1), part(7, 2)})), expected));
      std::vector<float> narrow(static_cast<std::size_t>(kTokens * 5));
      EXPECT_THROW(floats(TokenBatch({}, {{0, tensor_of(narrow, {kTokens, 5})}})), InvalidArgument);
    }
  }
}

}  // namespace
}  // namespace sirocco
