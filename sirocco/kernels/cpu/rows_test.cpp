#include <gmock/gmock.h>

#include <functional>
#include <numbers>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/kernels/cpu/q8.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

/// One op on one backend: everything that it wrote, as bytes.
using Op = std::function<std::vector<std::uint8_t>(Backend&)>;

template <class T>
void append(std::vector<std::uint8_t>& bytes, const std::vector<T>& values) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(values.data());
  bytes.insert(bytes.end(), from, from + values.size() * sizeof(T));
}

/// Bit for bit the same in every tier with every number of threads.
void expect_same_everywhere(const Op& op) {
  TestBackend ref(Isa::kRef);
  const std::vector<std::uint8_t> expected = op(*ref);
  for (const Isa isa : runnable_op_tiers()) {
    for (const int threads : {1, 2, 3}) {
      TestBackend backend(isa, threads);
      ASSERT_TRUE(same_bits(op(*backend), expected)) << isa_name(isa) << ", " << threads;
    }
  }
}

/// Values of every size with a few awkward ones, rows long and short.
std::vector<float> awkward_floats(Random& random, std::int64_t count) {
  std::vector<float> values = random_floats(random, count);
  std::uniform_real_distribution<float> exponent(-45.0f, 30.0f);
  for (std::size_t i = 0; i < values.size(); i += 7) values[i] *= std::pow(2.0f, exponent(random));
  for (std::size_t i = 3; i < values.size(); i += 97) values[i] = -0.0f;
  for (std::size_t i = 5; i < values.size(); i += 211) values[i] = 1e-40f;
  return values;
}

struct Size {
  std::int64_t rows;
  std::int64_t columns;
};
const std::vector<Size> kSizes = {{1, 1},   {3, 15},  {2, 16},   {5, 33},   {1, 576},
                                  {40, 81}, {7, 577}, {2, 1536}, {33, 1000}};

TEST(Rows, NormAndQuantizeAgreeInEveryTier) {
  Random random(11);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> x = awkward_floats(random, rows * columns);
    std::vector<float> weight = random_floats(random, columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<std::uint8_t> bytes;
      std::vector<float> in = x;
      std::vector<float> out(x.size());
      const Tensor input = tensor_of(in, {rows, columns});
      const Tensor norm = tensor_of(weight, {columns});
      Q8Rows q8(backend, rows, columns);
      backend.rms_norm(input, norm, 1e-5f,
                       Out(Activations{tensor_of(out, {rows, columns}), q8.tensor()}));
      append(bytes, out);
      append(bytes, q8.bytes());
      Q8Rows alone(backend, rows, columns);
      backend.rms_norm(input, norm, 1e-5f, Out(Activations{{}, alone.tensor()}));
      EXPECT_TRUE(same_bits(alone.bytes(), q8.bytes()));
      Q8Rows later(backend, rows, columns);
      backend.quantize(tensor_of(out, {rows, columns}), Out(later.tensor()));
      EXPECT_TRUE(same_bits(later.bytes(), q8.bytes()));
      for (const FineBlocks which : {FineBlocks::kOne, FineBlocks::kFew}) {
        FineRows fine(backend, rows, columns, which);
        backend.rms_norm(input, norm, 1e-5f, Out(Activations{{}, alone.tensor(), fine.tensor()}));
        EXPECT_TRUE(same_bits(alone.bytes(), q8.bytes()));
        append(bytes, fine.bytes());
        FineRows converted(backend, rows, columns, which);
        backend.quantize(tensor_of(out, {rows, columns}), Out(later.tensor()),
                         Out(converted.tensor()));
        EXPECT_TRUE(same_bits(later.bytes(), q8.bytes()));
        EXPECT_TRUE(same_bits(converted.bytes(), fine.bytes()));
        FineRows in_place(backend, rows, columns, which);
        in = x;
        backend.rms_norm(input, norm, 1e-5f,
                         Out(Activations{input, alone.tensor(), in_place.tensor()}));
        EXPECT_TRUE(same_bits(in_place.bytes(), fine.bytes()));
        in = x;
      }
      backend.rms_norm(input, norm, 1e-5f, Out(Activations{input, {}}));
      EXPECT_TRUE(same_bits(in, out));
      return bytes;
    });
  }
}

