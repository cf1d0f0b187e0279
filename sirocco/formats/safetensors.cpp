#include "sirocco/formats/safetensors.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/file_weights.hpp"
#include "sirocco/formats/float64.hpp"
#include "sirocco/formats/name_order.hpp"
#include "sirocco/formats/packed_mxfp4.hpp"
#include "sirocco/formats/scaled_float8.hpp"
#include "sirocco/quant/mx_quants.hpp"

namespace sirocco {
namespace {

/// Element types that are a format of ours as they lie there.
struct PlainType {
  std::string_view dtype;
  FormatId format;
};
constexpr std::array kPlainTypes = {
    PlainType{"F32", FormatId::kF32},
    PlainType{"F16", FormatId::kF16},
    PlainType{"BF16", FormatId::kBF16},
};
constexpr std::string_view kFloat64 = "F64";
/// What two tensors of bytes that are one in MXFP4 end in.
constexpr std::string_view kBlocksEnding = "_blocks";
constexpr std::string_view kScalesEnding = "_scales";
/// What a name ends in to hold the scales of the tensor whose name is before it.
constexpr std::array<std::string_view, 2> kScaleEndings = {"_scale_inv", "_scale"};

/// Up to four extents; those beyond are joined with the fourth. A scalar is a vector of one.
Shape to_shape(const SafetensorsEntry& entry) {
  std::array<std::int64_t, Shape::kMaxRank> extents{1, 1, 1, 1};
  const std::size_t rank = std::min<std::size_t>(entry.shape.size(), Shape::kMaxRank);
  for (std::size_t axis = 0; axis < entry.shape.size(); ++axis)
    extents[std::min(axis, extents.size() - 1)] *= entry.shape[axis];
  switch (rank) {
    case 2:
      return {extents[0], extents[1]};
    case 3:
      return {extents[0], extents[1], extents[2]};
    case 4:
      return {extents[0], extents[1], extents[2], extents[3]};
    default:
      return {extents[0]};
  }
}

std::string readable_types() {
  std::string list;
  for (const PlainType& type : kPlainTypes) list += fmt::format("{}, ", type.dtype);
  return fmt::format("{}{}, {}", list, kFloat64, fmt::join(kFloat8Types, ", "));
}

/// Makes tensors of entries: as they lie there, of two, or of elements and scales.
class TensorsOfEntries {
 public:
  /// Borrows its arguments.
  TensorsOfEntries(std::span<const SafetensorsEntry> entries, std::string_view origin,
                   ScaleBlock block)
      : entries_(entries), origin_(origin), block_(block) {
    for (const SafetensorsEntry& entry : entries_) names_.push_back(entry.name);
    order_ = unique_order(names_, "tensor name", origin_);
  }

  FileTensors make() {
    for (const SafetensorsEntry& entry : entries_) {
      if (belongs_to_float8(entry.name) || belongs_to_blocks(entry.name)) continue;
      if (const SafetensorsEntry* const scales = scales_of_blocks(entry))
        add_blocks(entry, *scales);
      else
        add(entry);
    }
    return std::move(made_);
  }

 private:
  /// The entry of that name, or null.
  const SafetensorsEntry* find(std::string_view name) const {
    const std::uint32_t* const at = find_index(order_, names_, name);
    return at == nullptr ? nullptr : &entries_[*at];
  }
  /// A text that is kept with the tensors.
  std::string_view kept(std::string text) { return made_.texts.emplace_back(std::move(text)); }

  /// The scales that make `blocks` a tensor in MXFP4, or null.
  const SafetensorsEntry* scales_of_blocks(const SafetensorsEntry& blocks) const {
    const std::string_view name = blocks.name;
    if (blocks.dtype != "U8" || !name.ends_with(kBlocksEnding)) return nullptr;
    const std::string_view stem = name.substr(0, name.size() - kBlocksEnding.size());
    return find(fmt::format("{}{}", stem, kScalesEnding));
  }

  bool belongs_to_blocks(std::string_view name) const {
    if (!name.ends_with(kScalesEnding)) return false;
    const std::string_view stem = name.substr(0, name.size() - kScalesEnding.size());
    const SafetensorsEntry* const blocks = find(fmt::format("{}{}", stem, kBlocksEnding));
    return blocks != nullptr && scales_of_blocks(*blocks) != nullptr;
  }

