#include "sirocco/nn/modulation.hpp"

#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {

Modulation::Modulation(std::vector<Linear> linears, std::int64_t width, std::int64_t rows_of_part)
    : linears_(std::move(linears)),
      width_(width),
      rows_of_part_(rows_of_part),
      ones_(std::vector<float>(static_cast<std::size_t>(width), 1.0f)) {
  for (const Linear& linear : linears_) {
    if (linear.outputs() % width != 0)
      throw InvalidArgument("modulation: {} outputs are no whole rows of {}", linear.outputs(),
                            width);
    rows_ += linear.outputs() / width;
  }
  if (rows_ == 0 || rows_ % rows_of_part != 0)
    throw InvalidArgument("modulation: {} rows are no whole parts of {}", rows_, rows_of_part);
}

void Modulation::forward(const Tensor& condition, const Out<Tensor>& out,
                         TransformContext& context) const {
  std::int64_t first = 0;
  for (const Linear& linear : linears_) {
    const std::int64_t count = linear.outputs() / width_;
    const Tensor rows = out->slice_rows(first, count).reshaped({1, linear.outputs()});
    linear.forward({.f32 = condition, .q8 = {}}, Out(rows), context);
    first += count;
  }
  for (std::int64_t i = 0; i < parts(); ++i)
    context.ops().add(Out(out->slice_rows(i * rows_of_part_ + 1, 1)), ones_.tensor());
}

Modulation::Part Modulation::part(const Tensor& made, std::int64_t index) const {
  const auto row = [&](std::int64_t i) {
    return made.slice_rows(index * rows_of_part_ + i, 1).reshaped({width_});
  };
  return {row(0), row(1), rows_of_part_ == 3 ? row(2) : Tensor()};
}

Activations modulated(const Tensor& x, const Modulation::Part& by, ActivationForms forms,
                      TransformContext& context) {
  constexpr float kEpsilon = 1e-6f;
  const Activations out =
      make_activations(context.scratch(), context.ops(), x.rows(), x.columns(), forms);
  context.ops().layer_norm(x, by.scale, by.shift, kEpsilon, Out(out));
  return out;
}

}  // namespace sirocco
