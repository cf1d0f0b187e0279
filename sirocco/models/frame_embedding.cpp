#include "sirocco/models/frame_embedding.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

FrameEmbedding::FrameEmbedding(Convolution first, Convolution second,
                               std::shared_ptr<const WeightMatrix> positions)
    : first_(std::move(first)), second_(std::move(second)), positions_(std::move(positions)) {
  if (first_.outputs() != second_.inputs() || second_.outputs() != width()) {
    throw InvalidArgument("frame embedding: convolutions of {} to {} and {} to {}, places of {}",
                          first_.inputs(), first_.outputs(), second_.inputs(), second_.outputs(),
                          width());
  }
}

void FrameEmbedding::forward(std::span<const float> frames, const Tensor& x,
                             TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t bins = first_.inputs();
  const std::int64_t length = std::ssize(frames) / bins;
  const std::int64_t begin = context.host_rows().sequences.front().first().value();
  const RowRange made{begin, begin + context.rows()};
  const RowRange middle = second_.reads(made, length);
  const RowRange read = first_.reads(middle, length);
  const Arena::Scope scope(context.scratch());
  const Tensor heard = ops.upload(context.scratch(),
                                  frames.subspan(static_cast<std::size_t>(read.first * bins),
                                                 static_cast<std::size_t>(read.count() * bins)),
                                  {read.count(), bins});
  const Tensor louder = first_.forward(heard, middle, length, context);
  ops.activate(PlainActivation::kGeluErf, louder, Out(Activations{.f32 = louder, .q8 = {}}));
  const Tensor halved = second_.forward(louder, made, length, context);
  ops.embed(*positions_, context.batch().positions, 1.0f, Out(x));
  ops.activate(PlainActivation::kGeluErf, halved, Out(Activations{.f32 = halved, .q8 = {}}));
  ops.add(Out(x), halved);
}

}  // namespace sirocco
