#include "sirocco/nn/step_rows.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/nn/cross_attention.hpp"
#include "sirocco/nn/nn_testing.hpp"

namespace sirocco {
namespace {

using namespace nn_testing;
using Integers = std::vector<std::int32_t>;

constexpr std::int32_t kBlock = 16;

/// The tier that says what the bits are, and another.
std::vector<Isa> two_tiers() { return {Isa::kRef, runnable_op_tiers().back()}; }

/// One layer's cache for a few sequences of up to `length` positions, NaN until written.
class OneLayer {
 public:
  OneLayer(CacheNeed need, int sequences, std::int32_t length)
      : layout_(LayerIndex(0), {need}),
        width_(ceil_div(length, kBlock)),
        pool_(static_cast<std::size_t>(sequences * width_) *
                  layout_.block_bytes(0, KvType::kF32, kBlock),
              0xFF) {}
  /// Of these sequences, in this order. Blocks stand from the last to the first.
  CacheViews views(const std::vector<int>& sequences) {
    Integers table;
    for (const int s : sequences)
      for (int b = 0; b < width_; ++b) table.push_back((s + 1) * width_ - 1 - b);
    return {&layout_,
            KvType::kF32,
            kBlock,
            {{reinterpret_cast<std::byte*>(pool_.data()), std::move(table), width_}}};
  }

