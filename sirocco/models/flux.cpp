#include "sirocco/models/flux.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {
namespace {

// The network takes times and guidance in thousandths.
constexpr float kThousandths = 1000.0f;
constexpr double kLongestPeriod = 10000.0;
constexpr double kRotaryBase = 10000.0;
constexpr int kAxes = 3;
constexpr float kEpsilon = 1e-6f;
// Inputs of the embeddings of times and guidance.
constexpr std::int64_t kTimeInputs = 256;

/// Makes a FluxTransformer of the tensors of GGUF files, which have Black Forest Labs' names. What
/// there is of it follows from their shapes.
class FluxLoader {
 public:
  FluxLoader(const ModelSources& from);
  FluxTransformer load();

 private:
  std::string name(std::string_view kind, std::int32_t layer, std::string_view part) const {
    return fmt::format("{}_blocks.{}.{}", kind, layer, part);
  }
  std::int32_t count(std::string_view kind, std::string_view part) const;
  std::int64_t find_head_dim() const;
  std::shared_ptr<const Rotary> rotary() const;
  Mlp embedder(std::string_view stem, std::int64_t inputs);
  StreamProjections projections(const std::string& stem, const std::string& norms);
  Modulation modulation(const std::string& stem, std::int64_t parts);
  DoubleStreamBlock::Side side(std::int32_t layer, std::string_view which);
  DoubleStreamBlock double_block(std::int32_t layer);
  SingleStreamBlock single_block(std::int32_t layer);
  FluxTransformer::End end();

  ConfigReader reader_;
  std::string origin_;
  WeightLoader loader_;
  DenoiserInfo info_;
  std::int64_t width_ = 0;
  std::int64_t head_dim_ = 0;
  std::int32_t doubles_ = 0;
  std::int32_t singles_ = 0;
  std::optional<JointAttention> attention_;
};

FluxLoader::FluxLoader(const ModelSources& from)
    : reader_(from.metadata),
      origin_(from.metadata.origin()),
      loader_(from.weights, from.packer, from.progress) {
  const Shape picture = loader_.matrix_shape("img_in.weight");
  width_ = info_.width = picture[0];
  info_.inputs = picture[1];
  info_.text_width = loader_.matrix_shape("txt_in.weight")[1];
  info_.pooled_width = loader_.matrix_shape("vector_in.in_layer.weight")[1];
  info_.guided = loader_.has("guidance_in.in_layer.weight");
  doubles_ = count("double", "img_attn.proj.weight");
  singles_ = count("single", "linear2.weight");
  info_.layers = doubles_ + singles_;
  head_dim_ = find_head_dim();
  if (head_dim_ < 1 || width_ % head_dim_ != 0)
    throw FormatError("{}: heads of {} elements don't make rows of {}", origin_, head_dim_, width_);
  attention_.emplace(static_cast<std::int32_t>(width_ / head_dim_),
                     static_cast<std::int32_t>(head_dim_), rotary());
}

std::int32_t FluxLoader::count(std::string_view kind, std::string_view part) const {
  std::int32_t layers = 0;
  while (loader_.has(name(kind, layers, part))) ++layers;
  return layers;
}

std::int64_t FluxLoader::find_head_dim() const {
  if (doubles_ > 0) return loader_.norm_width(name("double", 0, "img_attn.norm.query_norm"));
  if (singles_ > 0) return loader_.norm_width(name("single", 0, "norm.query_norm"));
  throw FormatError("{}: no layer of a transformer that makes pictures", origin_);
}

std::shared_ptr<const Rotary> FluxLoader::rotary() const {
  std::array<std::int64_t, kAxes> dims = {16, 56, 56};
  if (reader_.has("rope.axes_dims")) {
    const auto& said =
        *reader_.metadata().get_array<std::vector<std::int64_t>>(reader_.path("rope.axes_dims"));
    if (said.size() != kAxes)
      throw UnsupportedError("{}: {} has {} axes; only {} are supported", origin_,
                             quoted(reader_.path("rope.axes_dims")), said.size(), kAxes);
    std::ranges::copy(said, dims.begin());
  }
  std::vector<float> frequencies;
  std::array<int, kAxes> sections;
  std::int64_t all = 0;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    // Compared before they are used, so that none is out of range.
    if (dims[axis] < 0 || dims[axis] > head_dim_ || dims[axis] % 2 != 0) break;
    all += dims[axis];
    sections[axis] = static_cast<int>(dims[axis] / 2);
    if (sections[axis] == 0) continue;
    const std::vector<float> of_axis =
        rotary_frequencies(static_cast<int>(dims[axis]), kRotaryBase);
    frequencies.insert(frequencies.end(), of_axis.begin(), of_axis.end());
  }
  if (all != head_dim_)
    throw FormatError("{}: axes of {}, {} and {} elements don't make heads of {}", origin_, dims[0],
                      dims[1], dims[2], head_dim_);
  return std::make_shared<const Rotary>(
      Rotary(std::move(frequencies)).with_sections(sections, SectionOrder::kInARow));
}

