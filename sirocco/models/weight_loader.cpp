#include "sirocco/models/weight_loader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"

namespace sirocco {
namespace {

/// For each row of half-split heads, the row of neighbouring pairs that holds it.
std::vector<std::int32_t> half_split_sources(const HeadRows& h) {
  std::vector<std::int32_t> source;
  source.reserve(static_cast<std::size_t>(h.heads) * static_cast<std::size_t>(h.head_dim));
  const int half = h.rotary_dims / 2;
  for (int head = 0; head < h.heads; ++head) {
    for (int i = 0; i < h.head_dim; ++i) {
      const int within = i < half ? 2 * i : i < 2 * half ? 2 * (i - half) + 1 : i;
      source.push_back(head * h.head_dim + within);
    }
  }
  return source;
}

/// A tensor [outputs, taps, inputs] as a matrix [outputs, taps · inputs].
class JoinedRows final : public MadeRows {
 public:
  explicit JoinedRows(const StoredTensor& stored) : stored_(stored) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override {
    const std::int64_t taps = stored_.shape[1];
    const std::int64_t inputs = stored_.columns();
    while (count > 0) {
      const std::int64_t size = std::min(count, inputs - column % inputs);
      stored_.read(row * taps + column / inputs, column % inputs, size, out);
      out += row_bytes(*stored_.format, size);
      column += size;
      count -= size;
    }
  }