TEST(Rows, NormIsTheRootOfTheMeanSquare) {
  Random random(12);
  std::vector<float> x = random_floats(random, 2 * 577, 3.0f);
  std::vector<float> weight = random_floats(random, 577);
  std::vector<float> out(x.size());
  TestBackend backend(Isa::kRef);
  backend->rms_norm(tensor_of(x, {2, 577}), tensor_of(weight, {577}), 1e-5f,
                    Out(Activations{tensor_of(out, {2, 577}), {}}));
  for (std::size_t row = 0; row < 2; ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < 577; ++k) sum += double{x[row * 577 + k]} * x[row * 577 + k];
    const double r = 1.0 / std::sqrt(sum / 577 + 1e-5);
    for (std::size_t k = 0; k < 577; ++k)
      ASSERT_NEAR(out[row * 577 + k], x[row * 577 + k] * r * weight[k], 1e-5);
  }
}

TEST(Rows, LayerNormAgreesInEveryTierAndWithItsConversion) {
  Random random(17);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> x = awkward_floats(random, rows * columns);
    std::vector<float> weight = random_floats(random, columns);
    std::vector<float> bias = random_floats(random, columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<std::uint8_t> bytes;
      std::vector<float> in = x;
      std::vector<float> out(x.size());
      const Tensor input = tensor_of(in, {rows, columns});
      const Tensor scale = tensor_of(weight, {columns});
      const Tensor shift = tensor_of(bias, {columns});
      Q8Rows q8(backend, rows, columns);
      backend.layer_norm(input, scale, shift, 1e-5f,
                         Out(Activations{tensor_of(out, {rows, columns}), q8.tensor()}));
      append(bytes, out);
      append(bytes, q8.bytes());
      Q8Rows later(backend, rows, columns);
      backend.quantize(tensor_of(out, {rows, columns}), Out(later.tensor()));
      EXPECT_TRUE(same_bits(later.bytes(), q8.bytes()));
      Q8Rows alone(backend, rows, columns);
      for (const FineBlocks which : {FineBlocks::kOne, FineBlocks::kFew}) {
        FineRows fine(backend, rows, columns, which);
        backend.layer_norm(input, scale, shift, 1e-5f,
                           Out(Activations{{}, alone.tensor(), fine.tensor()}));
        EXPECT_TRUE(same_bits(alone.bytes(), q8.bytes()));
        append(bytes, fine.bytes());
        FineRows converted(backend, rows, columns, which);
        backend.quantize(tensor_of(out, {rows, columns}), Out(later.tensor()),
                         Out(converted.tensor()));
        EXPECT_TRUE(same_bits(later.bytes(), q8.bytes()));
        EXPECT_TRUE(same_bits(converted.bytes(), fine.bytes()));
        FineRows in_place(backend, rows, columns, which);
        in = x;
        backend.layer_norm(input, scale, shift, 1e-5f,
                           Out(Activations{input, alone.tensor(), in_place.tensor()}));
        EXPECT_TRUE(same_bits(in_place.bytes(), fine.bytes()));
        in = x;
      }
      backend.layer_norm(input, scale, shift, 1e-5f, Out(Activations{input, {}}));
      EXPECT_TRUE(same_bits(in, out));
      return bytes;
    });
  }
}

