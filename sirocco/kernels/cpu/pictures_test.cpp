#include <gmock/gmock.h>

#include <optional>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

/// A convolution of random numbers, and what it makes of them.
struct Case {
  PictureExtent extent;
  std::int64_t channels;
  std::int64_t outputs;
  Resizing resizing = Resizing::kNone;
  FormatId format = FormatId::kF32;
  bool scaled = true;
  bool added = true;
};

class Convolution {
 public:
  explicit Convolution(const Case& of)
      : of_(of),
        random_(static_cast<unsigned>(of.extent.pixels() + 31 * of.channels + of.outputs)),
        weight_(*find_format(of.format), of.outputs, 9 * of.channels, random_),
        x_(random_floats(random_, of.extent.pixels() * of.channels)),
        factors_(random_floats(random_, 2 * of.channels)),
        bias_(random_floats(random_, of.outputs)),
        added_(random_floats(random_, to().pixels() * of.outputs)) {}

  PictureExtent to() const { return convolved(of_.extent, of_.resizing); }
  bool adds() const { return of_.added && of_.resizing != Resizing::kHalve; }

  std::vector<float> of(Backend& backend) {
    const auto weight = backend.pack(weight_.stored());
    std::vector<float> out(static_cast<std::size_t>(to().pixels() * of_.outputs), NAN);
    if (adds()) out = added_;
    const Tensor result = tensor_of(out, {to().pixels(), of_.outputs});
    backend.picture_products().convolve(
        {.x = tensor_of(x_, {of_.extent.pixels(), of_.channels}),
         .extent = of_.extent,
         .factors = of_.scaled ? tensor_of(factors_, {2, of_.channels}) : Tensor(),
         .weight = weight.get(),
         .bias = tensor_of(bias_, {of_.outputs}),
         .resizing = of_.resizing,
         .added = adds() ? result : Tensor(),
         .out = Out(result)});
    return out;
  }

  /// The definition, in double.
  std::vector<double> exact() const {
    const std::vector<float> weight = weight_.decoded();
    const int scale = of_.resizing == Resizing::kDouble ? 2 : 1;
    const std::int64_t step = of_.resizing == Resizing::kHalve ? 2 : 1;
    const std::int64_t before = of_.resizing == Resizing::kHalve ? 0 : 1;
    std::vector<double> out;
    for (std::int64_t y = 0; y < to().height; ++y)
      for (std::int64_t x = 0; x < to().width; ++x)
        for (std::int64_t n = 0; n < of_.outputs; ++n) {
          double sum = bias_[static_cast<std::size_t>(n)];
          for (std::int64_t tap = 0; tap < 9; ++tap)
            for (std::int64_t c = 0; c < of_.channels; ++c)
              sum += pixel(y * step + tap / 3 - before, x * step + tap % 3 - before, c, scale) *
                     weight[static_cast<std::size_t>((n * 9 + tap) * of_.channels + c)];
          if (adds()) sum += added_[out.size()];
          out.push_back(sum);
        }
    return out;
  }

 private:
  double pixel(std::int64_t row, std::int64_t column, std::int64_t channel, int scale) const {
    if (row < 0 || column < 0 || row >= of_.extent.height * scale ||
        column >= of_.extent.width * scale)
      return 0.0;
    const auto c = static_cast<std::size_t>(channel);
    const auto channels = static_cast<std::size_t>(of_.channels);
    const double x =
        x_[static_cast<std::size_t>(row / scale * of_.extent.width + column / scale) * channels +
           c];
    if (!of_.scaled) return x;
    const double y = x * factors_[c] + factors_[channels + c];
    return y / (1.0 + std::exp(-y));
  }

  Case of_;
  Random random_;
  StoredMatrix weight_;
  std::vector<float> x_;
  std::vector<float> factors_;
  std::vector<float> bias_;
  std::vector<float> added_;
};