 private:
  const StoredTensor& stored_;
};

/// Whether a tensor of shape `stored` is the one of shape `wanted`. A vector may be stored as a
/// matrix of one row or column.
bool fits(const Shape& stored, const Shape& wanted) {
  if (stored == wanted) return true;
  if (wanted.rank() != 1 || stored.elements() != wanted[0]) return false;
  for (int axis = 0; axis < stored.rank(); ++axis) {
    if (stored[axis] == wanted[0]) return true;
  }
  return false;
}

}  // namespace

WeightLoader::WeightLoader(const WeightSource& weights, WeightPacker& packer, LoadProgress progress)
    : weights_(weights), packer_(packer), progress_(std::move(progress)) {
  for (const StoredTensor& t : weights.tensors()) total_ += t.size_bytes();
}

const StoredTensor* WeightLoader::find(std::string_view name) const {
  const auto slice = slices_.find(name);
  return slice != slices_.end() ? &slice->second : weights_.find(name);
}

void WeightLoader::expect_all_read(std::string_view begin, std::string_view architecture) const {
  for (const StoredTensor& tensor : weights_.tensors()) {
    if (tensor.name.starts_with(begin) && !read_.contains(tensor.name))
      refuse_unknown_tensor(weights_.origin(), weights_.called(tensor.name), architecture);
  }
}

void WeightLoader::leave_out(std::string_view begin) {
  for (const StoredTensor& tensor : weights_.tensors())
    if (tensor.name.starts_with(begin)) consumed(tensor);
}

Shape WeightLoader::matrix_shape(std::string_view name) const {
  const StoredTensor* tensor = find(name);
  if (tensor == nullptr || tensor->shape.rank() != 2)
    throw FormatError("{}: no matrix {}", weights_.origin(), weights_.called(name));
  return tensor->shape;
}

void WeightLoader::split(std::string_view stem, std::initializer_list<Slice> slices) {
  std::int64_t rows = 0;
  for (const Slice& slice : slices) rows += slice.rows;
  for (const std::string_view kind : {"weight", "bias"}) {
    const StoredTensor* stored = weights_.find(fmt::format("{}.{}", stem, kind));
    if (stored == nullptr) continue;
    StoredTensor whole = *stored;
    if (fits(whole.shape, {rows})) {
      const bool lies_so = whole.shape.rank() == 1 && whole.made == nullptr;
      if (!lies_so || whole.format->block_elements != 1) {
        whole = {.name = stored->name,
                 .format = find_format(FormatId::kF32),
                 .shape = {rows},
                 .bytes = std::as_bytes(std::span(cut_.emplace_back(decoded(*stored))))};
      }
    } else if (whole.shape[0] != rows) {
      throw FormatError("{}: tensor {} is {}, but the model's description gives it {} rows",
                        weights_.origin(), weights_.called(whole.name), whole.shape.to_string(),
                        rows);
    }
    read_.insert(stored->name);
    std::int64_t begin = 0;
    for (const Slice& slice : slices) {
      const auto at = slices_.try_emplace(fmt::format("{}.{}", slice.stem, kind)).first;
      at->second = whole.members(begin, slice.rows);
      at->second.name = at->first;
      begin += slice.rows;
    }
  }
}

const StoredTensor& WeightLoader::require(std::string_view name, const Shape& shape) {
  const StoredTensor* tensor = find(name);
  if (tensor == nullptr) {
    throw FormatError(
        "{}: tensor {} is missing; the file may be incomplete, or of another architecture than it "
        "says",
        weights_.origin(), weights_.called(name));
  }
  if (!fits(tensor->shape, shape)) {
    throw FormatError("{}: tensor {} is {}, but the model's description makes it {}",
                      weights_.origin(), weights_.called(name), tensor->shape.to_string(),
                      shape.to_string());
  }
  return *tensor;
}

void WeightLoader::consumed(const StoredTensor& tensor) {
  // A slice has the name of the tensor that it stands for, not of the one that it lies in.
  if (!slices_.contains(tensor.name)) read_.insert(tensor.name);
  weights_.release(tensor);
  done_ += tensor.size_bytes();
  if (progress_) progress_(done_, total_);
}

std::shared_ptr<const WeightMatrix> WeightLoader::matrix(std::string_view name,
                                                         std::int64_t outputs,
                                                         std::int64_t inputs) {
  const StoredTensor& stored = require(name, {outputs, inputs});
  std::shared_ptr<const WeightMatrix> packed = packer_.pack(stored, {}, &weights_);
  consumed(stored);
  return packed;
}

std::shared_ptr<const WeightMatrix> WeightLoader::matrix_rows(std::string_view name,
                                                              std::int64_t outputs,
                                                              std::int64_t inputs,
                                                              std::int64_t first,
                                                              std::int64_t count) {
  const StoredTensor& stored = require(name, {outputs, inputs});
  std::shared_ptr<const WeightMatrix> packed =
      packer_.pack(stored.members(first, count), {}, &weights_);
  consumed(stored);
  return packed;
}

Linear WeightLoader::linear(std::string_view stem, std::int64_t outputs, std::int64_t inputs) {
  return linear(stem, outputs, inputs, [] { return std::vector<std::int32_t>(); });
}

Linear WeightLoader::rotary_linear(std::string_view stem, const HeadRows& heads,
                                   std::int64_t inputs) {
  const std::int64_t outputs = std::int64_t{heads.heads} * heads.head_dim;
  // Sources that store all architectures alike say so.
  if (weights_.rotary_rows().value_or(heads.order) == RotaryRows::kHalfSplit)
    return linear(stem, outputs, inputs);
  return linear(stem, outputs, inputs, [&] { return half_split_sources(heads); });
}

std::string WeightLoader::norm_name(std::string_view stem) const {
  const std::string scale = fmt::format("{}.scale", stem);
  return has(scale) ? scale : fmt::format("{}.weight", stem);
}

std::int64_t WeightLoader::norm_width(std::string_view stem) const {
  const std::string name = norm_name(stem);
  const StoredTensor* const tensor = find(name);
  if (tensor == nullptr)
    throw FormatError("{}: no tensor {}", weights_.origin(), weights_.called(name));
  return tensor->shape.elements();
}

RmsNorm WeightLoader::rotary_norm(std::string_view stem, const HeadRows& heads, float epsilon) {
  const std::vector<float> stored = floats(norm_name(stem), heads.head_dim);
  if (weights_.rotary_rows().value_or(heads.order) == RotaryRows::kHalfSplit)
    return {WeightVector(stored), epsilon};
  HeadRows one = heads;
  one.heads = 1;
  std::vector<float> ordered;
  for (const std::int32_t source : half_split_sources(one))
    ordered.push_back(stored[static_cast<std::size_t>(source)]);
  return {WeightVector(std::move(ordered)), epsilon};
}

Linear WeightLoader::linear(std::string_view stem, std::int64_t outputs, std::int64_t inputs,
                            FunctionRef<std::vector<std::int32_t>()> source_rows) {
  const StoredTensor& stored = require(fmt::format("{}.weight", stem), {outputs, inputs});
  return packed_linear(stem, stored, stored, source_rows());
}

Linear WeightLoader::convolution(std::string_view stem, std::int64_t outputs, std::int64_t taps,
                                 std::int64_t inputs) {
  const StoredTensor& stored = require(fmt::format("{}.weight", stem), {outputs, taps, inputs});
  const JoinedRows joined(stored);
  StoredTensor flat = stored;
  flat.shape = {outputs, taps * inputs};
  flat.bytes = {};
  flat.made = &joined;
  flat.first_row = 0;
  return packed_linear(stem, stored, flat);
}

/// What `stored` is, packed as the same elements in another shape, with the bias beside it.
Linear WeightLoader::packed_linear(std::string_view stem, const StoredTensor& stored,
                                   const StoredTensor& packed_as,
                                   const std::vector<std::int32_t>& sources) {
  const WeightSource* const source = &stored == &packed_as ? &weights_ : nullptr;
  std::shared_ptr<const WeightMatrix> packed = packer_.pack(packed_as, sources, source);
  consumed(stored);
  const std::string bias_name = fmt::format("{}.bias", stem);
  if (!has(bias_name)) return Linear(std::move(packed));
  std::vector<float> bias = floats(bias_name, packed_as.shape[0]);
  if (!sources.empty()) {
    std::vector<float> ordered(bias.size());
    for (std::size_t i = 0; i < bias.size(); ++i)
      ordered[i] = bias[static_cast<std::size_t>(sources[i])];
    bias = std::move(ordered);
  }
  return Linear(std::move(packed), WeightVector(std::move(bias)));
}

std::shared_ptr<const WeightMatrix> WeightLoader::packed(std::string_view name,
                                                         std::span<const float> values,
                                                         std::int64_t outputs,
                                                         std::int64_t inputs) {
  return packer_.pack({.name = name,
                       .format = find_format(FormatId::kF32),
                       .shape = {outputs, inputs},
                       .bytes = std::as_bytes(values)});
}

WeightVector WeightLoader::bias_of(std::string_view stem, std::int64_t outputs) {
  const std::string name = fmt::format("{}.bias", stem);
  return has(name) ? vector(name, outputs) : WeightVector();
}

Linear WeightLoader::patch_linear(std::string_view stem, std::int64_t outputs,
                                  std::int64_t channels, std::int64_t patch) {
  const std::string name = fmt::format("{}.weight", stem);
  const std::int64_t area = patch * patch;
  std::vector<float> values;
  if (const StoredTensor* const stored = find(name);
      stored != nullptr && stored->shape.rank() == 4 && stored->shape[3] == area && patch > 1) {
    const std::int64_t frames = stored->shape[2];
    const std::vector<float> all = floats(name, Shape{outputs, channels, frames, area});
    values.resize(static_cast<std::size_t>(outputs * channels * area));
    const auto size = static_cast<std::size_t>(area);
    const auto count = static_cast<std::size_t>(frames);
    for (std::size_t i = 0; i < all.size(); ++i)
      values[i / size / count * size + i % size] += all[i];
  } else {
    const Shape shape{outputs, channels, patch, patch};
    values = floats(name, shape);
    if (const std::string second = name + ".1"; has(second)) {
      const std::vector<float> more = floats(second, shape);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += more[i];
    }
  }
  return Linear(packed(name, values, outputs, channels * area), bias_of(stem, outputs));
}

Linear WeightLoader::merging_linear(std::string_view stem, std::int64_t outputs, std::int64_t side,
                                    std::int64_t inputs) {
  const std::string name = fmt::format("{}.weight", stem);
  const std::int64_t area = side * side;
  const std::vector<float> stored = floats(name, Shape{outputs, inputs * area});
  std::vector<float> values(stored.size());
  std::size_t at = 0;
  for (std::int64_t row = 0; row < outputs; ++row)
    for (std::int64_t place = 0; place < area; ++place)
      for (std::int64_t input = 0; input < inputs; ++input)
        values[at++] = stored[static_cast<std::size_t>((row * inputs + input) * area + place)];
  return Linear(packed(name, values, outputs, inputs * area), bias_of(stem, outputs));
}

Linear WeightLoader::turned_convolution(std::string_view stem, std::int64_t outputs,
                                        std::int64_t taps, std::int64_t inputs) {
  const std::string name = fmt::format("{}.weight", stem);
  const std::vector<float> values = floats(name, Shape{outputs, inputs, taps});
  std::vector<float> turned(values.size());
  const auto width = static_cast<std::size_t>(inputs);
  const auto length = static_cast<std::size_t>(taps);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t kernel = i / (width * length);
    const std::size_t input = i / length % width;
    turned[(kernel * length + i % length) * width + input] = values[i];
  }
  return Linear(packed(name, turned, outputs, taps * inputs), bias_of(stem, outputs));
}

