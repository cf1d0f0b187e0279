#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>
#include <string>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/latent_attention.hpp"
#include "sirocco/nn/nn_testing.hpp"
#include "tests/support/paths_testing.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {
namespace {

using namespace nn_testing;

using Spans = std::vector<MutualSpan>;
using Visible = std::vector<std::vector<bool>>;  // [T][T], by query and key

constexpr std::int32_t kNoWindow = MaskSpec::kNoWindow;

MutualSpan span_of(std::int32_t first, std::int32_t end) {
  return {Position(first), Position(end)};
}

/// The mask, written out from its definition.
Visible visible_of(std::int32_t length, const Spans& spans, std::int32_t window) {
  const auto same_span = [&](std::int32_t a, std::int32_t b) {
    return std::any_of(spans.begin(), spans.end(), [&](const MutualSpan& span) {
      return span.first.value() <= std::min(a, b) && std::max(a, b) < span.end.value();
    });
  };
  Visible visible(static_cast<std::size_t>(length));
  for (std::int32_t q = 0; q < length; ++q)
    for (std::int32_t k = 0; k < length; ++k)
      visible[static_cast<std::size_t>(q)].push_back((k <= q || same_span(q, k)) && k > q - window);
  return visible;
}

/// One sequence: its rows, the spans of it, and after how many rows its steps end.
struct Sequence {
  std::vector<float> x;  // [T, kWidth]
  Spans spans;
  std::vector<std::int32_t> step_ends;
  std::int32_t length() const { return static_cast<std::int32_t>(std::ssize(x) / kWidth); }
};

Sequence random_sequence(Random& random, std::int32_t length, Spans spans) {
  return {random_floats(random, length * kWidth), std::move(spans), {length}};
}

template <class A>
A attention_of(Backend& backend, const Weights& w, typename A::Mask mask) {
  const std::int64_t heads = std::int64_t{w.config.heads} * w.config.head_dim;
  return A(w.config, linear_of(backend, w.q, kWidth), linear_of(backend, w.k, kWidth),
           linear_of(backend, w.v, kWidth), linear_of(backend, w.o, heads), mask)
      .with_paged_attn({});
}

/// In each step, every sequence's rows up to the next of its ends, through a cache whose blocks are
/// shuffled among others and of which everything that wasn't written is a NaN. [T, kWidth] each.
template <class A>
std::vector<std::vector<float>> run(Backend& backend, const A& attention,
                                    const std::vector<Sequence>& sequences, int block_positions,
                                    KvType type, unsigned seed) {
  const CacheLayout layout(LayerIndex(0), {attention.cache_need()});
  std::int32_t max_length = 0;
  for (const Sequence& s : sequences) max_length = std::max(max_length, s.length());
  const int width = ceil_div(max_length, block_positions);
  std::vector<std::int32_t> table(sequences.size() * static_cast<std::size_t>(width) + 3);
  std::iota(table.begin(), table.end(), 0);
  Random random(seed);
  std::shuffle(table.begin(), table.end(), random);
  std::vector<std::uint8_t> pool(table.size() * layout.block_bytes(0, type, block_positions), 0xFF);

  std::vector<std::vector<float>> out(sequences.size());
  StepMemory memory;
  for (std::size_t step = 0;; ++step) {
    StepRows rows;
    std::vector<std::size_t> which;
    std::vector<float> x;
    std::vector<std::int32_t> blocks;
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const Sequence& from = sequences[s];
      if (step >= from.step_ends.size()) continue;
      const std::int32_t first = step == 0 ? 0 : from.step_ends[step - 1];
      const std::int32_t end = from.step_ends[step];
      Spans spans;
      for (const MutualSpan& span : from.spans)
        if (span.first.value() >= first && span.first.value() < end) spans.push_back(span);
      rows.sequences.emplace_back(SequenceId(s), Position(first), end - first, std::move(spans));
      which.push_back(s);
      x.insert(x.end(), from.x.begin() + first * kWidth, from.x.begin() + end * kWidth);
      const auto begin = table.begin() + static_cast<std::ptrdiff_t>(s) * width;
      blocks.insert(blocks.end(), begin, begin + width);
    }
    if (which.empty()) return out;
    const CacheViews caches{
        &layout,
        type,
        block_positions,
        {{reinterpret_cast<std::byte*>(pool.data()), std::move(blocks), width}}};
    TransformContext context(backend, memory, rows, caches);
    const Tensor kept = backend.upload(context.held(), x, {rows.rows(), kWidth});
    const std::span<const float> mixed =
        backend.read(attention.mix({.f32 = kept, .q8 = {}}, LayerIndex(0), context));
    std::size_t at = 0;
    for (std::size_t i = 0; i < which.size(); ++i) {
      const auto count = static_cast<std::size_t>(rows.sequences[i].rows() * kWidth);
      const auto mine = mixed.subspan(at, count);
      out[which[i]].insert(out[which[i]].end(), mine.begin(), mine.end());
      at += count;
    }
  }
}