TEST(Rows, LayerNormTakesTheMeanAwayAndDividesByTheDeviation) {
  Random random(18);
  std::vector<float> x = random_floats(random, 2 * 577, 3.0f);
  for (float& value : x) value += 100.0f;  // one pass over squares would lose this
  std::vector<float> weight = random_floats(random, 577);
  std::vector<float> bias = random_floats(random, 577);
  std::vector<float> out(x.size());
  TestBackend backend(Isa::kRef);
  backend->layer_norm(tensor_of(x, {2, 577}), tensor_of(weight, {577}), tensor_of(bias, {577}),
                      1e-5f, Out(Activations{tensor_of(out, {2, 577}), {}}));
  for (std::size_t row = 0; row < 2; ++row) {
    const auto first = x.begin() + static_cast<std::ptrdiff_t>(row) * 577;
    const double mean = std::accumulate(first, first + 577, 0.0) / 577;
    double sum = 0;
    for (std::size_t k = 0; k < 577; ++k)
      sum += (x[row * 577 + k] - mean) * (x[row * 577 + k] - mean);
    const double r = 1.0 / std::sqrt(sum / 577 + 1e-5);
    for (std::size_t k = 0; k < 577; ++k)
      ASSERT_NEAR(out[row * 577 + k], (x[row * 577 + k] - mean) * r * weight[k] + bias[k], 3e-5);
  }
}

TEST(Rows, ActivateAgreesInEveryTierAndIsAGateOverOnes) {
  Random random(19);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> x = awkward_floats(random, rows * columns);
    std::vector<float> ones(x.size(), 1.0f);
    for (const auto& [activation, of_gate] :
         {std::pair{PlainActivation::kSilu, GateActivation::kSilu},
          std::pair{PlainActivation::kGeluTanh, GateActivation::kGeluTanh},
          std::pair{PlainActivation::kGeluErf, GateActivation::kGeluErf}}) {
      expect_same_everywhere([&](Backend& backend) {
        std::vector<std::uint8_t> bytes;
        std::vector<float> in = x;
        std::vector<float> gated = x;
        const Tensor input = tensor_of(in, {rows, columns});
        Q8Rows alone(backend, rows, columns);
        backend.activate(activation, input, Out(Activations{{}, alone.tensor()}));
        append(bytes, alone.bytes());
        Q8Rows q8(backend, rows, columns);
        backend.activate(activation, input, Out(Activations{input, q8.tensor()}));
        append(bytes, in);
        EXPECT_TRUE(same_bits(alone.bytes(), q8.bytes()));
        const Tensor gate = tensor_of(gated, {rows, columns});
        backend.gate(of_gate, gate, tensor_of(ones, {rows, columns}), Out(Activations{gate, {}}));
        EXPECT_TRUE(same_bits(in, gated));
        return bytes;
      });
    }
  }
}

TEST(Rows, ReluIsZeroOrWhatItWas) {
  Random random(21);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> x = awkward_floats(random, rows * columns);
    const std::vector<float> u = random_floats(random, rows * columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<float> out = x;
      std::vector<float> gated = x;
      std::vector<float> up = u;
      const Tensor in = tensor_of(out, {rows, columns});
      backend.activate(PlainActivation::kRelu, in, Out(Activations{in, {}}));
      const Tensor gate = tensor_of(gated, {rows, columns});
      backend.gate(GateActivation::kRelu, gate, tensor_of(up, {rows, columns}),
                   Out(Activations{gate, {}}));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(x[i])) {
          EXPECT_TRUE(std::isnan(out[i]) && std::isnan(gated[i]));
        } else {
          EXPECT_EQ(out[i], std::max(x[i], 0.0f));
          EXPECT_EQ(gated[i], std::isinf(x[i]) && u[i] == 0.0f ? gated[i] : out[i] * u[i]);
        }
      }
      std::vector<std::uint8_t> bytes;
      append(bytes, out);
      append(bytes, gated);
      return bytes;
    });
  }
}