Linear WeightLoader::turned_linear(std::string_view name, std::int64_t outputs,
                                   std::int64_t inputs) {
  const std::vector<float> values = floats(name, Shape{inputs, outputs});
  std::vector<float> turned(values.size());
  const auto width = static_cast<std::size_t>(outputs);
  for (std::size_t i = 0; i < values.size(); ++i)
    turned[(i % width) * static_cast<std::size_t>(inputs) + i / width] = values[i];
  return Linear(packed(name, turned, outputs, inputs));
}

StackLinear WeightLoader::experts(std::string_view stem, std::int64_t experts, std::int64_t outputs,
                                  std::int64_t inputs) {
  std::vector<StoredTensor> matrices;
  std::vector<const StoredTensor*> sources;
  if (has(fmt::format("{}.0.weight", stem))) {
    for (std::int64_t e = 0; e < experts; ++e) {
      sources.push_back(&require(fmt::format("{}.{}.weight", stem, e), {outputs, inputs}));
      matrices.push_back(*sources.back());
      if (matrices.back().format != matrices.front().format) {
        throw UnsupportedError("{}: tensors {} and {} are of different formats ({} and {})",
                               weights_.origin(), quoted(matrices.front().name),
                               quoted(matrices.back().name), matrices.front().format->name,
                               matrices.back().format->name);
      }
    }
  } else {
    const StoredTensor& all =
        require(fmt::format("{}_exps.weight", stem), {experts, outputs, inputs});
    sources.push_back(&all);
    for (std::int64_t e = 0; e < experts; ++e) matrices.push_back(all.member(e));
  }
  std::shared_ptr<const WeightStack> packed = packer_.pack_stack(matrices, {}, &weights_);
  for (const StoredTensor* source : sources) consumed(*source);
  const std::string bias = fmt::format("{}_exps.bias", stem);
  if (!has(bias)) return StackLinear(std::move(packed));
  return StackLinear(std::move(packed), WeightVector(floats(bias, Shape{experts, outputs})));
}