 private:
  CacheLayout layout_;
  int width_;
  std::vector<std::uint8_t> pool_;
};

/// A token's place in a text around a picture of 3 by 4 places, as Qwen2-VL numbers them: the
/// picture's rows share their time, and the text goes on behind the largest number.
Integers picture_positions() {
  Integers numbers;
  for (std::int32_t i = 0; i < 5; ++i) numbers.insert(numbers.end(), 3, i);
  for (std::int32_t h = 0; h < 3; ++h)
    for (std::int32_t w = 0; w < 4; ++w) numbers.insert(numbers.end(), {5, 5 + h, 5 + w});
  for (std::int32_t i = 9; i < 30; ++i) numbers.insert(numbers.end(), 3, i);
  return numbers;
}

CausalAttention rotated(Backend& backend, const Weights& w, const Rotary& rotary) {
  return CausalAttention(w.config, linear_of(backend, w.q, kWidth), linear_of(backend, w.k, kWidth),
                         linear_of(backend, w.v, kWidth),
                         linear_of(backend, w.o, std::int64_t{w.config.heads} * w.config.head_dim))
      .with_rotary(std::make_shared<const Rotary>(rotary))
      .with_paged_attn({});
}

/// Rows [T, kWidth] of one sequence in steps that end after so many, put at `positions` of `axes`
/// numbers, or where they stand; of no axes, as far behind that as the one number says.
std::vector<float> run(Backend& backend, const CausalAttention& attention,
                       const std::vector<float>& x, int axes, const Integers& positions,
                       const Integers& step_ends) {
  OneLayer cache(attention.cache_need(), 1, step_ends.back());
  std::vector<float> out;
  StepMemory memory;
  std::int32_t first = 0;
  for (const std::int32_t end : step_ends) {
    SequenceRows sequence(SequenceId(1), Position(first), end - first);
    if (axes == 0) {
      sequence = std::move(sequence).with_rotary_shift(positions.at(0));
    } else if (!positions.empty()) {
      sequence = std::move(sequence).with_rotary(
          {axes, Integers(positions.begin() + first * axes, positions.begin() + end * axes)});
    }
    const StepRows rows{{std::move(sequence)}, {}};
    const CacheViews views = cache.views({0});
    TransformContext context(backend, memory, rows, views);
    const Tensor kept =
        backend.upload(context.held(),
                       std::span(x).subspan(static_cast<std::size_t>(first * kWidth),
                                            static_cast<std::size_t>((end - first) * kWidth)),
                       {end - first, kWidth});
    const auto mixed = backend.read(attention.mix({.f32 = kept, .q8 = {}}, LayerIndex(0), context));
    out.insert(out.end(), mixed.begin(), mixed.end());
    first = end;
  }
  return out;
}

/// The same in double precision: pair i of row t is turned by angle(t, i).
template <class Angle>
std::vector<double> exact(const Weights& w, const std::vector<float>& x, std::size_t pairs,
                          Angle angle) {
  const std::vector<double> in(x.begin(), x.end());
  const auto turn = [&](std::vector<double> rows, int heads) {
    const auto dim = static_cast<std::size_t>(w.config.head_dim);
    for (std::size_t head = 0; head < rows.size() / dim; ++head) {
      for (std::size_t i = 0; i < pairs; ++i) {
        const double a = angle(head / static_cast<std::size_t>(heads), i);
        double& x0 = rows[head * dim + i];
        double& x1 = rows[head * dim + pairs + i];
        std::tie(x0, x1) =
            std::pair(x0 * std::cos(a) - x1 * std::sin(a), x0 * std::sin(a) + x1 * std::cos(a));
      }
    }
    return rows;
  };
  return exact_attention(w, turn(product(in, w.q, kWidth), w.config.heads),
                         turn(product(in, w.k, kWidth), w.config.kv_heads),
                         product(in, w.v, kWidth),
                         [](std::size_t q, std::size_t k) { return k <= q; });
}

TEST(RotaryPositions, AreApartFromTheCache) {
  Random random(31);
  const Weights w = random_weights(random, {.heads = 4, .kv_heads = 2, .head_dim = 20});
  const Rotary rotary(rotary_frequencies(16, 1e4));
  constexpr std::int32_t kLength = 70;
  const std::vector<float> x = random_floats(random, kLength * kWidth);
  Integers apart(kLength), shifted(kLength), same(kLength);
  for (std::int32_t i = 0; i < kLength; ++i) {
    const auto at = static_cast<std::size_t>(i);
    apart[at] = (i * 37) % 101 + 500;
    shifted[at] = i + 1000;
    same[at] = i;
  }
  const std::vector<float> frequencies = rotary_frequencies(16, 1e4);
  const auto angle_of = [&](const Integers& positions) {
    return [&](std::size_t t, std::size_t i) {
      return static_cast<double>(positions[t]) * double{frequencies[i]};
    };
  };
  for (const Isa isa : two_tiers()) {
    TestBackend backend(isa);
    const CausalAttention attention = rotated(*backend, w, rotary);
    const std::vector<float> plain = run(*backend, attention, x, 1, {}, {kLength});
    expect_near(plain, exact(w, x, 8, angle_of(same)));
    EXPECT_TRUE(same_bits(run(*backend, attention, x, 1, same, {3, 40, kLength}), plain));
    // Scores go by differences of positions, so that a shift alone changes nothing but roundings.
    const std::vector<float> moved = run(*backend, attention, x, 1, shifted, {kLength});
    expect_near(moved, exact(w, x, 8, angle_of(same)));
    EXPECT_TRUE(same_bits(run(*backend, attention, x, 0, {1000}, {3, 40, kLength}), moved));
    const std::vector<float> out = run(*backend, attention, x, 1, apart, {kLength});
    expect_near(out, exact(w, x, 8, angle_of(apart)));
    EXPECT_TRUE(same_bits(run(*backend, attention, x, 1, apart, {1, 17, 64, kLength}), out));
    TestBackend ref(Isa::kRef);
    EXPECT_TRUE(same_bits(run(*ref, rotated(*ref, w, rotary), x, 1, apart, {kLength}), out));
  }
}

struct Sections {
  std::array<int, 3> pairs;
  SectionOrder order;
  /// The axis of pair i, as the models' authors wrote it down.
  int axis(int i) const {
    if (order == SectionOrder::kInARow) return i < pairs[0] ? 0 : i < pairs[0] + pairs[1] ? 1 : 2;
    if (i % 3 == 1 && i < 3 * pairs[1]) return 1;
    return i % 3 == 2 && i < 3 * pairs[2] ? 2 : 0;
  }
};

TEST(RotaryPositions, SectionsTurnByAnAxisEach) {
  Random random(32);
  const Integers positions = picture_positions();
  const auto length = static_cast<std::int32_t>(positions.size() / 3);
  const std::vector<float> x = random_floats(random, length * kWidth);
  for (const Sections& sections : {Sections{{16, 24, 24}, SectionOrder::kInARow},
                                   Sections{{24, 20, 20}, SectionOrder::kInterleaved},
                                   Sections{{3, 5, 0}, SectionOrder::kInARow},
                                   Sections{{8, 7, 5}, SectionOrder::kInterleaved}}) {
    const int pairs = sections.pairs[0] + sections.pairs[1] + sections.pairs[2];
    SCOPED_TRACE(pairs);
    const Weights w =
        random_weights(random, {.heads = 2, .kv_heads = 1, .head_dim = 2 * pairs + 4});
    const std::vector<float> frequencies = rotary_frequencies(2 * pairs, 1e4);
    const Rotary plain(frequencies);
    const Rotary rotary = Rotary(frequencies).with_sections(sections.pairs, sections.order);
    const auto angle = [&](std::size_t t, std::size_t i) {
      const auto axis = static_cast<std::size_t>(sections.axis(static_cast<int>(i)));
      return static_cast<double>(positions[3 * t + axis]) * double{frequencies[i]};
    };
    const std::vector<double> want = exact(w, x, static_cast<std::size_t>(pairs), angle);
    for (const Isa isa : two_tiers()) {
      TestBackend backend(isa);
      const CausalAttention attention = rotated(*backend, w, rotary);
      const std::vector<float> out = run(*backend, attention, x, 3, positions, {length});
      expect_near(out, want);
      EXPECT_TRUE(same_bits(run(*backend, attention, x, 3, positions, {7, 8, length}), out));
      // Where axes agree, as in text, there might as well be one, or no sections.
      Integers text;
      for (std::int32_t i = 0; i < length; ++i) text.insert(text.end(), 3, i);
      const std::vector<float> of_text = run(*backend, attention, x, 1, {}, {length});
      EXPECT_TRUE(same_bits(run(*backend, attention, x, 3, text, {length}), of_text));
      EXPECT_TRUE(
          same_bits(run(*backend, rotated(*backend, w, plain), x, 1, {}, {length}), of_text));
    }
  }
}

TEST(RotaryPositions, AreCheckedOnce) {
  const auto rotary = [](std::vector<int> sections, SectionOrder order) {
    return Rotary(rotary_frequencies(16, 1e4)).with_sections(sections, order);
  };
  EXPECT_EQ(rotary({3, 3, 2, 0}, SectionOrder::kInterleaved).axes(), 3);
  EXPECT_EQ(rotary({8}, SectionOrder::kInARow).axes(), 1);
  EXPECT_FALSE(rotary({8, 0, 0}, SectionOrder::kInARow).pair_axes());
  EXPECT_THROW(rotary({}, SectionOrder::kInARow), InvalidArgument);
  EXPECT_THROW(rotary({2, 3, 4}, SectionOrder::kInARow), InvalidArgument);
  EXPECT_THROW(rotary({2, 3, 2}, SectionOrder::kInARow), InvalidArgument);
  EXPECT_THROW(rotary({5, -1, 4}, SectionOrder::kInARow), InvalidArgument);
  EXPECT_THROW(rotary({1, 1, 2, 2, 2}, SectionOrder::kInARow), InvalidArgument);
  EXPECT_THROW(rotary({2, 3, 3}, SectionOrder::kInterleaved), InvalidArgument);  // 2, 5 and 8

  EXPECT_THROW(RotaryPositions(0, {}), InvalidArgument);
  EXPECT_THROW(RotaryPositions(5, Integers(10)), InvalidArgument);
  EXPECT_THROW(RotaryPositions(3, Integers(10)), InvalidArgument);
  const auto rows = [](int count) { return SequenceRows(SequenceId(1), Position(4), count); };
  EXPECT_NO_THROW(rows(2).with_rotary({3, Integers(6)}));
  EXPECT_THROW(rows(3).with_rotary({3, Integers(6)}), InvalidArgument);
  EXPECT_THROW(rows(3).with_key_length(0), InvalidArgument);

  TestBackend backend(Isa::kRef);
  StepMemory memory;
  const auto begin = [&](std::vector<SequenceRows> sequences) {
    const StepRows step{std::move(sequences), {}};
    const CacheViews none;
    TransformContext context(*backend, memory, step, none);
    (void)context.rotary_table(rotary({2, 3, 3}, SectionOrder::kInARow));
  };
  EXPECT_NO_THROW(begin({rows(2).with_rotary({3, Integers(6)}), rows(1)}));
  EXPECT_NO_THROW(begin({rows(2).with_rotary({3, Integers(6)}), rows(1).with_rotary({1, {9}})}));
  EXPECT_THROW(begin({rows(2).with_rotary({3, Integers(6)}), rows(1).with_rotary({2, {9, 9}})}),
               InvalidArgument);
  EXPECT_THROW(begin({rows(2).with_rotary({2, Integers(4)})}), InvalidArgument);
  EXPECT_THROW(begin({rows(2).with_key_length(3), rows(1)}), InvalidArgument);
}

TEST(TokenBatch, GivenRowsStandBetweenTokens) {
  std::vector<TokenId> tokens(5, TokenId(1));
  std::vector<float> values(6);
  const auto given = [&](std::int64_t first, std::int64_t count) {
    return GivenRows{first, {DType::kF32, {count, 2}, values.data()}};
  };
  const auto rows = [&](std::vector<GivenRows> all) { return TokenBatch(tokens, all).rows(); };
  EXPECT_EQ(TokenBatch(tokens).rows(), 5);
  EXPECT_EQ(rows({given(0, 3), given(3, 1), given(9, 2)}), 11);
  EXPECT_EQ(rows({given(5, 1)}), 6);
  EXPECT_THROW(rows({given(6, 1)}), InvalidArgument);  // for want of a token
  EXPECT_THROW(rows({given(0, 3), given(9, 1)}), InvalidArgument);
  EXPECT_THROW(rows({given(1, 3), given(3, 1)}), InvalidArgument);
  EXPECT_THROW(rows({given(4, 1), given(1, 1)}), InvalidArgument);
  EXPECT_THROW(rows({given(-1, 1)}), InvalidArgument);
  EXPECT_THROW(rows({{2, {}}}), InvalidArgument);
}

/// What decoder rows make of encoder rows, both in steps that end after so many rows; two sequences
/// at once, of which the second is as long as the first or ends earlier.
struct Encoded {
  std::vector<std::vector<float>> encoder, decoder;
};

constexpr std::int64_t kEncoded = 17;

std::vector<std::vector<float>> run_across(Backend& backend, const Weights& w, const Encoded& in,
                                           const Integers& encoder_ends,
                                           const Integers& decoder_ends) {
  const CrossAttention attention(
      w.config, linear_of(backend, w.q, kWidth), linear_of(backend, w.k, kEncoded),
      linear_of(backend, w.v, kEncoded),
      linear_of(backend, w.o, std::int64_t{w.config.heads} * w.config.head_dim));
  EXPECT_EQ(attention.cache_need().kind, CacheKind::kCross);
  OneLayer cache(attention.cache_need(), 2, 300);
  StepMemory memory;
  std::vector<std::vector<float>> out(2);
  const auto steps = [&](const std::vector<std::vector<float>>& all, std::int64_t width,
                         const Integers& ends, bool keys, auto body) {
    std::int32_t first = 0;
    for (const std::int32_t wanted : ends) {
      StepRows rows;
      std::vector<int> which;
      std::vector<float> x;
      for (int s = 0; s < 2; ++s) {
        const std::vector<float>& from = all[static_cast<std::size_t>(s)];
        const std::int32_t end =
            std::min(wanted, static_cast<std::int32_t>(std::ssize(from) / width));
        if (end <= first) continue;
        SequenceRows sequence(SequenceId(static_cast<std::uint64_t>(s)), Position(first),
                              end - first);
        if (keys) {
          sequence = std::move(sequence).with_key_length(static_cast<std::int32_t>(
              std::ssize(in.encoder[static_cast<std::size_t>(s)]) / kEncoded));
        }
        rows.sequences.push_back(std::move(sequence));
        which.push_back(s);
        x.insert(x.end(), from.begin() + first * width, from.begin() + end * width);
      }
      const CacheViews views = cache.views(which);
      TransformContext context(backend, memory, rows, views);
      const Tensor kept = backend.upload(context.held(), x, {rows.rows(), width});
      body(Activations{.f32 = kept, .q8 = {}}, which, rows, context);
      first = wanted;
    }
  };
  steps(in.encoder, kEncoded, encoder_ends, false,
        [&](const Activations& x, const auto&, const auto&, TransformContext& context) {
          attention.remember(x, LayerIndex(0), context);
        });
  steps(in.decoder, kWidth, decoder_ends, true,
        [&](const Activations& x, const std::vector<int>& which, const StepRows& rows,
            TransformContext& context) {
          auto mixed = backend.read(attention.mix(x, LayerIndex(0), context));
          for (std::size_t i = 0; i < which.size(); ++i) {
            const auto count = static_cast<std::size_t>(rows.sequences[i].rows() * kWidth);
            auto& to = out[static_cast<std::size_t>(which[i])];
            to.insert(to.end(), mixed.begin(), mixed.begin() + static_cast<std::ptrdiff_t>(count));
            mixed = mixed.subspan(count);
          }
        });
  return out;
}

TEST(CrossAttention, SeesAllThatAnEncoderWrote) {
  Random random(33);
  const Weights w = random_weights(random, {.heads = 6, .kv_heads = 2, .head_dim = 16}, kEncoded);
  // More keys than rows, and fewer.
  const Encoded in{{random_floats(random, 290 * kEncoded), random_floats(random, 5 * kEncoded)},
                   {random_floats(random, 30 * kWidth), random_floats(random, 70 * kWidth)}};
  TestBackend ref(Isa::kRef);
  const auto expected = run_across(*ref, w, in, {290}, {70});
  for (std::size_t s = 0; s < 2; ++s) {
    const std::vector<double> x(in.decoder[s].begin(), in.decoder[s].end());
    const std::vector<double> encoded(in.encoder[s].begin(), in.encoder[s].end());
    expect_near(expected[s],
                exact_attention(w, product(x, w.q, kWidth), product(encoded, w.k, kEncoded),
                                product(encoded, w.v, kEncoded),
                                [](std::size_t, std::size_t) { return true; }));
  }
  for (const Isa isa : two_tiers()) {
    for (const int threads : {1, 3}) {
      TestBackend backend(isa, threads);
      const auto out = run_across(*backend, w, in, {3, 64, 290}, {1, 2, 29, 70});
      for (std::size_t s = 0; s < 2; ++s)
        EXPECT_TRUE(same_bits(out[s], expected[s])) << isa_name(isa) << ", " << s;
    }
  }
}

}  // namespace
}  // namespace sirocco