TEST(Rows, QuickGeluAgreesInEveryTierAndIsWhatItSays) {
  Random random(20);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> x = awkward_floats(random, rows * columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<float> out = x;
      const Tensor in = tensor_of(out, {rows, columns});
      backend.activate(PlainActivation::kQuickGelu, in, Out(Activations{in, {}}));
      std::vector<std::uint8_t> bytes;
      append(bytes, out);
      return bytes;
    });
  }
  const std::vector<float> x = random_floats(random, 300, 9.0f);
  std::vector<float> out = x;
  ThreadGroup threads(1);
  const Tensor in = tensor_of(out, {1, 300});
  make_cpu_backend(Isa::kRef, threads)
      ->activate(PlainActivation::kQuickGelu, in, Out(Activations{in, {}}));
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(out[i], x[i] / (1.0 + std::exp(-1.702 * double{x[i]})), 2e-6) << x[i];
}

TEST(Rows, GateAgreesInEveryTier) {
  Random random(13);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> g = awkward_floats(random, rows * columns);
    const std::vector<float> u = random_floats(random, rows * columns);
    for (const GateActivation activation :
         {GateActivation::kSilu, GateActivation::kGeluTanh, GateActivation::kGeluErf,
          GateActivation::kClampedSwish}) {
      expect_same_everywhere([&](Backend& backend) {
        std::vector<std::uint8_t> bytes;
        std::vector<float> gate = g;
        std::vector<float> up = u;
        const Tensor input = tensor_of(gate, {rows, columns});
        Q8Rows q8(backend, rows, columns);
        backend.gate(activation, input, tensor_of(up, {rows, columns}),
                     Out(Activations{{}, q8.tensor()}));
        append(bytes, q8.bytes());
        Q8Rows again(backend, rows, columns);
        backend.gate(activation, input, tensor_of(up, {rows, columns}),
                     Out(Activations{input, again.tensor()}));
        append(bytes, gate);
        EXPECT_TRUE(same_bits(again.bytes(), q8.bytes()));
        return bytes;
      });
    }
  }
}

TEST(Rows, GateIsActivationTimesUp) {
  std::vector<float> gate = {1.0f, -2.0f};
  std::vector<float> up = {3.0f, 5.0f};
  TestBackend backend(Isa::kRef);
  const Tensor in = tensor_of(gate, {1, 2});
  backend->gate(GateActivation::kSilu, in, tensor_of(up, {1, 2}), Out(Activations{in, {}}));
  EXPECT_FLOAT_EQ(gate[0], 3.0f * ref::silu(1.0f));
  EXPECT_FLOAT_EQ(gate[1], 5.0f * ref::silu(-2.0f));
  gate = {1.0f, -2.0f, 9.0f, -30.0f};
  up = {3.0f, -8.0f, 0.5f, 100.0f};
  const Tensor four = tensor_of(gate, {1, 4});
  backend->gate(GateActivation::kClampedSwish, four, tensor_of(up, {1, 4}),
                Out(Activations{four, {}}));
  const auto swish = [](double x) { return x / (1.0 + std::exp(-1.702 * x)); };
  EXPECT_NEAR(gate[0], swish(1.0) * 4.0, 1e-5);
  EXPECT_NEAR(gate[1], swish(-2.0) * -6.0, 1e-5);
  EXPECT_NEAR(gate[2], swish(7.0) * 1.5, 1e-5);
  EXPECT_NEAR(gate[3], swish(-30.0) * 8.0, 1e-5);
}

TEST(Rows, NansStayInActivations) {
  for (const Isa isa : runnable_op_tiers()) {
    TestBackend backend(isa);
    for (const GateActivation how : {GateActivation::kSilu, GateActivation::kGeluTanh,
                                     GateActivation::kGeluErf, GateActivation::kClampedSwish}) {
      std::vector<float> gate = {NAN, 1.0f, 1.0f};
      std::vector<float> up = {1.0f, NAN, 1.0f};
      const Tensor in = tensor_of(gate, {1, 3});
      backend->gate(how, in, tensor_of(up, {1, 3}), Out(Activations{in, {}}));
      EXPECT_TRUE(std::isnan(gate[0]) && std::isnan(gate[1])) << isa_name(isa);
      EXPECT_FALSE(std::isnan(gate[2]));
    }
  }
}