Mlp FluxLoader::embedder(std::string_view stem, std::int64_t inputs) {
  return {PlainActivation::kSilu, loader_.linear(fmt::format("{}.in_layer", stem), width_, inputs),
          loader_.linear(fmt::format("{}.out_layer", stem), width_, width_)};
}

StreamProjections FluxLoader::projections(const std::string& stem, const std::string& norms) {
  const auto head_dim = static_cast<int>(head_dim_);
  const HeadRows heads{static_cast<int>(width_ / head_dim_), head_dim, head_dim,
                       RotaryRows::kNeighbouringPairs};
  const auto turned = [&](std::string_view part) {
    return loader_.rotary_linear(fmt::format("{}.{}", stem, part), heads, width_);
  };
  const auto norm = [&](std::string_view part) {
    return loader_.rotary_norm(fmt::format("{}.{}", norms, part), heads, kEpsilon);
  };
  Linear v = loader_.linear(stem + ".v", width_, width_);
  return {turned("q"), turned("k"), std::move(v), norm("query_norm"), norm("key_norm")};
}

Modulation FluxLoader::modulation(const std::string& stem, std::int64_t parts) {
  return Modulation::gated({loader_.linear(stem, 3 * parts * width_, width_)}, width_);
}

DoubleStreamBlock::Side FluxLoader::side(std::int32_t layer, std::string_view which) {
  const auto part = [&](std::string_view p) {
    return name("double", layer, fmt::format("{}_{}", which, p));
  };
  const std::string attention = part("attn");
  loader_.split(
      attention + ".qkv",
      {{attention + ".q", width_}, {attention + ".k", width_}, {attention + ".v", width_}});
  const std::int64_t wide = loader_.matrix_shape(part("mlp.0.weight"))[0];
  return {modulation(part("mod.lin"), 2), projections(attention, attention + ".norm"),
          loader_.linear(attention + ".proj", width_, width_),
          Mlp(PlainActivation::kGeluTanh, loader_.linear(part("mlp.0"), wide, width_),
              loader_.linear(part("mlp.2"), width_, wide))};
}

DoubleStreamBlock FluxLoader::double_block(std::int32_t layer) {
  DoubleStreamBlock::Side text = side(layer, "txt");
  return {*attention_, std::move(text), side(layer, "img")};
}

SingleStreamBlock FluxLoader::single_block(std::int32_t layer) {
  const std::string stem = name("single", layer, "linear1");
  const Shape output = loader_.matrix_shape(name("single", layer, "linear2.weight"));
  const std::int64_t wide = output[1] - width_;
  if (wide < 1)
    throw FormatError("{}: tensor {} is {}, which leaves nothing for a feed-forward", origin_,
                      quoted(name("single", layer, "linear2.weight")), output.to_string());
  loader_.split(
      stem,
      {{stem + ".q", width_}, {stem + ".k", width_}, {stem + ".v", width_}, {stem + ".mlp", wide}});
  Modulation by = modulation(name("single", layer, "modulation.lin"), 1);
  StreamProjections read = projections(stem, name("single", layer, "norm"));
  Linear up = loader_.linear(stem + ".mlp", wide, width_);
  return {*attention_,
          std::move(by),
          std::move(read),
          std::move(up),
          PlainActivation::kGeluTanh,
          loader_.linear(name("single", layer, "linear2"), width_, width_ + wide)};
}