/// Attention in double precision, through a mask that is written out.
std::vector<double> exact(const Weights& w, const Sequence& sequence, const Visible& visible) {
  const std::vector<double> x(sequence.x.begin(), sequence.x.end());
  return exact_attention(w, product(x, w.q, kWidth), product(x, w.k, kWidth),
                         product(x, w.v, kWidth),
                         [&](std::size_t q, std::size_t k) -> bool { return visible[q][k]; });
}

template <class A>
void expect_same_bits_everywhere(const Weights& weights, typename A::Mask mask,
                                 const std::vector<Sequence>& cut, KvType type,
                                 const std::vector<std::vector<float>>& expected) {
  for (const Isa isa : runnable_tiers()) {
    for (const int threads : {1, 3}) {
      if (isa == Isa::kRef && threads == 3) continue;
      TestBackend backend(isa, threads);
      const A attention = attention_of<A>(*backend, weights, mask);
      const auto out =
          run(*backend, attention, cut, 16 * threads, type, 3 + static_cast<unsigned>(threads));
      for (std::size_t s = 0; s < cut.size(); ++s)
        ASSERT_TRUE(same_bits(out[s], expected[s]))
            << isa_name(isa) << ", " << threads << " threads, sequence " << s;
    }
  }
}

template <class A>
void check(const Weights& weights, typename A::Mask mask, std::int32_t window) {
  Random random(5);
  // Spans within, on and over the boundaries of tiles, next to each other, one longer than any
  // window; one that is the whole sequence; none.
  std::vector<Sequence> whole = {
      random_sequence(random, 330,
                      {span_of(5, 9), span_of(64, 128), span_of(128, 131), span_of(200, 320)}),
      random_sequence(random, 70, {span_of(0, 70)}), random_sequence(random, 75, {})};
  std::vector<Sequence> cut = whole;
  cut[0].step_ends = {9, 10, 64, 131, 190, 325, 330};
  cut[2].step_ends = {1, 40, 64, 75};
  std::vector<KvType> types = {KvType::kF32};
  if (window == kNoWindow) types.push_back(KvType::kQ8_0);
  for (const KvType type : types) {
    TestBackend ref(Isa::kRef);
    const A attention = attention_of<A>(*ref, weights, mask);
    const auto out = run(*ref, attention, whole, 32, type, 1);
    for (std::size_t s = 0; s < whole.size(); ++s) {
      SCOPED_TRACE(s);
      if (type == KvType::kF32)
        expect_near(out[s], exact(weights, whole[s],
                                  visible_of(whole[s].length(), whole[s].spans, window)));
      // Nor do the others of the step matter.
      ASSERT_TRUE(same_bits(run(*ref, attention, {whole[s]}, 32, type, 2)[0], out[s]));
    }
    expect_same_bits_everywhere<A>(weights, mask, cut, type, out);
  }
}

TEST(MutualSpans, RowsOfASpanSeeEachOther) {
  Random random(1);
  for (const int dim : {40, 64, 80, 128}) {
    if (kSanitized && dim > 64) continue;
    SCOPED_TRACE(dim);
    const Weights weights =
        random_weights(random, {.heads = dim == 64 ? 6 : 4, .kv_heads = 2, .head_dim = dim});
    check<CausalAttention>(weights, {}, kNoWindow);
    for (const std::int32_t window : {3, 100}) {
      SCOPED_TRACE(window);
      check<SlidingWindowAttention>(weights, {window}, window);
    }
  }
}

/// What `transformers` lets rows of a Gemma 3 see; tools/make_mask_golden.py.
struct GoldenMasks {
  GoldenMasks() {
    std::ifstream file(source_path("tests/golden/masks/gemma3.txt"));
    std::string word;
    std::size_t count = 0;
    file >> word >> word >> window >> word >> count;
    std::int32_t first = 0;
    std::int32_t end = 0;
    while (spans.size() < count && file >> first >> end) spans.push_back(span_of(first, end));
    for (Visible* mask : {&full, &sliding}) {
      std::size_t rows = 0;
      file >> word >> rows;
      for (std::size_t row = 0; row < rows && file >> word; ++row) {
        mask->emplace_back();
        for (const char c : word) mask->back().push_back(c == '1');
      }
    }
  }
  std::int32_t window = 0;
  Spans spans;
  Visible full;
  Visible sliding;
};

