#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_value.hpp"
#include "sirocco/formats/safetensors.hpp"

namespace sirocco {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation has it
constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::string_view kMetadataName = "__metadata__";

/// Element types by the name in the header, whether sirocco reads them or not.
struct ElementType {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array kElementTypes = {
    ElementType{"BOOL", 1}, ElementType{"U8", 1},      ElementType{"I8", 1},
    ElementType{"I16", 2},  ElementType{"U16", 2},     ElementType{"F16", 2},
    ElementType{"BF16", 2}, ElementType{"I32", 4},     ElementType{"U32", 4},
    ElementType{"F32", 4},  ElementType{"F64", 8},     ElementType{"I64", 8},
    ElementType{"U64", 8},  ElementType{"F8_E4M3", 1}, ElementType{"F8_E5M2", 1},
    ElementType{"C64", 8},  ElementType{"F8_E8M0", 1},
};

/// An entry before its bytes have been looked for.
struct Described {
  SafetensorsEntry entry;
  std::uint64_t begin;
  std::uint64_t end;
};

std::uint64_t element_bytes(std::string_view dtype, std::string_view tensor,
                            std::string_view origin) {
  const auto* const found = std::ranges::find(kElementTypes, dtype, &ElementType::name);
  if (found == kElementTypes.end()) {
    throw UnsupportedError("{}: tensor {} is of element type {}, which sirocco doesn't know",
                           origin, sirocco::quoted(tensor), sirocco::quoted(dtype));
  }
  return found->bytes;
}

[[noreturn]] void broken_entry(std::string_view origin, std::string_view tensor,
                               std::string_view what) {
  throw FormatError("{}: tensor {}: {}; the file is damaged: fetch it again", origin,
                    sirocco::quoted(tensor), what);
}

/// A member of a tensor's description, an array of nonnegative integers.
std::vector<std::int64_t> read_numbers(const JsonValue& description, std::string_view name,
                                       std::string_view tensor, std::string_view origin) {
  const JsonValue* const value = description.member(name);
  const auto* const array = value == nullptr ? nullptr : value->as<JsonValue::Array>();
  std::vector<std::int64_t> numbers;
  if (array != nullptr) {
    for (const JsonValue& element : *array) {
      const auto* const number = element.as<std::int64_t>();
      if (number == nullptr || *number < 0) break;
      numbers.push_back(*number);
    }
  }
  if (array == nullptr || numbers.size() != array->size())
    broken_entry(origin, tensor,
                 fmt::format("{} is no list of natural numbers", sirocco::quoted(name)));
  return numbers;
}

Described read_entry(const JsonValue::Member& member, std::string_view origin) {
  const std::string& name = member.name;
  if (name.empty() || name.size() > kMaxNameBytes) {
    throw FormatError("{}: the name of a tensor has {} bytes, allowed are 1 to {}: {}", origin,
                      name.size(), kMaxNameBytes, sirocco::quoted(name));
  }
  const auto* const fields = member.value.as<JsonValue::Object>();
  if (fields == nullptr || fields->size() != 3)
    broken_entry(origin, name, "its description isn't dtype, shape and data_offsets");
  const JsonValue* const dtype = member.value.member("dtype");
  if (dtype == nullptr || dtype->as<std::string>() == nullptr)
    broken_entry(origin, name, "'dtype' is no string");
  Described out{{name, *dtype->as<std::string>(), {}, {}}, 0, 0};
  out.entry.shape = read_numbers(member.value, "shape", name, origin);
  const auto offsets = read_numbers(member.value, "data_offsets", name, origin);
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    broken_entry(origin, name, "'data_offsets' are no begin and end");
  out.begin = static_cast<std::uint64_t>(offsets[0]);
  out.end = static_cast<std::uint64_t>(offsets[1]);
  if (out.entry.shape.size() > kMaxDimensions) {
    broken_entry(origin, name,
                 fmt::format("{} dimensions, at most {} are allowed", out.entry.shape.size(),
                             kMaxDimensions));
  }
  std::optional<std::uint64_t> bytes = element_bytes(out.entry.dtype, name, origin);
  for (const std::int64_t extent : out.entry.shape) {
    if (bytes) bytes = checked_mul(*bytes, static_cast<std::uint64_t>(extent));
  }
  if (!bytes || *bytes != out.end - out.begin) {
    broken_entry(origin, name,
                 fmt::format("its shape and type make {} bytes, but it is given {}",
                             bytes ? std::to_string(*bytes) : "too many", out.end - out.begin));
  }
  return out;
}

/// The header's text.
std::string_view header_text(std::span<const std::byte> file, std::string_view origin) {
  std::uint64_t length = 0;
  if (file.size() >= kLengthBytes) std::memcpy(&length, file.data(), kLengthBytes);
  if (file.size() < kLengthBytes || length > file.size() - kLengthBytes) {
    throw FormatError(
        "{}: the header takes {} bytes, but the file has {}; it is cut short, damaged or no "
        "safetensors file: fetch it again",
        origin, length, file.size());
  }
  if (length > kMaxHeaderBytes) {
    throw FormatError("{}: a header of {} bytes, allowed are {}; the file is damaged", origin,
                      length, kMaxHeaderBytes);
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              static_cast<std::size_t>(length));
  if (!text.starts_with('{')) {
    throw FormatError("{}: the header begins with {}, not with '{{'; it is no safetensors file",
                      origin, sirocco::quoted(text.substr(0, 8)));
  }
  return text;
}

/// In order and without holes, from the first byte of the data to its last.
void check_offsets(const std::vector<Described>& tensors, std::uint64_t data_size,
                   std::string_view origin) {
  std::uint64_t position = 0;
  std::string_view before;
  for (const Described& d : tensors) {
    if (d.begin != position) {
      throw FormatError(
          "{}: tensor {} begins at {} of the data, but what is before it{} ends at {}: the file "
          "has {}; fetch it again",
          origin, sirocco::quoted(d.entry.name), d.begin,
          before.empty() ? "" : fmt::format(" ({})", sirocco::quoted(before)), position,
          d.begin < position ? "tensors that overlap" : "a hole");
    }
    position = d.end;
    before = d.entry.name;
  }
  if (position != data_size) {
    throw FormatError(
        "{}: its tensors take {} bytes, but the file has {} bytes of data; it is cut short or "
        "damaged: fetch it again",
        origin, position, data_size);
  }
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> file,
                                                std::string_view origin) {
  const std::string_view text = header_text(file, origin);
  const JsonValue header = parse_json(text, origin, {.max_depth = 4});
  std::vector<Described> described;
  for (const JsonValue::Member& member : *header.as<JsonValue::Object>()) {
    if (member.name == kMetadataName) {
      const auto* const notes = member.value.as<JsonValue::Object>();
      if (notes == nullptr || !std::ranges::all_of(*notes, [](const JsonValue::Member& m) {
            return m.value.as<std::string>() != nullptr;
          })) {
        throw FormatError("{}: {} is no object of strings; the file is damaged", origin,
                          sirocco::quoted(kMetadataName));
      }
      continue;
    }
    described.push_back(read_entry(member, origin));
  }
  std::ranges::sort(described, {}, [](const Described& d) { return std::pair(d.begin, d.end); });
  const auto data = file.subspan(kLengthBytes + text.size());
  check_offsets(described, data.size(), origin);
  std::vector<SafetensorsEntry> entries;
  entries.reserve(described.size());
  for (Described& d : described) {
    d.entry.bytes =
        data.subspan(static_cast<std::size_t>(d.begin), static_cast<std::size_t>(d.end - d.begin));
    entries.push_back(std::move(d.entry));
  }
  return entries;
}

}  // namespace sirocco
