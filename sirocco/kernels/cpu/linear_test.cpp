#include <gmock/gmock.h>

#include <cstring>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/kernels/cpu/packed_matrix.hpp"
#include "sirocco/kernels/cpu/q8.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

class Linear : public ::testing::TestWithParam<const Format*> {};

/// input · weightᵀ + bias as one backend computes it.
std::vector<float> product(Backend& backend, const WeightMatrix& weight, std::vector<float>& input,
                           std::vector<float>& bias, FineBlocks which = FineBlocks::kNone) {
  const std::int64_t tokens = std::ssize(input) / weight.columns();
  std::vector<float> out(static_cast<std::size_t>(tokens * weight.rows()), NAN);
  Q8Rows q8(backend, tokens, weight.columns());
  FineRows fine(backend, tokens, weight.columns(), which);
  Activations activations{tensor_of(input, {tokens, weight.columns()}), {}};
  if (weight.wants_q8()) {
    activations.q8 = q8.tensor();
    activations.fine = fine.tensor();
    backend.quantize(activations.f32, Out(activations.q8), Out(activations.fine));
    activations.f32 = {};
  }
  const LinearTarget target{&weight, bias.empty() ? Tensor() : tensor_of(bias, {weight.rows()}),
                            Out(tensor_of(out, {tokens, weight.rows()}))};
  backend.linear(activations, {&target, 1});
  return out;
}
std::vector<float> product(Backend& backend, const StoredMatrix& matrix, std::vector<float>& input,
                           std::vector<float>& bias, std::span<const std::int32_t> source_rows = {},
                           FineBlocks which = FineBlocks::kNone) {
  return product(backend, *backend.pack(matrix.stored(), source_rows), input, bias, which);
}

/// Values as the quantized activations stand for them.
std::vector<double> through_q8(Backend& backend, std::vector<float>& input, std::int64_t columns) {
  const std::int64_t tokens = std::ssize(input) / columns;
  Q8Rows q8(backend, tokens, columns);
  backend.quantize(tensor_of(input, {tokens, columns}), Out(q8.tensor()));
  std::vector<double> values;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const auto* blocks = reinterpret_cast<const Q8Block*>(
        q8.bytes().data() + static_cast<std::size_t>(t) * backend.q8_row_bytes(columns));
    for (std::int64_t k = 0; k < columns; ++k) {
      const Q8Block& block = blocks[k / kPanelBlock];
      values.push_back(double{block.scale} * block.quants[k % kPanelBlock]);
    }
  }
  return values;
}

std::int64_t narrow(const Format& format) { return format.block_elements == 1 ? 77 : 288; }
std::int64_t columns_of(const Format& format) {
  return format.block_elements == 256 ? 512 : narrow(format);
}

/// What `isa` has to give.
std::vector<float> expected_product(Isa isa, const StoredMatrix& matrix, std::vector<float>& input,
                                    std::vector<float>& bias) {
  return product(*TestBackend::oracle(isa), matrix, input, bias);
}

TEST_P(Linear, IsTheProductOfTheDecodedWeights) {
  const Format& format = *GetParam();
  Random random(1);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  std::vector<float> input = random_floats(random, 3 * matrix.columns());
  std::vector<float> bias = random_floats(random, matrix.rows());
  TestBackend ref(Isa::kRef);
  const std::vector<float> out = product(*ref, matrix, input, bias);

  const std::vector<float> weights = matrix.decoded();
  std::vector<double> x(input.begin(), input.end());
  if (format.block_elements > 1) x = through_q8(*ref, input, matrix.columns());
  for (std::int64_t t = 0; t < 3; ++t) {
    for (std::int64_t n = 0; n < matrix.rows(); ++n) {
      double sum = bias[static_cast<std::size_t>(n)];
      double size = std::abs(sum);
      for (std::int64_t k = 0; k < matrix.columns(); ++k) {
        const double term = weights[static_cast<std::size_t>(n * matrix.columns() + k)] *
                            x[static_cast<std::size_t>(t * matrix.columns() + k)];
        sum += term;
        size += std::abs(term);
      }
      // K formats subtract a minimum that may be larger than the weight: hence not of `sum`.
      ASSERT_NEAR(out[static_cast<std::size_t>(t * matrix.rows() + n)], sum, 2e-6 * size)
          << "token " << t << ", row " << n;
    }
  }
}

