#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "sirocco/base/checked.hpp"
#include "sirocco/formats/float64.hpp"
#include "sirocco/formats/gguf_header.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxNameBytes = 256;  // the specification says 64, some writers go to 127

/// Tensor types that files have and sirocco doesn't read, to name them in messages.
struct ForeignType {
  std::uint32_t id;
  std::string_view name;
};
constexpr std::array kForeignTypes = {
    ForeignType{9, "q8_1"},    ForeignType{15, "q8_k"},    ForeignType{16, "iq2_xxs"},
    ForeignType{17, "iq2_xs"}, ForeignType{18, "iq3_xxs"}, ForeignType{19, "iq1_s"},
    ForeignType{21, "iq3_s"},  ForeignType{22, "iq2_s"},   ForeignType{24, "i8"},
    ForeignType{25, "i16"},    ForeignType{26, "i32"},     ForeignType{27, "i64"},
    ForeignType{29, "iq1_m"},  ForeignType{34, "tq1_0"},   ForeignType{35, "tq2_0"},
};

/// Doubles, which are handed out as f32.
constexpr std::uint32_t kFloat64Type = 28;

std::string known_formats() {
  std::string list;
  for (const Format& format : formats()) list += fmt::format("{}, ", format.name);
  return list + "f64";
}

/// A description before its place in the file has been checked.
struct Described {
  StoredTensor tensor;
  std::uint64_t offset;  ///< from the beginning of the data
  std::uint64_t size;    ///< bytes in the file
  bool is_float64;
};

[[noreturn]] void unknown_type(const GgufCursor& cursor, std::string_view tensor,
                               std::uint32_t type) {
  const auto* const foreign = std::ranges::find(kForeignTypes, type, &ForeignType::id);
  const std::string name = foreign != kForeignTypes.end()
                               ? fmt::format("{} (type {})", foreign->name, type)
                               : fmt::format("number {}", type);
  throw UnsupportedError(
      "{}: tensor {} is of type {}, which sirocco can't read; it reads {}: use a file quantized to "
      "one of these",
      cursor.origin(), quoted(tensor), name, known_formats());
}

Shape read_shape(GgufCursor& cursor, std::string_view tensor) {
  const auto rank = cursor.read<std::uint32_t>("the rank of a tensor");
  if (rank > Shape::kMaxRank) {
    throw FormatError("{}: tensor {} has {} dimensions, at most {} are allowed", cursor.origin(),
                      quoted(tensor), rank, Shape::kMaxRank);
  }
  // GGUF lists the innermost dimension first. A scalar is a vector of one.
  std::array<std::int64_t, Shape::kMaxRank> extents{1, 1, 1, 1};
  std::uint64_t product = 1;
  for (std::uint32_t axis = 0; axis < rank; ++axis) {
    const auto extent = cursor.read<std::uint64_t>("a dimension of a tensor");
    const auto next = checked_mul(product, extent);
    if (extent == 0 || !next || *next > std::numeric_limits<std::int64_t>::max()) {
      throw FormatError(
          "{}: tensor {} has {} as dimension {} of {}; dimensions must be positive and their "
          "product below 2^63: the file is damaged",
          cursor.origin(), quoted(tensor), extent, axis + 1, rank);
    }
    product = *next;
    extents[axis] = static_cast<std::int64_t>(extent);
  }
  switch (rank) {
    case 2:
      return {extents[1], extents[0]};
    case 3:
      return {extents[2], extents[1], extents[0]};
    case 4:
      return {extents[3], extents[2], extents[1], extents[0]};
    default:
      return {extents[0]};
  }
}

/// What `tensor` takes in the file, where a block takes `block_bytes`.
std::uint64_t stored_bytes(const GgufCursor& cursor, const StoredTensor& tensor,
                           std::uint64_t block_bytes) {
  const Format& format = *tensor.format;
  const std::int64_t columns = tensor.shape[tensor.shape.rank() - 1];
  if (columns % format.block_elements != 0) {
    throw FormatError("{}: tensor {} has rows of {} elements, but {} comes in blocks of {}",
                      cursor.origin(), quoted(tensor.name), columns, format.name,
                      format.block_elements);
  }
  const auto blocks = static_cast<std::uint64_t>(tensor.shape.elements()) / format.block_elements;
  const auto bytes = checked_mul<std::uint64_t>(blocks, block_bytes);
  if (!bytes) {
    throw FormatError("{}: tensor {} of shape {} is larger than any file; the file is damaged",
                      cursor.origin(), quoted(tensor.name), tensor.shape.to_string());
  }
  return *bytes;
}

