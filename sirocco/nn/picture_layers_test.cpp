#include "sirocco/nn/picture_layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/nn_testing.hpp"

namespace sirocco {
namespace {

using namespace nn_testing;

WeightVector vector_of(Random& random, std::int64_t size) {
  return WeightVector(random_floats(random, size));
}

GroupNorm norm_of(Random& random, std::int64_t channels, std::int64_t groups) {
  WeightVector weight = vector_of(random, channels);
  return {std::move(weight), vector_of(random, channels), groups, 1e-6f};
}

PictureConvolution convolution_of(Backend& backend, Random& random, std::int64_t outputs,
                                  std::int64_t inputs, Resizing resizing = Resizing::kNone) {
  return PictureConvolution(
      linear_of(backend, random_floats(random, outputs * 9 * inputs, 0.2f), 9 * inputs), resizing);
}

ResidualPictureLayer residual_of(Backend& backend, Random& random, std::int64_t from,
                                 std::int64_t to, bool shortcut) {
  GroupNorm first_norm = norm_of(random, from, 2);
  PictureConvolution first = convolution_of(backend, random, to, from);
  GroupNorm second_norm = norm_of(random, to, 2);
  PictureConvolution second = convolution_of(backend, random, to, to);
  std::optional<Linear> beside;
  if (shortcut) beside = linear_of(backend, random_floats(random, to * from), from);
  return {std::move(first_norm), std::move(first), std::move(second_norm), std::move(second),
          std::move(beside)};
}

/// Two residual layers, of which the second has more channels, and a picture twice as large.
PictureLayers layers_of(Backend& backend) {
  Random random(5);
  PictureConvolution first = convolution_of(backend, random, 6, 2);
  std::vector<PictureLayer> layers;
  layers.emplace_back(residual_of(backend, random, 6, 6, false));
  layers.emplace_back(residual_of(backend, random, 6, 8, true));
  layers.emplace_back(
      ResizingPictureLayer(convolution_of(backend, random, 8, 8, Resizing::kDouble)));
  GroupNorm norm = norm_of(random, 8, 4);
  return {std::move(first), std::move(layers), std::move(norm),
          convolution_of(backend, random, 3, 8)};
}

constexpr PictureExtent kExtent{5, 7};

/// Of a picture of `values`, with a step of its own for each `layers` layers.
std::vector<float> run(Backend& backend, std::vector<float> values, std::int32_t layers,
                       std::size_t* scratch = nullptr) {
  const PictureLayers model = layers_of(backend);
  const StepRows rows{{SequenceRows(SequenceId(0), Position(0), kExtent.pixels())}, {}};
  const CacheViews none;
  StepMemory memory;
  std::optional<PictureStream> stream;
  std::vector<float> out;
  for (std::int32_t begin = 0; begin < model.layers(); begin += layers) {
    TransformContext context(backend, memory, rows, none);
    if (!stream) stream = model.embed(tensor_of(values, {kExtent.pixels(), 2}), kExtent, context);
    const std::int32_t end = std::min(model.layers(), begin + layers);
    stream = model.transform(std::move(*stream), LayerIndex(begin), LayerIndex(end), context);
    if (end < model.layers()) continue;
    const std::span<const float> made = backend.read(model.project(std::move(*stream), context));
    out.assign(made.begin(), made.end());
  }
  if (scratch != nullptr) *scratch = memory.scratch.capacity();
  return out;
}

TEST(PictureLayers, GoOnInAnotherStep) {
  Random random(6);
  const std::vector<float> values = random_floats(random, kExtent.pixels() * 2);
  TestBackend backend(Isa::kRef);
  const std::vector<float> whole = run(*backend, values, 3);
  ASSERT_EQ(std::ssize(whole), 4 * kExtent.pixels() * 3);
  for (const std::int32_t layers : {1, 2})
    EXPECT_TRUE(same_bits(run(*backend, values, layers), whole));
}

TEST(PictureLayers, TakeWhatTheySay) {
  TestBackend backend(Isa::kRef);
  const PictureLayers model = layers_of(*backend);
  // 6 channels, then 8 in the other place, then four times as many pixels in the first again.
  EXPECT_EQ(model.places(kExtent).floats(),
            (std::array<std::int64_t, 2>{(4 * 35 * 8 + 15) / 16 * 16, (35 * 8 + 15) / 16 * 16}));
  std::size_t scratch = 0;
  run(*backend, std::vector<float>(70, 0.5f), 3, &scratch);
  EXPECT_LE(scratch, (model.scratch_bytes(kExtent) + 63) / 64 * 64);
  EXPECT_EQ(model.products(kExtent, LayerIndex(0)), 2.0 * 35 * 9 * 6 * 6);
  EXPECT_EQ(model.products(kExtent, LayerIndex(1)), 35.0 * (9 * 6 * 8 + 9 * 8 * 8 + 6 * 8));
  EXPECT_EQ(model.products(kExtent, LayerIndex(2)), 4.0 * 35 * 9 * 8 * 8);
}

TEST(PictureLayers, PartsThatDoNotFitAreRefused) {
  TestBackend backend(Isa::kRef);
  Random random(7);
  EXPECT_THROW(norm_of(random, 6, 4), InvalidArgument);
  EXPECT_THROW(norm_of(random, 6, 0), InvalidArgument);
  EXPECT_THROW(PictureConvolution(linear_of(*backend, random_floats(random, 40), 10)),
               InvalidArgument);
  EXPECT_THROW(residual_of(*backend, random, 6, 8, false), InvalidArgument);
  EXPECT_THROW(residual_of(*backend, random, 6, 6, true), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