/// A stored matrix as rows that are made.
class Remade final : public MadeRows {
 public:
  explicit Remade(const StoredTensor& stored) : stored_(stored) {}
  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override {
    stored_.read(row, column, count, out);
  }

 private:
  StoredTensor stored_;
};

TEST_P(Linear, ANanGoesThroughEveryTier) {
  const Format& format = *GetParam();
  Random random(2);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  std::vector<float> bias;
  for (const std::int64_t at : {std::int64_t{1}, matrix.columns() - 1}) {
    std::vector<float> input = random_floats(random, 2 * matrix.columns());
    input[static_cast<std::size_t>(matrix.columns() + at)] = NAN;
    for (const Isa isa : runnable_tiers()) {
      const std::vector<float> out = product(*TestBackend(isa), matrix, input, bias);
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_EQ(std::isnan(out[i]), i >= out.size() / 2) << isa_name(isa) << ", " << i;
    }
  }
}

TEST_P(Linear, RowsThatAreMadePackAsThoseOfAFile) {
  const Format& format = *GetParam();
  Random random(5);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  TestBackend ref(Isa::kRef);
  const Remade remade(matrix.stored());
  StoredTensor made = matrix.stored();
  made.bytes = {};
  made.made = &remade;
  std::vector<std::int32_t> reversed;
  for (std::int32_t i = 36; i >= 0; --i) reversed.push_back(i);
  for (const std::span<const std::int32_t> rows :
       {std::span<const std::int32_t>(), std::span<const std::int32_t>(reversed)}) {
    const auto packed = (*ref).pack(made, rows);
    const auto expected = (*ref).pack(matrix.stored(), rows);
    const auto& a = static_cast<const PackedMatrix&>(*packed);
    const auto& b = static_cast<const PackedMatrix&>(*expected);
    ASSERT_EQ(a.bytes(), b.bytes());
    EXPECT_EQ(std::memcmp(a.panels().data(), b.panels().data(), a.bytes()), 0);
  }
}

TEST_P(Linear, RowsOfAPackedMatrixAreThoseThatWouldBePacked) {
  const Format& format = *GetParam();
  Random random(6);
  const StoredMatrix matrix(format, 53, columns_of(format), random);
  TestBackend ref(Isa::kRef);
  auto whole = (*ref).pack(matrix.stored());
  for (const auto& [begin, end] : {std::pair(0, 16), {16, 40}, {32, 53}, {48, 49}}) {
    const auto rows = (*ref).rows_of(whole, begin, end);
    const auto expected = (*ref).pack(matrix.stored().members(begin, end - begin));
    const auto& a = static_cast<const PackedMatrix&>(*rows);
    const auto& b = static_cast<const PackedMatrix&>(*expected);
    EXPECT_EQ(a.rows(), end - begin);
    ASSERT_EQ(a.bytes(), b.bytes());
    // What stands behind the last row in its panel doesn't belong to it.
    const auto full = static_cast<std::size_t>((end - begin) / kPanelRows) * a.panels().stride();
    EXPECT_EQ(std::memcmp(a.panels().data(), b.panels().data(), full), 0);
    std::vector<float> input = random_floats(random, 3 * matrix.columns());
    std::vector<float> no_bias;
    EXPECT_EQ(product(*ref, *rows, input, no_bias), product(*ref, *expected, input, no_bias));
  }
}

TEST_P(Linear, EveryTierAndTokenCountGivesTheBitsOfTheOracle) {
  const Format& format = *GetParam();
  Random random(2);
  const StoredMatrix matrix(format, 53, columns_of(format), random);
  std::vector<float> input = random_floats(random, 100 * matrix.columns());
  std::vector<float> bias = random_floats(random, matrix.rows());
  std::vector<std::int64_t> counts(33);
  std::iota(counts.begin(), counts.end(), 1);
  counts.push_back(100);
  for (const Isa isa : runnable_tiers()) {
    const std::vector<float> expected = expected_product(isa, matrix, input, bias);
    for (const int threads : {1, 2, 3}) {
      TestBackend backend(isa, threads);
      for (const std::int64_t tokens : counts) {
        if (threads > 1 && tokens % 7 != 1) continue;
        // The last tokens, so that a token meets every place in a tile.
        std::vector<float> rows(input.end() - tokens * matrix.columns(), input.end());
        const std::vector<float> want(expected.end() - tokens * matrix.rows(), expected.end());
        ASSERT_TRUE(same_bits(product(*backend, matrix, rows, bias), want))
            << isa_name(isa) << ", " << tokens << " tokens, " << threads << " threads";
      }
    }
  }
}