  void add_blocks(const SafetensorsEntry& blocks, const SafetensorsEntry& scales) {
    auto rows = std::make_unique<const PackedMxFp4>(blocks, scales, origin_);
    const std::string_view name =
        kept(blocks.name.substr(0, blocks.name.size() - kBlocksEnding.size()));
    SafetensorsEntry whole{std::string(name), {}, scales.shape, {}};
    whole.shape.back() *= MxFp4Block::kElements;
    if (whole.shape.size() > Shape::kMaxRank) {
      throw UnsupportedError("{}: tensor {} has {} axes; sirocco reads up to {}", origin_,
                             sirocco::quoted(name), whole.shape.size(), Shape::kMaxRank);
    }
    const auto blocks_a_row = static_cast<std::size_t>(scales.shape.back());
    made_.add_made(name, *find_format(FormatId::kMXFP4), to_shape(whole),
                   {std::move(rows),
                    {{blocks.bytes, blocks_a_row * (MxFp4Block::kElements / 2)},
                     {scales.bytes, blocks_a_row}}});
  }

  /// The entry with the scales of `name`, or null.
  const SafetensorsEntry* scales_of(std::string_view name) const {
    for (const std::string_view ending : kScaleEndings) {
      if (const auto* scale = find(fmt::format("{}{}", name, ending))) return scale;
    }
    return nullptr;
  }

  /// Whether `name` holds the scales of some tensor of eight bits.
  bool belongs_to_float8(std::string_view name) const {
    const auto has_scales = [&](std::string_view of) {
      const SafetensorsEntry* const entry = find(of);
      return entry != nullptr && is_float8(entry->dtype);
    };
    for (const std::string_view ending : kScaleEndings) {
      if (!name.ends_with(ending)) continue;
      const std::string_view of = name.substr(0, name.size() - ending.size());
      if (has_scales(of) && scales_of(of)->name == name) return true;
    }
    return false;
  }

  void add(const SafetensorsEntry& entry) {
    const auto* const plain = std::ranges::find(kPlainTypes, entry.dtype, &PlainType::dtype);
    if (plain == kPlainTypes.end() && entry.dtype != kFloat64 && !is_float8(entry.dtype)) {
      return add_unread(
          entry, fmt::format("is of element type {}, which sirocco can't read; it reads {}: use a "
                             "checkpoint in one of these",
                             entry.dtype, readable_types()));
    }
    if (std::ranges::find(entry.shape, 0) != entry.shape.end())
      return add_unread(entry, "is empty");
    const Shape shape = to_shape(entry);
    const std::string_view name = kept(entry.name);
    const std::int64_t columns = shape[shape.rank() - 1];
    if (plain != kPlainTypes.end()) {
      made_.stored.push_back({name, find_format(plain->format), shape, entry.bytes});
    } else if (entry.dtype == kFloat64) {
      made_.add_made(name, *find_format(FormatId::kF32), shape,
                     narrowed_rows(entry.bytes, columns));
    } else {
      made_.add_made(
          name, *find_format(FormatId::kBF16), shape,
          {std::make_unique<const ScaledFloat8>(entry, scales_of(entry.name), origin_, block_),
           {{entry.bytes, static_cast<std::size_t>(columns)}}});
    }
  }

  /// Whether it is needed is for the model to say.
  void add_unread(const SafetensorsEntry& entry, std::string_view what) {
    const std::string_view why =
        kept(fmt::format("{}: tensor {} {}", origin_, sirocco::quoted(entry.name), what));
    made_.lacking.push_back({kept(entry.name), why, /*stored=*/true});
  }

  std::span<const SafetensorsEntry> entries_;
  std::string_view origin_;
  ScaleBlock block_;
  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> order_;
  FileTensors made_;
};

}  // namespace

std::shared_ptr<const WeightSource> make_safetensors_weights(
    std::span<const SafetensorsEntry> entries, std::vector<MappedFile> files, std::string origin,
    ScaleBlock block, std::span<const AbsentTensor> absent) {
  FileTensors tensors = TensorsOfEntries(entries, origin, block).make();
  for (const AbsentTensor& tensor : absent) {
    const std::string_view name = tensors.texts.emplace_back(tensor.name);
    tensors.lacking.push_back({name, tensors.texts.emplace_back(tensor.why), /*stored=*/false});
  }
  return std::make_shared<const FileWeights>(std::move(tensors), std::move(files),
                                             std::move(origin));
}

}  // namespace sirocco
