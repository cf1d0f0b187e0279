#include "sirocco/nn/relative_bias.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/nn_testing.hpp"

namespace sirocco {
namespace {

using namespace nn_testing;

// Where buckets begin, as transformers 5.24 has them (T5Attention._relative_position_bucket).
TEST(RelativeBuckets, BeginWhereThoseOfTransformersDo) {
  struct Recorded {
    RelativeBuckets buckets;
    std::vector<std::int64_t> first;  // distances; half as many as buckets
  };
  const Recorded cases[] = {
      {{32, 128}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91}},
      {{32, 1000}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 27, 49, 90, 164, 300, 547}},
      {{32, 64}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 18, 23, 30, 39, 50}},
      {{24, 36}, {0, 1, 2, 3, 4, 5, 6, 9, 11, 15, 20, 27}},
      {{12, 100}, {0, 1, 2, 3, 10, 32}},
      {{10, 40}, {0, 1, 2, 6, 15}},
      {{5, 9}, {0, 1}},
      {{4, 2}, {0, 1}},
  };
  for (const auto& [buckets, first] : cases) {
    const auto half = static_cast<std::int32_t>(first.size());
    std::int32_t bucket = 0;
    for (std::int64_t d = 0; d < 3000; ++d) {
      if (bucket + 1 < half && d == first[static_cast<std::size_t>(bucket) + 1]) ++bucket;
      ASSERT_EQ(buckets.bucket(-d), bucket) << buckets.count << ", -" << d;
      if (d > 0) {
        ASSERT_EQ(buckets.bucket(d), half + bucket) << buckets.count << ", " << d;
      }
    }
    EXPECT_EQ(buckets.bucket(INT64_MAX), 2 * half - 1);
  }
}

TEST(RelativeBias, ChecksItsNumbersOnce) {
  const std::vector<float> values(6 * 32);
  EXPECT_NO_THROW(RelativeBias({32, 128}, 6, values));
  EXPECT_THROW(RelativeBias({32, 128}, 5, values), InvalidArgument);
  EXPECT_THROW(RelativeBias({32, 128}, 0, {}), InvalidArgument);
  EXPECT_THROW(RelativeBias({2, 128}, 96, values), InvalidArgument);
  EXPECT_THROW(RelativeBias({32, 8}, 6, values), InvalidArgument);
  EXPECT_THROW(RelativeBias({32, 0}, 6, values), InvalidArgument);
  EXPECT_THROW(RelativeBias({32, INT32_MAX}, 6, values), InvalidArgument);
  EXPECT_NO_THROW(RelativeBias({4, 2}, 48, values));
}