StackLinear WeightLoader::stack(std::string_view name, std::int64_t count, std::int64_t outputs,
                                std::int64_t inputs) {
  const StoredTensor& all = require(name, {count, outputs, inputs});
  std::vector<StoredTensor> matrices;
  for (std::int64_t i = 0; i < count; ++i) matrices.push_back(all.member(i));
  std::shared_ptr<const WeightStack> packed = packer_.pack_stack(matrices, {}, &weights_);
  consumed(all);
  return StackLinear(std::move(packed));
}

std::pair<StackLinear, StackLinear> WeightLoader::split_stack(std::string_view name,
                                                              std::int64_t count,
                                                              std::int64_t upper,
                                                              std::int64_t lower,
                                                              std::int64_t inputs) {
  const StoredTensor& all = require(name, {count * (upper + lower), inputs});
  const bool plain = all.format->block_elements == 1;
  const Format& format = plain ? *all.format : *find_format(FormatId::kF32);
  const auto rows = static_cast<std::size_t>(upper);
  const auto width = static_cast<std::size_t>(inputs);
  const std::size_t row_size = row_bytes(*all.format, inputs);
  const std::size_t bytes = row_bytes(format, upper) * width;
  std::vector<std::byte> made(static_cast<std::size_t>(count) * bytes);
  std::vector<std::byte> encoded(rows * row_size);
  std::vector<float> values(rows * width);
  std::vector<float> turned(values.size());
  std::vector<StoredTensor> above;
  std::vector<StoredTensor> below;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t first = i * (upper + lower);
    all.read_rows(first, upper, encoded.data());
    all.format->decode(encoded.data(), values.size() / all.format->block_elements, values.data());
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t k = 0; k < width; ++k) turned[k * rows + r] = values[r * width + k];
    const auto out = std::span(made).subspan(static_cast<std::size_t>(i) * bytes, bytes);
    format.encode(turned.data(), turned.size(), out.data());
    above.push_back({.name = all.name, .format = &format, .shape = {inputs, upper}, .bytes = out});
    below.push_back(all.members(first + upper, lower));
  }
  std::pair<StackLinear, StackLinear> stacks{StackLinear(packer_.pack_stack(above)),
                                             StackLinear(packer_.pack_stack(below))};
  consumed(all);
  return stacks;
}

WeightVector WeightLoader::vector(std::string_view name, std::int64_t size) {
  return WeightVector(floats(name, size));
}

template <>
RmsNorm WeightLoader::norm<RmsNorm>(std::string_view stem, std::int64_t width, float epsilon) {
  return {vector(fmt::format("{}.weight", stem), width), epsilon};
}

template <>
LayerNorm WeightLoader::norm<LayerNorm>(std::string_view stem, std::int64_t width, float epsilon) {
  WeightVector weight = vector(fmt::format("{}.weight", stem), width);
  return {std::move(weight), vector(fmt::format("{}.bias", stem), width), epsilon};
}

std::vector<float> WeightLoader::floats(std::string_view name, const Shape& shape) {
  const StoredTensor& stored = require(name, shape);
  std::vector<float> out = decoded(stored);
  consumed(stored);
  return out;
}

std::vector<float> WeightLoader::decoded(const StoredTensor& stored) const {
  std::vector<float> out(static_cast<std::size_t>(stored.shape.elements()));
  std::vector<std::byte> encoded(stored.size_bytes());
  stored.read_rows(0, stored.rows(), encoded.data());
  stored.format->decode(encoded.data(), out.size() / stored.format->block_elements, out.data());
  return out;
}

}  // namespace sirocco
