#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/nn_testing.hpp"

/// Attention whose rows are mixed some at a time: what of it, and in which order, is all the same.
namespace sirocco {
namespace {

using namespace nn_testing;

constexpr std::int32_t kRows = 187;
/// Windows of 1 to 100 rows, of which some have more than a block of a layer's memory.
const std::vector<std::int32_t> kWindows = {5, 1, 100, 64, 17};

template <class A>
class MixedParts : public ::testing::Test {
 protected:
  A attention(Backend& backend) const {
    const Weights& w = weights_;
    const std::int64_t heads = std::int64_t{w.config.heads} * w.config.head_dim;
    return A(w.config, linear_of(backend, w.q, kWidth), linear_of(backend, w.k, kWidth),
             linear_of(backend, w.v, kWidth), linear_of(backend, w.o, heads))
        .with_qk_norm(RmsNorm(WeightVector(norm_), 1e-5f), RmsNorm(WeightVector(norm_), 1e-5f))
        .with_rotary(rotary_);
  }

  /// Rows that rotary encodings put elsewhere than where they are.
  static SequenceRows sequence() {
    std::vector<std::int32_t> places(2 * kRows);
    for (std::size_t i = 0; i < places.size(); ++i)
      places[i] = static_cast<std::int32_t>(i * 7 % 31);
    return SequenceRows(SequenceId(1), Position(0), kRows)
        .with_windows(kWindows)
        .with_rotary({2, std::move(places)});
  }

  /// use(rows of the part [n, kWidth], its context), in a step for that part.
  template <class Use>
  void step(Backend& backend, const SequenceRows& part, Use use) {
    const StepRows rows{{part}, {}};
    const CacheViews none;
    TransformContext context(backend, step_memory_, rows, none);
    const std::span<const float> x =
        std::span(x_).subspan(static_cast<std::size_t>(part.first().value() * kWidth),
                              static_cast<std::size_t>(part.rows() * kWidth));
    use({.f32 = backend.upload(context.held(), x, {part.rows(), kWidth}), .q8 = {}}, context);
  }

  Random random_{17};
  Weights weights_ =
      random_weights(random_, {.heads = 4, .kv_heads = 2, .head_dim = 12, .value_dim = 12});
  std::vector<float> norm_ = random_floats(random_, 12);
  std::vector<float> x_ = random_floats(random_, kRows* kWidth);
  std::shared_ptr<const Rotary> rotary_ = std::make_shared<const Rotary>(
      Rotary({1.0f, 0.3f, 0.5f, 0.1f, 0.05f, 0.01f})
          .with_sections(std::array<int, 2>{3, 3}, SectionOrder::kInARow));
  StepMemory step_memory_;
};

using Mixers = ::testing::Types<BidirectionalAttention, PatchWindowAttention>;
TYPED_TEST_SUITE(MixedParts, Mixers);

/// Consecutive parts of all rows, in a random order.
std::vector<RowRange> random_parts(Random& random) {
  std::vector<RowRange> out;
  for (std::int64_t first = 0; first < kRows;) {
    const std::int64_t count = random() % 3 == 0 ? 1 : 1 + static_cast<std::int64_t>(random() % 90);
    out.push_back({first, std::min<std::int64_t>(first + count, kRows)});
    first = out.back().end;
  }
  std::ranges::shuffle(out, random);
  return out;
}

TYPED_TEST(MixedParts, HaveTheBitsOfTheWhole) {
  for (const Isa isa : runnable_tiers()) {
    for (const int threads : {1, 3}) {
      ThreadGroup group(threads);
      const std::unique_ptr<Backend> backend = make_cpu_backend(isa, group);
      const TypeParam attention = this->attention(*backend);
      std::vector<float> whole;
      this->step(*backend, this->sequence(), [&](const Activations& x, TransformContext& context) {
        const Tensor made = attention.mix(x, LayerIndex(0), context);
        const std::span<const float> values = backend->read(made);
        whole.assign(values.begin(), values.end());
      });
      Arena arena;
      LayerMemory memory(arena);
      // Memory of another layer holds no numbers.
      std::vector<float> found(whole.size(), std::numeric_limits<float>::quiet_NaN());
      for (int round = 0; round < 4; ++round) {
        for (const RowRange rows : random_parts(this->random_)) {
          this->step(*backend, this->sequence().part(rows),
                     [&](const Activations& x, TransformContext& context) {
                       attention.remember(x, memory, context);
                     });
        }
        for (const RowRange rows : random_parts(this->random_)) {
          this->step(*backend, this->sequence().part(rows),
                     [&](const Activations& x, TransformContext& context) {
                       const Tensor made = attention.attend(x, memory, context);
                       std::ranges::copy(backend->read(made), found.begin() + rows.first * kWidth);
                     });
        }
        ASSERT_EQ(std::memcmp(found.data(), whole.data(), whole.size() * sizeof(float)), 0)
            << threads << " threads, round " << round;
        std::ranges::fill(found, std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
}

TEST(SequenceParts, AreSomeRowsOfAWholeSequence) {
  const SequenceRows whole = SequenceRows(SequenceId(4), Position(0), 6)
                                 .with_grid({2, 3})
                                 .with_windows({4, 2})
                                 .with_rotary({2, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}});
  const SequenceRows part = whole.part({2, 5});
  EXPECT_EQ(part.sequence(), SequenceId(4));
  EXPECT_EQ(part.first(), Position(2));
  EXPECT_EQ(part.rows(), 3);
  EXPECT_EQ(part.key_length(), 6);
  EXPECT_EQ(part.grid(), (PatchGrid{2, 3}));
  EXPECT_EQ(part.windows(), (std::vector<std::int32_t>{4, 2}));
  const auto numbers = part.rotary()->numbers();
  EXPECT_EQ(std::vector(numbers.begin(), numbers.end()),
            (std::vector<std::int32_t>{4, 5, 6, 7, 8, 9}));
  for (const RowRange rows : {RowRange{3, 3}, RowRange{4, 2}, RowRange{-1, 2}, RowRange{5, 7}})
    EXPECT_THROW(static_cast<void>(whole.part(rows)), InvalidArgument);
  EXPECT_THROW(static_cast<void>(part.part({0, 1})), InvalidArgument);
  const SequenceRows spanned(SequenceId(1), Position(0), 4, {{Position(1), Position(3)}});
  EXPECT_THROW(static_cast<void>(spanned.part({0, 2})), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
