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

Hidden FrameEmbedding::forward(const Tensor& frames, TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t rows = context.rows();
  const std::int64_t windows = std::ssize(context.host_rows().sequences);
  SIROCCO_CHECK(frames.rows() % windows == 0 && rows % windows == 0);
  const std::int64_t length = frames.rows() / windows;
  // Only a window by itself may end before its frames do.
  SIROCCO_CHECK(rows <= windows * ((length + 1) / 2) &&
                (windows == 1 || rows == windows * ((length + 1) / 2)));
  const Tensor x = context.held().tensor(DType::kF32, {rows, width()});
  const Arena::Scope scope(context.scratch());
  const Tensor louder = first_.forward(frames, length, context);
  ops.activate(PlainActivation::kGeluErf, louder, Out(Activations{.f32 = louder, .q8 = {}}));
  const Tensor halved = second_.forward(louder, length, context).slice_rows(0, rows);
  ops.embed(*positions_, context.batch().positions, 1.0f, Out(x));
  ops.activate(PlainActivation::kGeluErf, halved, Out(Activations{.f32 = halved, .q8 = {}}));
  ops.add(Out(x), halved);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

}  // namespace sirocco