constexpr Resizing kEveryResizing[] = {Resizing::kNone, Resizing::kDouble, Resizing::kHalve};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Resizing resizing : kEveryResizing) {
    for (const PictureExtent extent : {PictureExtent{1, 1}, {3, 5}, {4, 4}, {9, 2}, {16, 17}})
      all.push_back({extent, 5, 18, resizing});
    all.push_back({{6, 7}, 33, 16, resizing, FormatId::kF32, false, false});
    all.push_back({{5, 6}, 16, 3, resizing, FormatId::kF16});
    all.push_back({{5, 6}, 32, 40, resizing, FormatId::kBF16, false});
    all.push_back({{5, 6}, 32, 17, resizing, FormatId::kQ8_0});
    // Of several parts.
    all.push_back({{70, 70}, 3, 2, resizing});
  }
  return all;
}

TEST(Pictures, ConvolutionsAreWhatTheyAreDefinedAs) {
  TestBackend ref(Isa::kRef);
  for (const Case& c : cases()) {
    Convolution convolution(c);
    const std::vector<float> out = convolution.of(*ref);
    const std::vector<double> exact = convolution.exact();
    ASSERT_EQ(out.size(), exact.size());
    // Of sums of 9 · C products of numbers around 1.
    const double tolerance = 4e-6 * std::sqrt(9.0 * static_cast<double>(c.channels)) + 2e-6;
    for (std::size_t i = 0; i < out.size(); ++i)
      ASSERT_NEAR(out[i], exact[i], tolerance * 3)
          << i << " of " << c.extent.height << " x " << c.extent.width << ", "
          << static_cast<int>(c.resizing);
  }
}

TEST(Pictures, ConvolutionsHaveTheSameBitsEverywhere) {
  TestBackend ref(Isa::kRef);
  for (const Case& c : cases()) {
    Convolution convolution(c);
    const std::vector<float> expected = convolution.of(*ref);
    // Products of panels differ from tier to tier even where other ops don't.
    for (const Isa isa : runnable_tiers()) {
      for (const int threads : {1, 2, 3}) {
        TestBackend backend(isa, threads);
        ASSERT_TRUE(same_bits(convolution.of(*backend), expected))
            << isa_name(isa) << ", " << threads << " threads, " << c.extent.height << " x "
            << c.extent.width;
      }
    }
  }
}

TEST(Pictures, ConvolutionsAreChargedForTheirMemory) {
  ByteLedger ledger(std::uint64_t{1} << 30);
  ThreadGroup threads(1);
  const std::unique_ptr<Backend> backend = make_cpu_backend(Isa::kRef, threads, &ledger);
  const std::uint64_t before = ledger.in_use();
  Convolution convolution({{8, 8}, 16, 16});
  convolution.of(*backend);
  // The transformed weights alone.
  EXPECT_GE(ledger.in_use(), before + 36 * 16 * 16 * sizeof(float));
}

struct Norm {
  std::int64_t pixels;
  std::int64_t channels;
  std::int64_t groups;
};

