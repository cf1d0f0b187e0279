#include "sirocco/nn/picture_layers.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// Beside pictures: factors of channels, numbers of rows.
constexpr std::int64_t kSmallFloats = std::int64_t{1} << 18;
constexpr std::int64_t kCacheBlock = 64;  // rows that a cache is rounded up to

}  // namespace

PictureConvolution::PictureConvolution(Linear kernel, Resizing resizing)
    : kernel_(std::move(kernel)), resizing_(resizing) {
  if (kernel_.inputs() % kPixels != 0)
    throw InvalidArgument("convolution: {} inputs of {} pixels", kernel_.inputs(), kPixels);
}

double PictureConvolution::products(const PictureShape& x) const {
  return static_cast<double>(after(x).floats()) * static_cast<double>(kernel_.inputs());
}

void PictureConvolution::forward(const Tensor& x, PictureExtent extent, const Tensor& factors,
                                 const Tensor& added, const Out<Tensor>& out,
                                 TransformContext& context) const {
  kernel_.convolve({.x = x,
                    .extent = extent,
                    .factors = factors,
                    .weight = nullptr,
                    .bias = {},
                    .resizing = resizing_,
                    .added = added,
                    .out = out},
                   context);
}

ResidualPictureLayer::ResidualPictureLayer(GroupNorm first_norm, PictureConvolution first,
                                           GroupNorm second_norm, PictureConvolution second,
                                           std::optional<Linear> shortcut)
    : first_norm_(std::move(first_norm)),
      first_(std::move(first)),
      second_norm_(std::move(second_norm)),
      second_(std::move(second)),
      shortcut_(std::move(shortcut)) {
  const std::int64_t from = first_norm_.width();
  const std::int64_t to = second_norm_.width();
  const bool fits = shortcut_
                        ? from != to && shortcut_->inputs() == from && shortcut_->outputs() == to
                        : from == to;
  if (!fits || first_.inputs() != from || first_.outputs() != to || second_.inputs() != to ||
      second_.outputs() != to) {
    throw InvalidArgument(
        "residual layer: convolutions of {} to {} and {} to {} channels, norms of {} "
        "and {}",
        first_.inputs(), first_.outputs(), second_.inputs(), second_.outputs(), from, to);
  }
}

double ResidualPictureLayer::products(const PictureShape& x) const {
  const double shortcut = shortcut_ ? static_cast<double>(x.extent.pixels()) *
                                          static_cast<double>(shortcut_->inputs()) *
                                          static_cast<double>(shortcut_->outputs())
                                    : 0.0;
  return first_.products(x) + second_.products(first_.after(x)) + shortcut;
}

std::int64_t ResidualPictureLayer::scratch_floats(const PictureShape& x) const {
  return first_.after(x).floats();
}

void ResidualPictureLayer::forward(PictureStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const PictureShape shape = after(stream.shape());
  const PictureExtent extent = shape.extent;
  const Tensor x = stream.values();
  const Tensor between = context.scratch().tensor(DType::kF32, {extent.pixels(), shape.channels});
  first_.forward(x, extent, first_norm_.factors(x, context), {}, Out(between), context);
  const Tensor factors = second_norm_.factors(between, context);
  if (!shortcut_) return second_.forward(between, extent, factors, x, Out(x), context);
  const Tensor out = stream.next(shape);
  shortcut_->forward({.f32 = x, .q8 = {}}, Out(out), context);
  second_.forward(between, extent, factors, out, Out(out), context);
  stream.advance(shape);
}

double PictureAttention::products(const PictureShape& x) const {
  const auto rows = static_cast<double>(x.extent.pixels());
  const auto channels = static_cast<double>(x.channels);
  // Four projections; scores and what they weigh.
  return rows * channels * (4 * channels + 2 * rows);
}

std::int64_t PictureAttention::scratch_floats(const PictureShape& x) const {
  // Normed rows, queries, keys and values, these two in a cache, what is mixed of them and the rows
  // made of that.
  return 8 * x.floats() + 2 * kCacheBlock * x.channels;
}

void PictureAttention::forward(PictureStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const Tensor x = stream.values();
  SIROCCO_CHECK(x.rows() == context.rows());
  context.ops().add(Out(x), attention_.mix(norm_.forward(x, context), LayerIndex(0), context));
}

void ResizingPictureLayer::forward(PictureStream& stream, TransformContext& context) const {
  const PictureShape shape = after(stream.shape());
  convolution_.forward(stream.values(), stream.shape().extent, {}, {}, Out(stream.next(shape)),
                       context);
  stream.advance(shape);
}

template <class F>
void PictureLayers::for_layers(PictureShape shape, LayerIndex begin, LayerIndex end, F f) const {
  for (std::int32_t i = begin.value(); i < end.value(); ++i) {
    std::visit(
        [&](const auto& layer) {
          f(layer, shape);
          shape = layer.after(shape);
        },
        layers_[static_cast<std::size_t>(i)]);
  }
}

double PictureLayers::products(PictureExtent extent, LayerIndex layer) const {
  double products = 0.0;
  for_layers(first_shape(extent), LayerIndex(0), LayerIndex(layer.value() + 1),
             [&](const auto& each, const PictureShape& shape) { products = each.products(shape); });
  return products;
}

PicturePlaces PictureLayers::places(PictureExtent extent) const {
  PicturePlaces places(first_shape(extent));
  for_layers(places.shape(), LayerIndex(0), LayerIndex(layers()),
             [&](const auto& layer, const PictureShape& shape) { places.add(layer.after(shape)); });
  return places;
}

std::uint64_t PictureLayers::scratch_bytes(PictureExtent extent) const {
  return static_cast<std::uint64_t>(
             scratch_floats(first_shape(extent), LayerIndex(0), LayerIndex(layers()))) *
         sizeof(float);
}

std::int64_t PictureLayers::scratch_floats(const PictureShape& first, LayerIndex begin,
                                           LayerIndex end) const {
  std::int64_t floats = 0;
  for_layers(first, begin, end, [&](const auto& layer, const PictureShape& shape) {
    floats = std::max(floats, layer.scratch_floats(shape));
  });
  return floats + kSmallFloats;
}

PictureStream PictureLayers::embed(const Tensor& x, PictureExtent extent,
                                   TransformContext& context) const {
  PictureStream stream(first_shape(extent), places(extent), context.held().ledger());
  first_.forward(x, extent, {}, {}, Out(stream.values()), context);
  return stream;
}

PictureStream PictureLayers::transform(PictureStream stream, LayerIndex begin, LayerIndex end,
                                       TransformContext& context) const {
  SIROCCO_CHECK(LayerIndex(0) <= begin && end <= LayerIndex(layers()));
  {
    // Room for the largest of these layers at once, not for one after another.
    const Arena::Scope scope(context.scratch());
    context.scratch().tensor(DType::kF32, {scratch_floats(stream.shape(), begin, end)});
  }
  for (std::int32_t i = begin.value(); i < end.value(); ++i) {
    std::visit([&](const auto& layer) { layer.forward(stream, context); },
               layers_[static_cast<std::size_t>(i)]);
  }
  return stream;
}

Tensor PictureLayers::project(PictureStream stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const PictureExtent extent = stream.shape().extent;
  const Tensor x = stream.values();
  const Tensor out = context.held().tensor(DType::kF32, {extent.pixels(), last_.outputs()});
  last_.forward(x, extent, norm_.factors(x, context), {}, Out(out), context);
  return out;
}

}  // namespace sirocco