FluxTransformer::End FluxLoader::end() {
  loader_.split("final_layer.adaLN_modulation.1",
                {{"final_layer.shift", width_}, {"final_layer.scale", width_}});
  std::vector<Linear> rows;
  for (const std::string_view stem : {"final_layer.shift", "final_layer.scale"})
    rows.push_back(loader_.linear(stem, width_, width_));
  return {Modulation::ungated(std::move(rows), width_),
          loader_.linear("final_layer.linear", info_.inputs, width_)};
}

FluxTransformer FluxLoader::load() {
  FluxTransformer::Embedders embedders{
      .picture = loader_.linear("img_in", width_, info_.inputs),
      .text = loader_.linear("txt_in", width_, info_.text_width),
      .time = TimeEmbedding(kTimeInputs, embedder("time_in", kTimeInputs)),
      .guidance = std::nullopt,
      .pooled = embedder("vector_in", info_.pooled_width)};
  if (info_.guided) embedders.guidance.emplace(kTimeInputs, embedder("guidance_in", kTimeInputs));
  std::vector<DoubleStreamBlock> doubles;
  for (std::int32_t i = 0; i < doubles_; ++i) doubles.push_back(double_block(i));
  std::vector<SingleStreamBlock> singles;
  for (std::int32_t i = 0; i < singles_; ++i) singles.push_back(single_block(i));
  FluxTransformer::End last = end();
  loader_.expect_all_read("", "flux");
  return {info_, std::move(embedders), std::move(doubles), std::move(singles), std::move(last)};
}

}  // namespace

TimeEmbedding::TimeEmbedding(std::int64_t inputs, Mlp mlp) : mlp_(std::move(mlp)) {
  if (inputs < 2 || inputs % 2 != 0)
    throw InvalidArgument("the embedding of a time has {} inputs", inputs);
  // Exponents are rounded as where models were trained: guidance turns the fastest pairs so far
  // that a millionth of their frequencies counts.
  const std::int64_t pairs = inputs / 2;
  const auto slowest = static_cast<float>(-std::log(kLongestPeriod));
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float exponent = slowest * static_cast<float>(i) / static_cast<float>(pairs);
    frequencies_.push_back(static_cast<float>(std::exp(double{exponent})));
  }
}

Tensor TimeEmbedding::forward(float number, TransformContext& context) const {
  Ops& ops = context.ops();
  // As angles of position 1.
  std::vector<float> angles;
  for (const float frequency : frequencies_) angles.push_back(number * frequency);
  const auto pairs = std::ssize(angles);
  const std::int32_t one = 1;
  const Tensor row = context.scratch().tensor(DType::kF32, {1, 2 * pairs});
  ops.rotary_table(ops.upload(context.scratch(), std::span(&one, 1), {1, 1}),
                   ops.upload(context.scratch(), angles, {pairs}), {}, 1.0f, Out(row));
  return mlp_.forward({.f32 = row, .q8 = {}}, context);
}

FluxTransformer::FluxTransformer(DenoiserInfo info, Embedders embedders,
                                 std::vector<DoubleStreamBlock> doubles,
                                 std::vector<SingleStreamBlock> singles, End end)
    : info_(info),
      embedders_(std::move(embedders)),
      doubles_(std::move(doubles)),
      singles_(std::move(singles)),
      end_(std::move(end)) {}

JointStream FluxTransformer::stream(std::int64_t text_rows, PatchGrid grid, Arena& arena) const {
  std::int64_t modulations = 0;
  for (const DoubleStreamBlock& block : doubles_)
    modulations = std::max(modulations, block.modulations());
  for (const SingleStreamBlock& block : singles_)
    modulations = std::max(modulations, block.modulations());
  return {text_rows, grid.patches(), embedders_.picture.outputs(), modulations, arena};
}

SequenceRows FluxTransformer::sequence(SequenceId id, std::int64_t text_rows,
                                       PatchGrid grid) const {
  std::vector<std::int32_t> places(static_cast<std::size_t>(text_rows * kAxes));
  for (std::int32_t row = 0; row < grid.rows; ++row)
    for (std::int32_t column = 0; column < grid.columns; ++column)
      places.insert(places.end(), {0, row, column});
  return SequenceRows(id, Position(0), text_rows + grid.patches())
      .with_rotary(RotaryPositions(kAxes, std::move(places)));
}

