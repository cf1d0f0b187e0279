#include "sirocco/nn/convolution.hpp"

#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {

Convolution::Convolution(Linear kernel, std::int64_t stride)
    : kernel_(std::move(kernel)), stride_(stride) {
  if (kernel_.inputs() % kTaps != 0 || stride < 1) {
    throw InvalidArgument("convolution: {} inputs of {} rows, every {}", kernel_.inputs(), kTaps,
                          stride);
  }
}

Tensor Convolution::forward(const Tensor& x, std::int64_t length, TransformContext& context) const {
  SIROCCO_CHECK(length > 0 && x.rows() % length == 0 && x.columns() == inputs());
  Ops& ops = context.ops();
  // The rows and, behind them, the one that stands beyond the ends.
  const std::int64_t beyond = x.rows();
  const Tensor rows = context.scratch().tensor(DType::kF32, {beyond + 1, inputs()});
  const std::vector<float> zeros(static_cast<std::size_t>(inputs()));
  ops.copy_columns(x, 0, inputs(), Out(rows.slice_rows(0, beyond)), 0);
  ops.copy_columns(ops.upload(context.scratch(), zeros, {1, inputs()}), 0, inputs(),
                   Out(rows.slice_rows(beyond, 1)), 0);

  std::vector<std::int32_t>& taken = context.host_integers();
  for (std::int64_t begin = 0; begin < beyond; begin += length) {
    for (std::int64_t middle = 0; middle < length; middle += stride_) {
      for (std::int64_t i = middle - 1; i <= middle + 1; ++i)
        taken.push_back(static_cast<std::int32_t>(i < 0 || i >= length ? beyond : begin + i));
    }
  }
  const std::int64_t made = x.rows() / length * ceil_div(length, stride_);
  const Tensor joined = context.scratch().tensor(DType::kF32, {made * kTaps, inputs()});
  ops.gather_rows(rows, ops.upload(context.scratch(), taken, {made * kTaps}), Out(joined));
  return kernel_.forward({.f32 = joined.reshaped({made, kTaps * inputs()}), .q8 = {}}, context);
}

}  // namespace sirocco
