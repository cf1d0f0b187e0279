#include "sirocco/formats/safetensors.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <utility>

#include "sirocco/base/error.hpp"
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

class SafetensorsWeights final : public WeightSource {
 public:
  SafetensorsWeights(std::vector<SafetensorsEntry> entries, std::vector<MappedFile> files,
                     std::string origin, ScaleBlock block, std::vector<AbsentTensor> absent)
      : origin_(std::move(origin)),
        block_(block),
        files_(std::move(files)),
        entries_(std::move(entries)),
        absent_(std::move(absent)) {
    std::vector<std::string_view> all;
    for (const SafetensorsEntry& entry : entries_) all.push_back(entry.name);
    const auto order = unique_order(all, "tensor name", origin_);
    const auto entry_of = [&](std::string_view name) {
      const std::uint32_t* const at = find_index(order, all, name);
      return at == nullptr ? nullptr : &entries_[*at];
    };
    for (const SafetensorsEntry& entry : entries_) {
      if (belongs_to_float8(entry.name, entry_of) || belongs_to_blocks(entry.name, entry_of))
        continue;
      if (const SafetensorsEntry* const scales = scales_of_blocks(entry, entry_of))
        add_blocks(entry, *scales);
      else
        add(entry, entry_of);
    }
    for (const AbsentTensor& tensor : absent_)
      lacking_.push_back({tensor.name, tensor.why, /*stored=*/false});
    for (const StoredTensor& tensor : tensors_) names_.push_back(tensor.name);
    order_ = unique_order(names_, "tensor name", origin_);
  }

  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view name) const override {
    const std::uint32_t* const index = find_index(order_, names_, name);
    return index == nullptr ? nullptr : &tensors_[*index];
  }
  std::span<const LackingTensor> lacking() const override { return lacking_; }
  void release(const StoredTensor& tensor) const override {
    if (tensor.made == nullptr) return release(tensor.bytes);
    const auto found = std::ranges::find(made_, tensor.made, [](auto& m) { return m.rows.get(); });
    if (found == made_.end()) return;
    for (const auto& [bytes, row_bytes] : found->parts)
      release(bytes.subspan(static_cast<std::size_t>(tensor.first_row) * row_bytes,
                            static_cast<std::size_t>(tensor.rows()) * row_bytes));
  }
  std::string_view origin() const override { return origin_; }

 private:
  using EntryOf = std::function<const SafetensorsEntry*(std::string_view)>;
  /// Bytes of a file that rows are made of, so many of each.
  struct Part {
    std::span<const std::byte> bytes;
    std::size_t row_bytes;
  };
  struct Made {
    std::unique_ptr<const MadeRows> rows;
    std::vector<Part> parts;
  };

  void release(std::span<const std::byte> bytes) const {
    const auto holds = [&](const MappedFile& file) {
      const auto all = file.bytes();
      return std::less_equal<>()(all.data(), bytes.data()) &&
             std::less<>()(bytes.data(), all.data() + all.size());
    };
    const auto file = std::ranges::find_if(files_, holds);
    if (file != files_.end()) file->release(bytes);
  }

  /// The scales that make `blocks` a tensor in MXFP4, or null.
  static const SafetensorsEntry* scales_of_blocks(const SafetensorsEntry& blocks,
                                                  const EntryOf& entry_of) {
    const std::string_view name = blocks.name;
    if (blocks.dtype != "U8" || !name.ends_with(kBlocksEnding)) return nullptr;
    const std::string_view stem = name.substr(0, name.size() - kBlocksEnding.size());
    return entry_of(fmt::format("{}{}", stem, kScalesEnding));
  }

  static bool belongs_to_blocks(std::string_view name, const EntryOf& entry_of) {
    if (!name.ends_with(kScalesEnding)) return false;
    const std::string_view stem = name.substr(0, name.size() - kScalesEnding.size());
    const SafetensorsEntry* const blocks = entry_of(fmt::format("{}{}", stem, kBlocksEnding));
    return blocks != nullptr && scales_of_blocks(*blocks, entry_of) != nullptr;
  }

  void add_blocks(const SafetensorsEntry& blocks, const SafetensorsEntry& scales) {
    auto rows = std::make_unique<const PackedMxFp4>(blocks, scales, origin_);
    const std::string_view name =
        std::string_view(blocks.name).substr(0, blocks.name.size() - kBlocksEnding.size());
    SafetensorsEntry whole{std::string(name), {}, scales.shape, {}};
    whole.shape.back() *= MxFp4Block::kElements;
    if (whole.shape.size() > Shape::kMaxRank) {
      throw UnsupportedError("{}: tensor {} has {} axes; sirocco reads up to {}", origin_,
                             sirocco::quoted(name), whole.shape.size(), Shape::kMaxRank);
    }
    const Shape shape = to_shape(whole);
    const auto blocks_a_row = static_cast<std::size_t>(scales.shape.back());
    made_.push_back({std::move(rows),
                     {{blocks.bytes, blocks_a_row * (MxFp4Block::kElements / 2)},
                      {scales.bytes, blocks_a_row}}});
    tensors_.push_back({name, find_format(FormatId::kMXFP4), shape, {}, made_.back().rows.get()});
  }

  /// The entry with the scales of `name`, or null.
  static const SafetensorsEntry* scales_of(std::string_view name, const EntryOf& entry_of) {
    for (const std::string_view ending : kScaleEndings) {
      if (const auto* scale = entry_of(fmt::format("{}{}", name, ending))) return scale;
    }
    return nullptr;
  }

  /// Whether `name` holds the scales of some tensor of eight bits.
  static bool belongs_to_float8(std::string_view name, const EntryOf& entry_of) {
    const auto has_scales = [&](std::string_view of) {
      const SafetensorsEntry* const entry = entry_of(of);
      return entry != nullptr && is_float8(entry->dtype);
    };
    for (const std::string_view ending : kScaleEndings) {
      if (!name.ends_with(ending)) continue;
      const std::string_view of = name.substr(0, name.size() - ending.size());
      if (has_scales(of) && scales_of(of, entry_of)->name == name) return true;
    }
    return false;
  }

  void add(const SafetensorsEntry& entry, const EntryOf& entry_of) {
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
    if (plain != kPlainTypes.end()) {
      tensors_.push_back({entry.name, find_format(plain->format), shape, entry.bytes});
      return;
    }
    const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
    if (entry.dtype == kFloat64) {
      made_.push_back(
          {std::make_unique<const NarrowedFloat64>(entry.bytes, shape[shape.rank() - 1]),
           {{entry.bytes, columns * sizeof(double)}}});
      tensors_.push_back(
          {entry.name, find_format(FormatId::kF32), shape, {}, made_.back().rows.get()});
      return;
    }
    made_.push_back({std::make_unique<const ScaledFloat8>(entry, scales_of(entry.name, entry_of),
                                                          origin_, block_),
                     {{entry.bytes, columns}}});
    tensors_.push_back(
        {entry.name, find_format(FormatId::kBF16), shape, {}, made_.back().rows.get()});
  }

  /// Whether it is needed is for the model to say.
  void add_unread(const SafetensorsEntry& entry, std::string_view what) {
    const std::string& why = texts_.emplace_back(
        fmt::format("{}: tensor {} {}", origin_, sirocco::quoted(entry.name), what));
    lacking_.push_back({entry.name, why, /*stored=*/true});
  }

  std::string origin_;
  ScaleBlock block_;
  std::vector<MappedFile> files_;
  std::vector<SafetensorsEntry> entries_;
  std::vector<AbsentTensor> absent_;
  std::deque<std::string> texts_;
  std::vector<LackingTensor> lacking_;
  std::vector<Made> made_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> order_;
};

}  // namespace

std::shared_ptr<const WeightSource> make_safetensors_weights(std::vector<SafetensorsEntry> entries,
                                                             std::vector<MappedFile> files,
                                                             std::string origin, ScaleBlock block,
                                                             std::vector<AbsentTensor> absent) {
  return std::make_shared<const SafetensorsWeights>(std::move(entries), std::move(files),
                                                    std::move(origin), block, std::move(absent));
}

}  // namespace sirocco