TEST(RelativeBias, IsAddedToScoresByBucketAndHead) {
  Random random(12);
  ThreadGroup threads(2);
  const auto backend = make_cpu_backend(Isa::kRef, threads);
  const Weights w =
      random_weights(random, {.heads = 6, .kv_heads = 2, .head_dim = 12, .value_dim = 12});
  const RelativeBuckets buckets{12, 100};
  const std::vector<float> by_bucket = random_floats(random, 12 * 6, 2.0f);
  AttentionConfig config = w.config;
  config.scale = 1.0f;
  const auto made = [&] {
    return BidirectionalAttention(config, linear_of(*backend, w.q, kWidth),
                                  linear_of(*backend, w.k, kWidth),
                                  linear_of(*backend, w.v, kWidth), linear_of(*backend, w.o, 72));
  };
  EXPECT_THROW(made().with_relative_bias(RelativeBias({8, 20}, 9, by_bucket)), InvalidArgument);
  const BidirectionalAttention attention =
      made().with_relative_bias(RelativeBias(buckets, 6, by_bucket));

  constexpr std::int32_t kFirst = 130;
  constexpr std::int32_t kRows = 170;
  const std::vector<float> x = random_floats(random, kRows * kWidth);
  StepMemory memory;
  const StepRows rows{
      {{SequenceId(0), Position(0), kFirst}, {SequenceId(1), Position(0), kRows - kFirst}}, {}};
  const CacheViews none;
  TransformContext context(*backend, memory, rows, none);
  const Tensor in = backend->upload(context.held(), x, {kRows, kWidth});
  const std::span<const float> out =
      backend->read(attention.mix({.f32 = in, .q8 = {}}, LayerIndex(0), context));

  const std::vector<double> exact_x(x.begin(), x.end());
  const std::vector<double> q = product(exact_x, w.q, kWidth);
  const std::vector<double> k = product(exact_x, w.k, kWidth);
  const std::vector<double> v = product(exact_x, w.v, kWidth);
  std::vector<double> mixed(q.size());
  for (std::int64_t t = 0; t < kRows; ++t) {
    for (std::int64_t h = 0; h < 6; ++h) {
      double total = 0;
      double* const sum = mixed.data() + (t * 6 + h) * 12;
      for (std::int64_t j = t < kFirst ? 0 : kFirst; j < (t < kFirst ? kFirst : kRows); ++j) {
        const std::int64_t at = (j * 2 + h / 3) * 12;
        double score = by_bucket[static_cast<std::size_t>(buckets.bucket(j - t) * 6 + h)];
        for (std::int64_t e = 0; e < 12; ++e)
          score += q[static_cast<std::size_t>((t * 6 + h) * 12 + e)] *
                   k[static_cast<std::size_t>(at + e)];
        const double weight = std::exp(score);
        total += weight;
        for (std::int64_t e = 0; e < 12; ++e)
          sum[e] += weight * v[static_cast<std::size_t>(at + e)];
      }
      for (std::int64_t e = 0; e < 12; ++e) sum[e] /= total;
    }
  }
  expect_near({out.begin(), out.end()}, product(mixed, w.o, 72));
}

TEST(RelativeBias, KnowsWherePartsOfASequenceStand) {
  Random random(13);
  const Weights w =
      random_weights(random, {.heads = 4, .kv_heads = 4, .head_dim = 12, .value_dim = 12});
  const std::vector<float> by_bucket = random_floats(random, 12 * 4, 2.0f);
  constexpr std::int64_t kRows = 170;
  const std::vector<float> x = random_floats(random, kRows * kWidth);
  for (const Isa isa : runnable_tiers()) {
    ThreadGroup threads(2);
    const auto backend = make_cpu_backend(isa, threads);
    const BidirectionalAttention attention =
        BidirectionalAttention(w.config, linear_of(*backend, w.q, kWidth),
                               linear_of(*backend, w.k, kWidth), linear_of(*backend, w.v, kWidth),
                               linear_of(*backend, w.o, 48))
            .with_relative_bias(RelativeBias({12, 100}, 4, by_bucket));
    const SequenceRows whole(SequenceId(1), Position(0), kRows);
    StepMemory step_memory;
    /// use(the part's rows, its context), in a step of its own.
    const auto step = [&](const SequenceRows& part, const auto& use) {
      const StepRows rows{{part}, {}};
      const CacheViews none;
      TransformContext context(*backend, step_memory, rows, none);
      const auto first = static_cast<std::size_t>(part.first().value() * kWidth);
      const std::span<const float> values =
          std::span(x).subspan(first, static_cast<std::size_t>(part.rows() * kWidth));
      use(Activations{backend->upload(context.held(), values, {part.rows(), kWidth}), {}}, context);
    };
    std::vector<float> expected(x.size());
    step(whole, [&](const Activations& in, TransformContext& context) {
      std::ranges::copy(backend->read(attention.mix(in, LayerIndex(0), context)), expected.begin());
    });
    Arena arena;
    LayerMemory memory(arena);
    const RowRange parts[] = {{150, kRows}, {0, 1}, {1, 66}, {66, 150}};
    for (const RowRange rows : parts) {
      step(whole.part(rows), [&](const Activations& in, TransformContext& context) {
        attention.remember(in, memory, context);
      });
    }
    std::vector<float> found(x.size());
    for (const RowRange rows : parts) {
      step(whole.part(rows), [&](const Activations& in, TransformContext& context) {
        std::ranges::copy(backend->read(attention.attend(in, memory, context)),
                          found.begin() + rows.first * kWidth);
      });
    }
    EXPECT_TRUE(same_bits(found, expected));
  }
}

}  // namespace
}  // namespace sirocco
