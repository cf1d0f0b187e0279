#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/quant/format.hpp"

/// Builds GGUF files for tests, right ones and wrong ones: what is added is written as it is told.
namespace sirocco {

/// Little-endian numbers and strings, one after the other.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  GgufBytes& raw(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  GgufBytes& raw(const std::vector<std::byte>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  GgufBytes& string(std::string_view text) { return number<std::uint64_t>(text.size()).raw(text); }
  GgufBytes& pad(std::size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(std::byte{0});
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// The numbers of the types of metadata values.
namespace gguf_type {
inline constexpr std::uint32_t kU8 = 0, kI8 = 1, kU16 = 2, kI16 = 3, kU32 = 4, kI32 = 5, kF32 = 6,
                               kBool = 7, kString = 8, kArray = 9, kU64 = 10, kI64 = 11, kF64 = 12;
}

class GgufTestFile {
 public:
  /// A metadata entry; `value` are its bytes after the type.
  GgufTestFile& entry(std::string_view key, std::uint32_t type, const GgufBytes& value) {
    entries_.string(key).number(type).raw(value.bytes());
    ++entry_count;
    return *this;
  }
  template <class T>
  GgufTestFile& scalar(std::string_view key, std::uint32_t type, T value) {
    return entry(key, type, GgufBytes().number(value));
  }
  GgufTestFile& text(std::string_view key, std::string_view value) {
    return entry(key, gguf_type::kString, GgufBytes().string(value));
  }
  GgufTestFile& texts(std::string_view key, const std::vector<std::string>& values) {
    GgufBytes bytes;
    bytes.number(gguf_type::kString).number<std::uint64_t>(values.size());
    for (const std::string& value : values) bytes.string(value);
    return entry(key, gguf_type::kArray, bytes);
  }
  template <class T>
  GgufTestFile& numbers(std::string_view key, std::uint32_t type, const std::vector<T>& values) {
    GgufBytes bytes;
    bytes.number(type).number<std::uint64_t>(values.size());
    for (const T value : values) bytes.number(value);
    return entry(key, gguf_type::kArray, bytes);
  }

  /// A tensor description as it is told; `dims` innermost first.
  GgufTestFile& describe(std::string_view name, const std::vector<std::uint64_t>& dims,
                         std::uint32_t type, std::uint64_t offset) {
    tensors_.string(name).number(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) tensors_.number(dim);
    tensors_.number(type).number(offset);
    ++tensor_count;
    return *this;
  }
  /// A right tensor, after the data so far. Every byte of its data is `fill`.
  GgufTestFile& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, FormatId id,
                       unsigned fill) {
    data_.pad(alignment);
    describe(name, dims, static_cast<std::uint32_t>(id), data_.size());
    const Format& format = *find_format(id);
    std::uint64_t elements = 1;
    for (const std::uint64_t dim : dims) elements *= dim;
    const std::size_t bytes = elements / format.block_elements * format.block_bytes;
    data_.raw(std::vector<std::byte>(bytes, static_cast<std::byte>(fill)));
    return *this;
  }
  /// The same of F32 with these values.
  GgufTestFile& floats(std::string_view name, const std::vector<std::uint64_t>& dims,
                       const std::vector<float>& values) {
    data_.pad(alignment);
    describe(name, dims, static_cast<std::uint32_t>(FormatId::kF32), data_.size());
    for (const float value : values) data_.number(value);
    return *this;
  }
  GgufTestFile& data(std::size_t bytes) {
    data_.raw(std::vector<std::byte>(bytes));
    return *this;
  }

  /// Everything before the data.
  GgufBytes header() const {
    GgufBytes out;
    out.raw(magic).number(version).number(tensor_count).number(entry_count);
    out.raw(entries_.bytes()).raw(tensors_.bytes());
    return out;
  }
  std::vector<std::byte> bytes() const {
    GgufBytes out = header();
    if (data_.size() != 0) out.pad(alignment).raw(data_.bytes());
    return out.bytes();
  }

  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t tensor_count = 0;
  std::uint64_t entry_count = 0;
  std::size_t alignment = 32;

 private:
  GgufBytes entries_;
  GgufBytes tensors_;
  GgufBytes data_;
};

}  // namespace sirocco