TEST(Rows, SumsAndSoftCapAgreeInEveryTier) {
  Random random(14);
  for (const auto [rows, columns] : kSizes) {
    const std::vector<float> a = awkward_floats(random, rows * columns);
    const std::vector<float> b = awkward_floats(random, rows * columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<std::uint8_t> bytes;
      std::vector<float> x = a;
      std::vector<float> y = b;
      backend.add(Out(tensor_of(x, {rows, columns})), tensor_of(y, {rows, columns}), 0.3f);
      append(bytes, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float product = b[i] * 0.3f;
        EXPECT_EQ(x[i], a[i] + product);
      }
      const std::vector<float> before = x;
      std::vector<float> gate(a.begin(), a.begin() + columns);
      backend.add_gated(Out(tensor_of(x, {rows, columns})), tensor_of(y, {rows, columns}),
                        tensor_of(gate, {columns}));
      append(bytes, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float product = b[i] * gate[i % gate.size()];
        EXPECT_EQ(x[i], before[i] + product);
      }
      backend.soft_cap(Out(tensor_of(x, {rows, columns})), 30.0f);
      append(bytes, x);
      return bytes;
    });
  }
}

TEST(Rows, GatherCopies) {
  Random random(15);
  std::vector<float> x = random_floats(random, 9 * 5);
  std::vector<std::int32_t> rows = {8, 0, 8, 3};
  std::vector<float> out(4 * 5);
  TestBackend backend(Isa::kRef);
  backend->gather_rows(tensor_of(x, {9, 5}), tensor_of(rows, {4}), Out(tensor_of(out, {4, 5})));
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], x[static_cast<std::size_t>(rows[i / 5]) * 5 + i % 5]);
}

TEST(Rows, MeanIsOfEachSequencesRows) {
  Random random(20);
  const std::vector<std::int32_t> lengths = {1, 7, 2, 300};
  for (const std::int64_t columns : {5, 33, 200}) {
    std::vector<std::int32_t> begin = {0};
    for (const std::int32_t length : lengths) begin.push_back(begin.back() + length);
    const std::vector<float> x = random_floats(random, begin.back() * columns);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<float> in = x;
      std::vector<std::int32_t> rows = begin;
      std::vector<float> out(lengths.size() * static_cast<std::size_t>(columns));
      backend.mean_rows(tensor_of(in, {begin.back(), columns}), tensor_of(rows, {5}),
                        Out(tensor_of(out, {4, columns})));
      for (std::int64_t s = 0; s < 4; ++s) {
        for (std::int64_t k = 0; k < columns; ++k) {
          double sum = 0;
          for (std::int64_t r = rows[static_cast<std::size_t>(s)];
               r < rows[static_cast<std::size_t>(s + 1)]; ++r)
            sum += x[static_cast<std::size_t>(r * columns + k)];
          EXPECT_NEAR(out[static_cast<std::size_t>(s * columns + k)],
                      sum / lengths[static_cast<std::size_t>(s)], 1e-5);
        }
      }
      std::vector<std::uint8_t> bytes;
      append(bytes, out);
      return bytes;
    });
  }
}