TEST(MutualSpans, AreMaskedAsTransformersMasksGemma3) {
  const GoldenMasks golden;
  const auto length = static_cast<std::int32_t>(golden.full.size());
  ASSERT_EQ(length, 40);
  EXPECT_EQ(visible_of(length, golden.spans, kNoWindow), golden.full);
  EXPECT_EQ(visible_of(length, golden.spans, golden.window), golden.sliding);

  Random random(2);
  const Weights weights = random_weights(random, {.heads = 2, .kv_heads = 1, .head_dim = 16});
  const Sequence sequence = random_sequence(random, length, golden.spans);
  TestBackend backend(runnable_tiers().back());
  const auto full = attention_of<CausalAttention>(*backend, weights, {});
  expect_near(run(*backend, full, {sequence}, 16, KvType::kF32, 1)[0],
              exact(weights, sequence, golden.full));
  const auto sliding = attention_of<SlidingWindowAttention>(*backend, weights, {golden.window});
  expect_near(run(*backend, sliding, {sequence}, 16, KvType::kF32, 1)[0],
              exact(weights, sequence, golden.sliding));
}

// The first and the last row of a span are of the same input and see the same.
TEST(MutualSpans, HoldForLatentAttention) {
  constexpr std::int32_t kFirst = 30;
  constexpr std::int32_t kLast = 90;
  Random random(3);
  Sequence sequence = random_sequence(random, 100, {span_of(kFirst, kLast + 1)});
  std::copy_n(sequence.x.begin() + kFirst * kWidth, kWidth, sequence.x.begin() + kLast * kWidth);
  const LatentConfig config{
      .heads = 3, .rotary_dim = 4, .plain_dim = 6, .latent_dim = 10, .value_dim = 5};
  const auto q = random_floats(random, 30 * kWidth, 0.2f);
  const auto latent = random_floats(random, 14 * kWidth, 0.2f);
  const auto keys = random_floats(random, 3 * 10 * 6, 0.3f);
  const auto values = random_floats(random, 3 * 5 * 10, 0.3f);
  const auto o = random_floats(random, kWidth * 15);
  const auto stack_of = [](Backend& backend, const std::vector<float>& all, std::int64_t outputs,
                           std::int64_t inputs) {
    const auto each = static_cast<std::size_t>(outputs * inputs);
    std::vector<StoredTensor> matrices;
    for (std::size_t at = 0; at < all.size(); at += each)
      matrices.push_back({"w",
                          find_format(FormatId::kF32),
                          {outputs, inputs},
                          std::as_bytes(std::span(all).subspan(at, each))});
    return StackLinear(backend.pack_stack(matrices));
  };
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa, 2);
    const LatentAttention attention(
        config, linear_of(*backend, q, kWidth), linear_of(*backend, latent, kWidth),
        {WeightVector(std::vector<float>(10, 1.0f)), 1e-6f}, stack_of(*backend, keys, 10, 6),
        stack_of(*backend, values, 5, 10), linear_of(*backend, o, 15));
    const auto same = [&](const Sequence& of) {
      const std::vector<float> out = run(*backend, attention, {of}, 16, KvType::kF16, 1)[0];
      return std::memcmp(out.data() + kFirst * kWidth, out.data() + kLast * kWidth,
                         kWidth * sizeof(float)) == 0;
    };
    EXPECT_TRUE(same(sequence)) << isa_name(isa);
    Sequence plain = sequence;
    plain.spans.clear();
    EXPECT_FALSE(same(plain)) << isa_name(isa);
  }
}

TEST(MutualSpans, AreCheckedOnce) {
  const auto rows = [](Spans spans) {
    return SequenceRows(SequenceId(1), Position(10), 20, std::move(spans));
  };
  EXPECT_TRUE(rows({}).spans().empty());
  EXPECT_EQ(rows({span_of(10, 11), span_of(11, 20), span_of(22, 30)}).spans().size(), 3u);
  EXPECT_THROW(rows({span_of(9, 12)}), InvalidArgument);   // cut by the step's begin
  EXPECT_THROW(rows({span_of(25, 31)}), InvalidArgument);  // and by its end
  EXPECT_THROW(rows({span_of(12, 12)}), InvalidArgument);
  EXPECT_THROW(rows({span_of(14, 12)}), InvalidArgument);
  EXPECT_THROW(rows({span_of(12, 16), span_of(15, 18)}), InvalidArgument);
  EXPECT_THROW(rows({span_of(20, 22), span_of(12, 14)}), InvalidArgument);
  EXPECT_THROW(rows({span_of(0, 5)}), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
