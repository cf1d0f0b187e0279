#include "sirocco/nn/stream_blocks.hpp"

#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require(bool fits, std::string_view what) {
  if (!fits) throw InvalidArgument("a layer of two streams: {}", what);
}

// Parts of a layer of two streams.
constexpr std::int64_t kAttention = 0;
constexpr std::int64_t kFeedForward = 1;

Tensor scratch_rows(std::int64_t rows, std::int64_t width, TransformContext& context) {
  return context.scratch().tensor(DType::kF32, {rows, width});
}

}  // namespace

DoubleStreamBlock::DoubleStreamBlock(JointAttention attention, Side text, Side picture)
    : attention_(std::move(attention)), text_(std::move(text)), picture_(std::move(picture)) {
  for (const Side* side : {&text_, &picture_}) {
    require(side->modulation.parts() == 2, "its modulation isn't of two parts");
    require(side->projections.width() == attention_.width() &&
                side->output.inputs() == attention_.width(),
            "its projections don't fit the heads");
    require(side->output.outputs() == side->projections.inputs(),
            "its output isn't as wide as its rows");
  }
  require(text_.projections.inputs() == picture_.projections.inputs(),
          "rows of the text aren't as wide as those of the picture");
}

Tensor DoubleStreamBlock::modulation_of(const JointStream& stream, const Side& side) const {
  const bool text = &side == &text_;
  return stream.modulation.slice_rows(text ? 0 : text_.modulation.rows(), side.modulation.rows());
}

void DoubleStreamBlock::modulate(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  for (const Side* side : {&text_, &picture_})
    side->modulation.forward(stream.condition, Out(modulation_of(stream, *side)), context);
}

void DoubleStreamBlock::remember(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const JointRows rows(stream, context);
  const Tensor x = stream.rows.slice_rows(rows.first, rows.count());
  const Tensor keys = scratch_rows(rows.count(), attention_.width(), context);
  const Tensor values = scratch_rows(rows.count(), attention_.width(), context);
  const auto project = [&](const Side& side, const Tensor& from, const Tensor& k, const Tensor& v) {
    if (from.rows() == 0) return;
    const Modulation::Part part = side.modulation.part(modulation_of(stream, side), kAttention);
    side.projections.keys_and_values(modulated(from, part, side.projections.key_forms(), context),
                                     Out(k), Out(v), context);
  };
  project(text_, rows.of_text(x), rows.of_text(keys), rows.of_text(values));
  project(picture_, rows.of_picture(x), rows.of_picture(keys), rows.of_picture(values));
  attention_.remember(keys, values, stream.memory, context);
}

void DoubleStreamBlock::forward(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const JointRows rows(stream, context);
  const Tensor x = stream.rows.slice_rows(rows.first, rows.count());
  const Tensor queries = scratch_rows(rows.count(), attention_.width(), context);
  const auto project = [&](const Side& side, const Tensor& from, const Tensor& q) {
    if (from.rows() == 0) return;
    const Modulation::Part part = side.modulation.part(modulation_of(stream, side), kAttention);
    side.projections.queries(modulated(from, part, side.projections.query_forms(), context), Out(q),
                             context);
  };
  project(text_, rows.of_text(x), rows.of_text(queries));
  project(picture_, rows.of_picture(x), rows.of_picture(queries));
  const Tensor seen = attention_.attend(queries, stream.memory, context);
  const auto finish = [&](const Side& side, const Tensor& to, const Tensor& from) {
    if (to.rows() == 0) return;
    const Tensor made = modulation_of(stream, side);
    const Modulation::Part first = side.modulation.part(made, kAttention);
    const Modulation::Part second = side.modulation.part(made, kFeedForward);
    Ops& ops = context.ops();
    ops.add_gated(Out(to), side.output.forward({.f32 = from, .q8 = {}}, context), first.gate);
    const Activations n = modulated(to, second, side.mlp.input_forms(), context);
    ops.add_gated(Out(to), side.mlp.forward(n, context), second.gate);
  };
  finish(text_, rows.of_text(x), rows.of_text(seen));
  finish(picture_, rows.of_picture(x), rows.of_picture(seen));
}

SingleStreamBlock::SingleStreamBlock(JointAttention attention, Modulation modulation,
                                     StreamProjections projections, Linear up,
                                     PlainActivation activation, Linear output)
    : attention_(std::move(attention)),
      modulation_(std::move(modulation)),
      projections_(std::move(projections)),
      up_(std::move(up)),
      activation_(activation),
      output_(std::move(output)) {
  require(modulation_.parts() == 1, "its modulation isn't of one part");
  require(projections_.width() == attention_.width(), "its projections don't fit the heads");
  require(up_.inputs() == projections_.inputs() && output_.outputs() == projections_.inputs() &&
              output_.inputs() == attention_.width() + up_.outputs(),
          "its feed-forward doesn't fit its rows");
}

void SingleStreamBlock::modulate(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  modulation_.forward(stream.condition, Out(stream.modulation.slice_rows(0, modulations())),
                      context);
}

void SingleStreamBlock::remember(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const JointRows rows(stream, context);
  const Tensor x = stream.rows.slice_rows(rows.first, rows.count());
  const Tensor keys = scratch_rows(rows.count(), attention_.width(), context);
  const Tensor values = scratch_rows(rows.count(), attention_.width(), context);
  const Modulation::Part part = modulation_.part(stream.modulation, 0);
  projections_.keys_and_values(modulated(x, part, projections_.key_forms(), context), Out(keys),
                               Out(values), context);
  attention_.remember(keys, values, stream.memory, context);
}

void SingleStreamBlock::forward(JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const JointRows rows(stream, context);
  const Tensor x = stream.rows.slice_rows(rows.first, rows.count());
  const Modulation::Part part = modulation_.part(stream.modulation, 0);
  const Activations n = modulated(x, part, projections_.query_forms() | forms_for(up_), context);
  const Tensor queries = scratch_rows(rows.count(), attention_.width(), context);
  projections_.queries(n, Out(queries), context);
  const Tensor seen = attention_.attend(queries, stream.memory, context);
  const Tensor inner = up_.forward(n, context);
  Ops& ops = context.ops();
  ops.activate(activation_, inner, Out(Activations{.f32 = inner, .q8 = {}}));
  const Tensor both = scratch_rows(rows.count(), output_.inputs(), context);
  ops.copy_columns(seen, 0, attention_.width(), Out(both), 0);
  ops.copy_columns(inner, 0, up_.outputs(), Out(both), attention_.width());
  ops.add_gated(Out(x), output_.forward({.f32 = both, .q8 = {}}, context), part.gate);
}

}  // namespace sirocco