TEST(Rotary, TableAndRotationAgreeInEveryTierAndKeepLengths) {
  Random random(16);
  for (const std::int64_t pairs : {1, 7, 16, 20, 32, 40, 64}) {
    const std::int64_t head_dim = 2 * pairs + (pairs % 3);
    std::vector<std::int32_t> positions = {0, 1, 2, 77, 4095, 131071, 1000000};
    const std::int64_t rows = std::ssize(positions);
    std::vector<float> frequencies;
    for (std::int64_t i = 0; i < pairs; ++i)
      frequencies.push_back(std::pow(1e4f, -static_cast<float>(i) / static_cast<float>(pairs)));
    const std::vector<float> x = random_floats(random, rows * 3 * head_dim);
    expect_same_everywhere([&](Backend& backend) {
      std::vector<std::uint8_t> bytes;
      std::vector<float> table(static_cast<std::size_t>(rows * 2 * pairs));
      backend.rotary_table(tensor_of(positions, {rows, 1}), tensor_of(frequencies, {pairs}), {},
                           1.0f, Out(tensor_of(table, {rows, 2 * pairs})));
      append(bytes, table);
      std::vector<float> y = x;
      backend.rotate(Out(tensor_of(y, {rows, 3, head_dim})), tensor_of(table, {rows, 2 * pairs}));
      append(bytes, y);
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t i = 0; i < pairs; ++i) {
          const auto at = static_cast<std::size_t>(row * 3 * head_dim + i);
          const auto other = at + static_cast<std::size_t>(pairs);
          const double angle = static_cast<float>(positions[static_cast<std::size_t>(row)]) *
                               frequencies[static_cast<std::size_t>(i)];
          EXPECT_NEAR(y[at], x[at] * std::cos(angle) - x[other] * std::sin(angle), 5e-6);
          EXPECT_NEAR(y[other], x[at] * std::sin(angle) + x[other] * std::cos(angle), 5e-6);
        }
        for (std::int64_t e = 2 * pairs; e < head_dim; ++e) {
          const auto at = static_cast<std::size_t>(row * 3 * head_dim + e);
          EXPECT_EQ(y[at], x[at]);
        }
      }
      return bytes;
    });
  }
}

TEST(Rotary, PairsOfAnAxisHaveTheBitsOfItsPositionsAlone) {
  Random random(22);
  constexpr std::int64_t kAxes = 3;
  std::vector<std::int32_t> positions = {0, 1, 2, 5, 5, 6, 77, 4095, 131071, 9, 1000000, 3};
  const std::int64_t rows = std::ssize(positions) / kAxes;
  for (const std::int64_t pairs : {1, 7, 16, 20, 64}) {
    std::vector<float> frequencies;
    std::vector<std::int32_t> axes;
    for (std::int64_t i = 0; i < pairs; ++i) {
      frequencies.push_back(std::pow(1e4f, -static_cast<float>(i) / static_cast<float>(pairs)));
      axes.push_back(static_cast<std::int32_t>(random() % kAxes));
    }
    const auto table_of = [&](Backend& backend, std::vector<std::int32_t> numbers,
                              const Tensor& of_pairs) {
      std::vector<float> table(static_cast<std::size_t>(rows * 2 * pairs));
      const std::int64_t each = std::ssize(numbers) / rows;
      backend.rotary_table(tensor_of(numbers, {rows, each}), tensor_of(frequencies, {pairs}),
                           of_pairs, 1.25f, Out(tensor_of(table, {rows, 2 * pairs})));
      return table;
    };
    expect_same_everywhere([&](Backend& backend) {
      const std::vector<float> out = table_of(backend, positions, tensor_of(axes, {pairs}));
      std::vector<std::vector<float>> alone;
      for (std::int64_t axis = 0; axis < kAxes; ++axis) {
        std::vector<std::int32_t> of_axis;
        for (std::size_t i = static_cast<std::size_t>(axis); i < positions.size(); i += kAxes)
          of_axis.push_back(positions[i]);
        alone.push_back(table_of(backend, of_axis, {}));
      }
      for (std::size_t i = 0; i < out.size(); ++i) {
        const auto pair = static_cast<std::int64_t>(i) % pairs;
        EXPECT_EQ(out[i], alone[static_cast<std::size_t>(axes[static_cast<std::size_t>(pair)])][i]);
      }
      std::vector<std::uint8_t> bytes;
      append(bytes, out);
      return bytes;
    });
  }
}

}  // namespace
}  // namespace sirocco