// Second digits: tokens of a tile have them in the same block, in several, or all in all.
TEST_P(Linear, FineBlocksGiveTheBitsOfTheOracle) {
  const Format& format = *GetParam();
  if (format.block_elements == 1) return;
  Random random(9);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  const std::int64_t columns = matrix.columns();
  std::vector<float> input = random_floats(random, 20 * columns);
  for (std::int64_t t = 0; t < 20; ++t) {
    // Eight tokens share their largest block, of the next eight one has another.
    const std::int64_t block = t < 8 ? 3 : t == 13 ? 8 : t < 16 ? 5 : t % 9;
    input[static_cast<std::size_t>(t * columns + block * kPanelBlock)] = 40.0f;
  }
  std::vector<float> bias = random_floats(random, matrix.rows());
  for (const FineBlocks which : {FineBlocks::kOne, FineBlocks::kFew}) {
    const std::vector<float> expected =
        product(*TestBackend::oracle(Isa::kRef), matrix, input, bias, {}, which);
    for (const Isa isa : runnable_tiers()) {
      TestBackend backend(isa, 2);
      for (const std::int64_t tokens : {1, 2, 5, 12, 20}) {
        std::vector<float> rows(input.end() - tokens * columns, input.end());
        const std::vector<float> want(expected.end() - tokens * matrix.rows(), expected.end());
        ASSERT_TRUE(same_bits(product(*backend, matrix, rows, bias, {}, which), want))
            << isa_name(isa) << ", " << tokens << " tokens";
      }
    }
  }
}

TEST_P(Linear, FineBlocksComeNearerToTheProductOfFloats) {
  const Format& format = *GetParam();
  if (format.block_elements == 1) return;
  Random random(10);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  const std::int64_t columns = matrix.columns();
  std::vector<float> input = random_floats(random, 3 * columns);
  for (std::int64_t t = 0; t < 3; ++t) {
    input[static_cast<std::size_t>(t * columns + (t + 2) * kPanelBlock)] = 60.0f;
    input[static_cast<std::size_t>(t * columns + (t + 4) * kPanelBlock)] = 20.0f;
  }
  std::vector<float> bias;
  const std::vector<float> weights = matrix.decoded();
  TestBackend backend(Isa::kRef);
  std::vector<double> apart;
  for (const FineBlocks which : kEveryFine) {
    const std::vector<float> out = product(*backend, matrix, input, bias, {}, which);
    double squares = 0;
    for (std::int64_t i = 0; i < std::ssize(out); ++i) {
      const std::int64_t token = i / matrix.rows();
      const std::int64_t row = i % matrix.rows();
      double sum = 0;
      for (std::int64_t k = 0; k < columns; ++k) {
        sum += double{weights[static_cast<std::size_t>(row * columns + k)]} *
               input[static_cast<std::size_t>(token * columns + k)];
      }
      squares += std::pow(out[static_cast<std::size_t>(i)] - sum, 2.0);
    }
    apart.push_back(std::sqrt(squares));
  }
  EXPECT_LT(apart[1], 0.5 * apart[0]);
  EXPECT_LT(apart[2], 0.7 * apart[1]);
}

TEST_P(Linear, TiersAgreeOnEveryShape) {
  const Format& format = *GetParam();
  Random random(3);
  for (const std::int64_t rows : {1, 15, 16, 17, 33, 80}) {
    for (const std::int64_t blocks : {1, 2, 3, 7}) {
      const std::int64_t columns =
          blocks * (format.block_elements == 1 ? 11 : format.block_elements);
      const StoredMatrix matrix(format, rows, columns, random);
      std::vector<float> input = random_floats(random, 5 * columns);
      std::vector<float> bias;
      for (const Isa isa : runnable_tiers()) {
        const std::vector<float> expected = expected_product(isa, matrix, input, bias);
        TestBackend backend(isa, 2);
        ASSERT_TRUE(same_bits(product(*backend, matrix, input, bias), expected))
            << isa_name(isa) << " [" << rows << ", " << columns << "]";
      }
    }
  }
}

