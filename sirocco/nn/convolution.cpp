#include "sirocco/nn/convolution.hpp"

#include <algorithm>
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

RowRange Convolution::reads(RowRange made, std::int64_t length) const {
  return {std::max<std::int64_t>(made.first * stride_ - 1, 0),
          std::min((made.end - 1) * stride_ + 2, length)};
}

Tensor Convolution::forward(const Tensor& x, RowRange made, std::int64_t length,
                            TransformContext& context) const {
  const RowRange read = reads(made, length);
  SIROCCO_CHECK(made.count() > 0 && made.end <= ceil_div(length, stride_));
  SIROCCO_CHECK(x.rows() == read.count() && x.columns() == inputs());
  Ops& ops = context.ops();
  // The rows and, behind them, the one that stands beyond the ends.
  const std::int64_t beyond = x.rows();
  const Tensor rows = context.scratch().tensor(DType::kF32, {beyond + 1, inputs()});
  const std::vector<float> zeros(static_cast<std::size_t>(inputs()));
  ops.copy_columns(x, 0, inputs(), Out(rows.slice_rows(0, beyond)), 0);
  ops.copy_columns(ops.upload(context.scratch(), zeros, {1, inputs()}), 0, inputs(),
                   Out(rows.slice_rows(beyond, 1)), 0);

  std::vector<std::int32_t>& taken = context.host_integers();
  for (std::int64_t row = made.first; row < made.end; ++row) {
    const std::int64_t middle = row * stride_;
    for (std::int64_t i = middle - 1; i <= middle + 1; ++i)
      taken.push_back(static_cast<std::int32_t>(i < 0 || i >= length ? beyond : i - read.first));
  }
  const std::int64_t count = made.count();
  const Tensor joined = context.scratch().tensor(DType::kF32, {count * kTaps, inputs()});
  ops.gather_rows(rows, ops.upload(context.scratch(), taken, {count * kTaps}), Out(joined));
  return kernel_.forward({.f32 = joined.reshaped({count, kTaps * inputs()}), .q8 = {}}, context);
}

}  // namespace sirocco