void FluxTransformer::condition(const DenoisingCondition& by, JointStream& stream,
                                TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  Ops& ops = context.ops();
  const Tensor sum = stream.condition;
  const Tensor time = embedders_.time.forward(by.time * kThousandths, context);
  ops.copy_columns(time, 0, time.columns(), Out(sum), 0);
  if (embedders_.guidance)
    ops.add(Out(sum), embedders_.guidance->forward(by.guidance * kThousandths, context));
  const Tensor pooled = ops.upload(context.scratch(), by.pooled, {1, info_.pooled_width});
  ops.add(Out(sum), embedders_.pooled.forward({.f32 = pooled, .q8 = {}}, context));
  ops.activate(PlainActivation::kSilu, sum, Out(Activations{.f32 = sum, .q8 = {}}));
}

void FluxTransformer::embed(std::span<const float> text, std::span<const float> latents,
                            JointStream& stream, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const JointRows rows(stream, context);
  const Tensor to = stream.rows.slice_rows(rows.first, rows.count());
  const auto read = [&](const Linear& linear, std::span<const float> from, std::int64_t first,
                        const Tensor& out) {
    if (out.rows() == 0) return;
    const auto width = static_cast<std::size_t>(linear.inputs());
    const std::span<const float> part = from.subspan(static_cast<std::size_t>(first) * width,
                                                     static_cast<std::size_t>(out.rows()) * width);
    const Tensor x = context.ops().upload(context.scratch(), part, {out.rows(), linear.inputs()});
    linear.forward({.f32 = x, .q8 = {}}, Out(out), context);
  };
  read(embedders_.text, text, rows.first, rows.of_text(to));
  read(embedders_.picture, latents, rows.first + rows.text - stream.text, rows.of_picture(to));
}

template <class Body>
void FluxTransformer::with_block(LayerIndex layer, Body body) const {
  const auto index = static_cast<std::size_t>(layer.value());
  if (index < doubles_.size())
    body(doubles_[index]);
  else
    body(singles_.at(index - doubles_.size()));
}

void FluxTransformer::modulate(JointStream& stream, LayerIndex layer,
                               TransformContext& context) const {
  with_block(layer, [&](const auto& block) { block.modulate(stream, context); });
}
void FluxTransformer::remember(JointStream& stream, LayerIndex layer,
                               TransformContext& context) const {
  with_block(layer, [&](const auto& block) { block.remember(stream, context); });
}
void FluxTransformer::forward(JointStream& stream, LayerIndex layer,
                              TransformContext& context) const {
  with_block(layer, [&](const auto& block) { block.forward(stream, context); });
}

Hidden FluxTransformer::project(JointStream& stream, RowRange made,
                                TransformContext& context) const {
  const Tensor out = context.held().tensor(DType::kF32, {made.count(), info_.inputs});
  const Arena::Scope scope(context.scratch());
  const Tensor x = stream.rows.slice_rows(stream.text + made.first, made.count());
  const Tensor by = context.scratch().tensor(DType::kF32, {end_.modulation.rows(), x.columns()});
  end_.modulation.forward(stream.condition, Out(by), context);
  end_.output.forward(modulated(x, end_.modulation.part(by, 0), forms_for(end_.output), context),
                      Out(out), context);
  return Hidden(context, {.f32 = out, .q8 = {}});
}

DenoiserCosts FluxTransformer::costs(std::int64_t text_rows, PatchGrid grid) const {
  const double rows = static_cast<double>(text_rows + grid.patches());
  DenoiserCosts out;
  const Linear& picture = embedders_.picture;
  out.embed = static_cast<double>(std::max(picture.products(), embedders_.text.products()));
  const double square =
      static_cast<double>(picture.outputs()) * static_cast<double>(picture.outputs());
  // What differs between the two kinds of layers is a few in a hundred.
  out.modulate = 12 * square;
  out.remember = 2 * square;
  out.forward = 10 * square + 2 * rows * static_cast<double>(picture.outputs());
  out.project = static_cast<double>(end_.output.products());
  return out;
}

AnyDenoiser make_flux(const ModelSources& from) {
  return AnyDenoiser(std::make_shared<const FluxTransformer>(FluxLoader(from).load()));
}

AnyDenoiser make_denoiser(const ModelSources& from) {
  const auto architecture = from.metadata.require<std::string_view>("general.architecture");
  if (architecture == "flux") return make_flux(from);
  throw UnsupportedError("{}: architecture {} makes no pictures; known is flux",
                         from.metadata.origin(), quoted(architecture));
}

}  // namespace sirocco