// Quants and activations at the ends of their ranges: where 16-bit sums would saturate.
TEST_P(Linear, ExtremesAreExactInEveryTier) {
  const Format& format = *GetParam();
  if (format.block_elements == 1) return;
  Random random(4);
  const std::int64_t columns = 512;
  for (const int fill : {0x00, 0xFF, 0x80, 0x7F, 0x81, 0xF0, 0x0F}) {
    StoredMatrix matrix(format, 16, columns, random);
    // Quants of one value, f16 scales as they were: blocks keep four bytes at the beginning, two at
    // the end.
    const std::size_t block = format.block_bytes;
    const std::vector<std::size_t> scales = scale_offsets(format);
    const auto is_scale = [&](std::size_t at) {
      return std::ranges::any_of(scales, [&](std::size_t s) { return at == s || at == s + 1; });
    };
    for (std::size_t i = 0; i < matrix.bytes().size(); ++i) {
      const std::size_t at = i % block;
      if (at >= 4 && at < block - 2 && !is_scale(at))
        matrix.bytes()[i] = static_cast<std::byte>(fill);
    }
    for (const int pattern : {0, 1, 2, 3}) {
      std::vector<float> input(static_cast<std::size_t>(2 * columns));
      for (std::size_t k = 0; k < input.size(); ++k) {
        const bool negative =
            pattern == 1 || (pattern == 2 && k % 2 == 0) || (pattern == 3 && random() % 2 == 0);
        input[k] = negative ? -127.0f : 127.0f;
      }
      std::vector<float> bias;
      TestBackend ref(Isa::kRef);
      const std::vector<float> expected = product(*ref, matrix, input, bias);
      for (const Isa isa : runnable_tiers()) {
        TestBackend backend(isa);
        ASSERT_TRUE(same_bits(product(*backend, matrix, input, bias), expected))
            << isa_name(isa) << ", fill " << fill << ", pattern " << pattern;
      }
    }
  }
}

TEST_P(Linear, SourceRowsPermute) {
  const Format& format = *GetParam();
  Random random(5);
  const StoredMatrix matrix(format, 40, columns_of(format), random);
  std::vector<std::int32_t> order(40);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<float> input = random_floats(random, matrix.columns());
  std::vector<float> bias;
  TestBackend backend(runnable_tiers().back(), 2);
  const std::vector<float> plain = product(*backend, matrix, input, bias);
  const std::vector<float> permuted = product(*backend, matrix, input, bias, order);
  for (std::size_t n = 0; n < 40; ++n)
    ASSERT_EQ(permuted[n], plain[static_cast<std::size_t>(order[n])]);
}