TEST(Pictures, GroupFactorsMakeMeanZeroAndVarianceOne) {
  for (const auto [pixels, channels, groups] :
       {Norm{1, 6, 2}, {15, 20, 4}, {64, 32, 32}, {1000, 96, 3}, {129, 17, 1}}) {
    Random random(3);
    std::vector<float> x = random_floats(random, pixels * channels, 2.0f);
    // Far from zero, where a sum of squares would be all that is seen.
    for (float& value : x) value += 300.0f;
    std::vector<float> weight = random_floats(random, channels);
    std::vector<float> bias = random_floats(random, channels);
    const auto factors_of = [&](Backend& backend) {
      std::vector<float> factors(static_cast<std::size_t>(2 * channels), NAN);
      backend.picture_ops().group_factors(
          tensor_of(x, {pixels, channels}), groups, tensor_of(weight, {channels}),
          tensor_of(bias, {channels}), 1e-6f, Out(tensor_of(factors, {2, channels})));
      return factors;
    };
    TestBackend ref(Isa::kRef);
    const std::vector<float> factors = factors_of(*ref);
    const std::int64_t size = channels / groups;
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t first = c / size * size;
      double sum = 0.0;
      double squares = 0.0;
      for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t k = first; k < first + size; ++k)
          sum += x[static_cast<std::size_t>(p * channels + k)];
      const double mean = sum / static_cast<double>(pixels * size);
      for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t k = first; k < first + size; ++k) {
          const double d = x[static_cast<std::size_t>(p * channels + k)] - mean;
          squares += d * d;
        }
      const auto at = static_cast<std::size_t>(c);
      const double scale =
          weight[at] / std::sqrt(squares / static_cast<double>(pixels * size) + 1e-6);
      EXPECT_NEAR(factors[at], scale, 1e-5 * std::fabs(scale) + 1e-7);
      EXPECT_NEAR(factors[static_cast<std::size_t>(channels) + at], bias[at] - mean * scale,
                  1e-5 * std::fabs(mean * scale) + 1e-5);
    }
    for (const Isa isa : runnable_op_tiers())
      for (const int threads : {1, 3})
        EXPECT_TRUE(same_bits(factors_of(*TestBackend(isa, threads)), factors)) << isa_name(isa);
  }
}

TEST(Pictures, ScalesChannels) {
  for (const std::int64_t channels : {1, 16, 37}) {
    Random random(4);
    const std::vector<float> x = random_floats(random, 50 * channels, 3.0f);
    std::vector<float> factors = random_floats(random, 2 * channels);
    for (const bool activated : {false, true}) {
      const auto scaled = [&](Backend& backend) {
        std::vector<float> out = x;  // in place
        const Tensor rows = tensor_of(out, {50, channels});
        backend.picture_ops().scale_channels(rows, tensor_of(factors, {2, channels}), activated,
                                             Out(rows));
        return out;
      };
      TestBackend ref(Isa::kRef);
      const std::vector<float> out = scaled(*ref);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t c = i % static_cast<std::size_t>(channels);
        const double y =
            double{x[i]} * factors[c] + factors[static_cast<std::size_t>(channels) + c];
        EXPECT_NEAR(out[i], activated ? y / (1.0 + std::exp(-y)) : y, 2e-6 * (1 + std::fabs(y)));
      }
      for (const Isa isa : runnable_op_tiers())
        EXPECT_TRUE(same_bits(scaled(*TestBackend(isa, 2)), out)) << isa_name(isa);
    }
  }
}

TEST(Pictures, DrawsWithinTheBoundsOfVariances) {
  std::vector<float> moments = {1.0f, 2.0f, 0.0f, -100.0f, -3.0f, 0.5f, 100.0f, -1.0f};
  std::vector<float> noise = {2.0f, 2.0f, -1.0f, 3.0f};
  const auto drawn = [&](Backend& backend) {
    std::vector<float> out(4);
    backend.picture_ops().draw(tensor_of(moments, {2, 4}), tensor_of(noise, {2, 2}),
                               Out(tensor_of(out, {2, 2})));
    return out;
  };
  TestBackend ref(Isa::kRef);
  const std::vector<float> out = drawn(*ref);
  EXPECT_FLOAT_EQ(out[0], 3.0f);
  EXPECT_FLOAT_EQ(out[1], 2.0f + 2.0f * std::exp(-15.0f));
  EXPECT_FLOAT_EQ(out[2], -3.0f - std::exp(10.0f));
  EXPECT_FLOAT_EQ(out[3], 0.5f + 3.0f * std::exp(-0.5f));
  for (const Isa isa : runnable_op_tiers())
    EXPECT_TRUE(same_bits(drawn(*TestBackend(isa)), out)) << isa_name(isa);
}

}  // namespace
}  // namespace sirocco
