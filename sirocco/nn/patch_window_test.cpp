#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/nn_testing.hpp"

namespace sirocco {
namespace {

using namespace nn_testing;

template <class A>
A attention_of(Backend& backend, const Weights& w) {
  const std::int64_t heads = std::int64_t{w.config.heads} * w.config.head_dim;
  return A(w.config, linear_of(backend, w.q, kWidth), linear_of(backend, w.k, kWidth),
           linear_of(backend, w.v, kWidth), linear_of(backend, w.o, heads));
}

/// What an attention makes of rows, in one step. [T, kWidth]
template <class A>
std::vector<float> mixed(Backend& backend, const A& attention, const std::vector<float>& x,
                         std::vector<SequenceRows> sequences) {
  StepMemory memory;
  const StepRows rows{std::move(sequences), {}};
  const CacheViews none;
  TransformContext context(backend, memory, rows, none);
  const Tensor in = backend.upload(context.held(), x, {rows.rows(), kWidth});
  const Tensor out = attention.mix({.f32 = in, .q8 = {}}, LayerIndex(0), context);
  const std::span<const float> values = backend.read(out);
  return {values.begin(), values.end()};
}

SequenceRows rows_of(std::int32_t id, std::int32_t count) {
  return {SequenceId(id), Position(0), count};
}

/// Windows of 1 to 100 rows, of which some have more than a block of the step's cache.
const std::vector<std::int32_t> kWindows = {5, 1, 100, 64, 17};
constexpr std::int32_t kRows = 187;

class PatchWindows : public ::testing::Test {
 protected:
  std::vector<float> part(std::int64_t first, std::int64_t count) const {
    const auto begin = x_.begin() + first * kWidth;
    return {begin, begin + count * kWidth};
  }

  Random random_{11};
  ThreadGroup threads_{2};
  std::unique_ptr<Backend> backend_ = make_cpu_backend(Isa::kRef, threads_);
  Weights weights_ =
      random_weights(random_, {.heads = 4, .kv_heads = 2, .head_dim = 12, .value_dim = 12});
  std::vector<float> x_ = random_floats(random_, kRows* kWidth);
};

TEST_F(PatchWindows, AreSequencesToThoseWhoMixByThem) {
  const auto windowed = attention_of<PatchWindowAttention>(*backend_, weights_);
  const auto whole = attention_of<BidirectionalAttention>(*backend_, weights_);
  const std::vector<float> found =
      mixed(*backend_, windowed, x_, {rows_of(0, kRows).with_windows(kWindows)});
  std::vector<float> expected;
  std::int64_t first = 0;
  for (const std::int32_t count : kWindows) {
    const std::vector<float> rows =
        mixed(*backend_, whole, part(first, count), {rows_of(0, count)});
    expected.insert(expected.end(), rows.begin(), rows.end());
    first += count;
  }
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0);
}

TEST_F(PatchWindows, AreNothingToOthers) {
  const auto whole = attention_of<BidirectionalAttention>(*backend_, weights_);
  EXPECT_EQ(mixed(*backend_, whole, x_, {rows_of(0, kRows).with_windows(kWindows)}),
            mixed(*backend_, whole, x_, {rows_of(0, kRows)}));
}

TEST_F(PatchWindows, StandBesideSequencesWithoutAny) {
  const auto windowed = attention_of<PatchWindowAttention>(*backend_, weights_);
  const std::vector<float> found =
      mixed(*backend_, windowed, x_, {rows_of(0, 87), rows_of(1, 100).with_windows({60, 40})});
  std::vector<float> expected = mixed(*backend_, windowed, part(0, 87), {rows_of(0, 87)});
  for (const auto& [first, count] : {std::pair{87, 60}, std::pair{147, 40}}) {
    const std::vector<float> rows =
        mixed(*backend_, windowed, part(first, count), {rows_of(0, count)});
    expected.insert(expected.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(found, expected);
}

TEST_F(PatchWindows, AreAllRows) {
  EXPECT_THROW(rows_of(0, 10).with_windows({4, 5}), InvalidArgument);
  EXPECT_THROW(rows_of(0, 10).with_windows({4, 7}), InvalidArgument);
  EXPECT_THROW(rows_of(0, 10).with_windows({10, 0}), InvalidArgument);
  EXPECT_THROW(rows_of(0, 10).with_windows({11, -1}), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