Described read_description(GgufCursor& cursor) {
  const std::string_view name = cursor.read_string("the name of a tensor");
  if (name.empty() || name.size() > kMaxNameBytes) {
    throw FormatError("{}: the name of a tensor has {} bytes, allowed are 1 to {}: {}",
                      cursor.origin(), name.size(), kMaxNameBytes, quoted(name));
  }
  Described described{};
  described.tensor.name = name;
  described.tensor.shape = read_shape(cursor, name);
  const auto type = cursor.read<std::uint32_t>("the type of a tensor");
  described.is_float64 = type == kFloat64Type;
  described.tensor.format =
      find_format(described.is_float64 ? FormatId::kF32 : static_cast<FormatId>(type));
  if (described.tensor.format == nullptr) unknown_type(cursor, name, type);
  described.offset = cursor.read<std::uint64_t>("the offset of a tensor");
  described.size =
      stored_bytes(cursor, described.tensor,
                   described.is_float64 ? sizeof(double) : described.tensor.format->block_bytes);
  return described;
}

void check_overlaps(const GgufCursor& cursor, const std::vector<Described>& tensors) {
  std::vector<const Described*> by_offset;
  by_offset.reserve(tensors.size());
  for (const Described& tensor : tensors) by_offset.push_back(&tensor);
  std::ranges::sort(by_offset, {}, &Described::offset);
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    const Described& before = *by_offset[i - 1];
    const Described& after = *by_offset[i];
    if (after.offset - before.offset < before.size) {
      throw FormatError(
          "{}: tensors {} and {} overlap: {} bytes at {} of the data, and the next at {}; the file "
          "is damaged: fetch it again",
          cursor.origin(), quoted(before.tensor.name), quoted(after.tensor.name), before.size,
          before.offset, after.offset);
    }
  }
}

}  // namespace

FileTensors read_tensors(GgufCursor& cursor, std::uint64_t count, std::span<const std::byte> file,
                         std::uint64_t alignment) {
  // Length and one byte of the name, rank, type, offset.
  constexpr std::size_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;
  const std::size_t members = cursor.checked_count(count, kMinTensorBytes, "the list of tensors");
  cursor.charge(members, sizeof(Described) + sizeof(StoredTensor) + sizeof(RowsOfFile) +
                             sizeof(RowsOfFile::Part));
  std::vector<Described> described;
  described.reserve(members);
  for (std::size_t i = 0; i < members; ++i) described.push_back(read_description(cursor));
  FileTensors tensors;
  if (members == 0) return tensors;

  const auto data_begin = checked_round_up<std::uint64_t>(cursor.position(), alignment);
  const std::uint64_t data_size =
      data_begin && *data_begin < file.size() ? file.size() - *data_begin : 0;
  for (const Described& d : described) {
    if (d.offset % alignment != 0) {
      throw FormatError("{}: tensor {} lies at {} of the data, which is no multiple of {}",
                        cursor.origin(), quoted(d.tensor.name), d.offset, alignment);
    }
    if (d.offset > data_size || d.size > data_size - d.offset) {
      throw FormatError(
          "{}: tensor {} takes {} bytes at {} of the data, but the file has {} bytes of data; it "
          "is cut short or damaged: fetch it again",
          cursor.origin(), quoted(d.tensor.name), d.size, d.offset, data_size);
    }
  }
  check_overlaps(cursor, described);

  tensors.stored.reserve(members);
  for (Described& d : described) {
    const auto bytes = file.subspan(static_cast<std::size_t>(*data_begin + d.offset),
                                    static_cast<std::size_t>(d.size));
    if (d.is_float64) {
      tensors.add_made(d.tensor.name, *d.tensor.format, d.tensor.shape,
                       narrowed_rows(bytes, d.tensor.columns()));
    } else {
      d.tensor.bytes = bytes;
      tensors.stored.push_back(d.tensor);
    }
  }
  return tensors;
}

}  // namespace sirocco