TEST_P(Linear, EmbedDecodesRows) {
  const Format& format = *GetParam();
  Random random(6);
  const StoredMatrix matrix(format, 37, columns_of(format), random);
  const std::vector<float> weights = matrix.decoded();
  std::vector<std::int32_t> ids = {36, 0, 5, 16, 5};
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa, 2);
    const auto table = backend->pack(matrix.stored(), {});
    std::vector<float> out(ids.size() * static_cast<std::size_t>(matrix.columns()));
    backend->embed(*table, tensor_of(ids, {5}), 3.0f, Out(tensor_of(out, {5, matrix.columns()})));
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto row =
          static_cast<std::size_t>(ids[i / static_cast<std::size_t>(matrix.columns())]);
      const float weight = weights[row * static_cast<std::size_t>(matrix.columns()) +
                                   i % static_cast<std::size_t>(matrix.columns())];
      ASSERT_NEAR(out[i], 3.0f * weight, 1e-5f * (1.0f + std::abs(weight)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Linear, ::testing::ValuesIn([] {
                           std::vector<const Format*> all;
                           for (const Format& format : formats()) all.push_back(&format);
                           return all;
                         }()),
                         [](const auto& format) { return std::string(format.param->name); });

// Activations lose 16 of their 24 bits, then every sum is rounded as a float's.
TEST(LinearBF16Pairs, IsNearTheProductOfRoundedActivations) {
  Random random(8);
  const StoredMatrix matrix(*find_format(FormatId::kBF16), 37, 1031, random);
  std::vector<float> input = random_floats(random, 3 * matrix.columns());
  std::vector<float> bias = random_floats(random, matrix.rows());
  const std::vector<float> out = expected_product(Isa::kAvx512Bf16, matrix, input, bias);
  const std::vector<float> weights = matrix.decoded();
  for (std::int64_t t = 0; t < 3; ++t) {
    for (std::int64_t n = 0; n < matrix.rows(); ++n) {
      double sum = bias[static_cast<std::size_t>(n)];
      double rounded = sum;
      double size = std::abs(sum);
      for (std::int64_t k = 0; k < matrix.columns(); ++k) {
        const double w = weights[static_cast<std::size_t>(n * matrix.columns() + k)];
        const float x = input[static_cast<std::size_t>(t * matrix.columns() + k)];
        sum += w * x;
        rounded += w * double{bf16_to_f32(f32_to_bf16(x))};
        size += std::abs(w * x);
      }
      const double ours = out[static_cast<std::size_t>(t * matrix.rows() + n)];
      ASSERT_NEAR(ours, rounded, 2e-6 * size) << "token " << t << ", row " << n;
      ASSERT_NEAR(ours, sum, 0x1p-9 * size + 2e-6 * size) << "token " << t << ", row " << n;
    }
  }
}

// Denormals on the way in, between the two products of a pair, and on the way out.
TEST(LinearBF16Pairs, TakesDenormalsAsZeros) {
  const auto is_zero = [](Backend& backend, float weight, float x, float before) {
    const Format& format = *find_format(FormatId::kBF16);
    std::vector<std::uint16_t> stored = {f32_to_bf16(weight), f32_to_bf16(before)};
    std::vector<std::byte> bytes(4);
    std::memcpy(bytes.data(), stored.data(), 4);
    const auto packed = backend.pack({"weight", &format, Shape{1, 2}, bytes});
    std::vector<float> input = {x, 1.0f};
    std::vector<float> out = {NAN};
    const LinearTarget target{packed.get(), {}, Out(tensor_of(out, {1, 1}))};
    backend.linear({tensor_of(input, {1, 2}), {}}, {&target, 1});
    return out[0] == 0.0f;
  };
  const bool runs = CpuFeatures::detect().contains(isa_traits(Isa::kAvx512Bf16).required);
  for (const bool real : {false, true}) {
    if (real && !runs) continue;
    TestBackend backend =
        real ? TestBackend(Isa::kAvx512Bf16) : TestBackend::oracle(Isa::kAvx512Bf16);
    EXPECT_TRUE(is_zero(*backend, 0x1p-130f, 0x1p100f, 0.0f));
    EXPECT_TRUE(is_zero(*backend, 0x1p100f, 0x1p-130f, 0.0f));
    EXPECT_TRUE(is_zero(*backend, 0x1p-70f, 0x1p-60f, 0.0f));
    EXPECT_FALSE(is_zero(*backend, 0x1p-66f, 0x1p-60f, 0.0f));
    EXPECT_TRUE(is_zero(*backend, 0x1.02p-126f, 1.0f, -0x1p-126f));
    EXPECT_TRUE(is_zero(*backend, 0.0f, 1.0f, 0x1p-127f));
    EXPECT_FALSE(is_zero(*backend, 0.0f, 1.0f, 0x1p-126f));
  }
}

// Matrices of several formats and sizes, floats among them, in one call.
TEST(LinearGroup, EqualsItsProductsOneByOne) {
  Random random(7);
  const std::int64_t columns = 256;
  std::vector<StoredMatrix> matrices;
  for (const Format& format : formats())
    matrices.emplace_back(format, 5 + std::ssize(matrices) * 23, columns, random);
  for (const Isa isa : runnable_tiers()) {
    for (const std::int64_t tokens : {1, 3, 2500}) {
      if (isa == Isa::kRef && tokens > 3) continue;
      std::vector<float> input = random_floats(random, tokens * columns);
      std::vector<float> bias;
      TestBackend backend(isa, 3);
      Q8Rows q8(*backend, tokens, columns);
      Activations activations{tensor_of(input, {tokens, columns}), q8.tensor()};
      backend->quantize(activations.f32, Out(activations.q8));
      std::vector<std::shared_ptr<const WeightMatrix>> weights;
      std::vector<std::vector<float>> out;
      std::vector<LinearTarget> targets;
      for (const StoredMatrix& matrix : matrices) {
        weights.push_back(backend->pack(matrix.stored(), {}));
        out.emplace_back(static_cast<std::size_t>(tokens * matrix.rows()));
      }
      for (std::size_t i = 0; i < matrices.size(); ++i)
        targets.push_back(
            {weights[i].get(), {}, Out(tensor_of(out[i], {tokens, matrices[i].rows()}))});
      backend->linear(activations, targets);
      for (std::size_t i = 0; i < matrices.size(); ++i)
        ASSERT_TRUE(same_bits(out[i], product(*backend, matrices[i], input, bias)))
            << isa_name(isa) << ", target " << i << ", " << tokens << " tokens";
    }
  }
}

// Gate and up of two formats, joined at once, in the forms that are asked for.
TEST_P(Linear, GatedIsTheProductsAndThenTheGate) {
  const Format& gate_format = *GetParam();
  const Format& up_format = *find_format(FormatId::kQ8_0);
  Random random(8);
  const std::int64_t columns = 256;
  for (const std::int64_t rows : {7, 32, 45, 64, 81}) {
    const StoredMatrix gate_matrix(gate_format, rows, columns, random);
    const StoredMatrix up_matrix(up_format, rows, columns, random);
    std::vector<float> gate_bias = random_floats(random, rows);
    std::vector<float> up_bias;
    for (const Isa isa : runnable_tiers()) {
      for (const std::int64_t tokens : {1, 6, 49, 500}) {
        if (tokens > 49 && (isa == Isa::kRef || rows != 81)) continue;
        std::vector<float> input = random_floats(random, tokens * columns);
        TestBackend backend(isa, 3);
        std::vector<float> gate = product(*backend, gate_matrix, input, gate_bias);
        std::vector<float> up = product(*backend, up_matrix, input, up_bias);
        std::vector<float> expected(gate.size(), NAN);
        Q8Rows expected_q8(*backend, tokens, rows);
        backend->gate(GateActivation::kGeluTanh, tensor_of(gate, {tokens, rows}),
                      tensor_of(up, {tokens, rows}),
                      Out(Activations{tensor_of(expected, {tokens, rows}), expected_q8.tensor()}));

        Q8Rows q8(*backend, tokens, columns);
        const Activations x{tensor_of(input, {tokens, columns}), q8.tensor()};
        backend->quantize(x.f32, Out(x.q8));
        const auto gate_weight = backend->pack(gate_matrix.stored());
        const auto up_weight = backend->pack(up_matrix.stored());
        for (const bool with_f32 : {false, true}) {
          std::vector<float> out(gate.size(), NAN);
          Q8Rows out_q8(*backend, tokens, rows);
          backend->gated_linear(
              x, {gate_weight.get(),
                  tensor_of(gate_bias, {rows}),
                  up_weight.get(),
                  {},
                  GateActivation::kGeluTanh,
                  Out(Activations{with_f32 ? tensor_of(out, {tokens, rows}) : Tensor(),
                                  out_q8.tensor()})});
          ASSERT_EQ(out_q8.bytes(), expected_q8.bytes())
              << isa_name(isa) << ", [" << rows << "], " << tokens << " tokens";
          if (with_f32) {
            ASSERT_TRUE(same_bits(out, expected)) << isa_name(isa) << ", " << rows;
          }
        }
      }
    }
  }
}

TEST(PackedWeights, AreChargedToTheLedgerAsLongAsTheyLive) {
  ThreadGroup threads(1);
  ByteLedger ledger(std::uint64_t{1} << 20);
  const auto backend = make_cpu_backend(Isa::kRef, threads, &ledger);
  Random random(5);
  const StoredMatrix matrix(*find_format(FormatId::kF32), 40, 96, random);
  auto weight = backend->pack(matrix.stored(), {});
  ASSERT_EQ(ledger.accounts().size(), 1U);
  EXPECT_EQ(ledger.accounts()[0].name, "weights");
  EXPECT_EQ(ledger.in_use(), weight->bytes());
  auto rows = backend->rows_of(weight, 16, 40);
  const std::size_t all = weight->bytes();
  weight.reset();
  EXPECT_EQ(ledger.in_use(), all);
  rows.reset();
  EXPECT_EQ(ledger.in_use(), 0U);
  const StoredMatrix large(*find_format(FormatId::kF32), 1024, 1024, random);
  EXPECT_THROW(backend->pack(large.stored(), {}), ResourceExhausted);
  EXPECT_EQ(ledger.in_use(), 0U);
}

}  // namespace
}  // namespace sirocco
