#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/gguf.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"

namespace sirocco::gguf_testing {

using namespace gguf_type;

using Bytes = std::vector<std::byte>;

/// A checkpoint opened from a block of just its bytes, so that a sanitizer sees the first byte
/// beyond.
struct Opened {
  std::unique_ptr<std::byte[]> block;
  Checkpoint checkpoint;
};
inline Opened open(const Bytes& bytes) {
  Opened opened{std::make_unique<std::byte[]>(bytes.size()), {}};
  std::copy(bytes.begin(), bytes.end(), opened.block.get());
  opened.checkpoint = open_gguf({opened.block.get(), bytes.size()}, "m.gguf");
  return opened;
}

template <class E>
std::string message(const Bytes& bytes) {
  try {
    open(bytes);
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another kind: ") + e.what();
  }
  return "opened";
}
inline std::string format_error(const GgufTestFile& file) {
  return message<FormatError>(file.bytes());
}

/// A bit of everything, small.
inline GgufTestFile rich_file() {
  GgufTestFile file;
  file.text("general.architecture", "llama")
      .scalar<std::uint8_t>("t.u8", kU8, 255)
      .scalar<std::int8_t>("t.i8", kI8, -128)
      .scalar<std::uint16_t>("t.u16", kU16, 65535)
      .scalar<std::int16_t>("t.i16", kI16, -32768)
      .scalar<std::uint32_t>("t.u32", kU32, 4294967295u)
      .scalar<std::int32_t>("t.i32", kI32, -2147483647)
      .scalar<float>("t.f32", kF32, 0.1f)
      .scalar<std::uint8_t>("t.bool", kBool, 1)
      .scalar<std::uint64_t>("t.u64", kU64, 9223372036854775807u)
      .scalar<std::int64_t>("t.i64", kI64, std::numeric_limits<std::int64_t>::min())
      .scalar<double>("t.f64", kF64, 1e-300)
      .texts("t.texts", {"a", "", std::string("\xff\0z", 3)})
      .numbers<std::uint8_t>("t.bools", kBool, {1, 0, 1})
      .numbers<std::int16_t>("t.i16s", kI16, {-1, 2})
      .numbers<float>("t.f32s", kF32, {0.5f, -0.25f})
      .numbers<std::int32_t>("t.none", kI32, {});
  GgufBytes nested;  // [[1, 2], []]
  nested.number(kArray).number<std::uint64_t>(2);
  nested.number(kU8).number<std::uint64_t>(2).number<std::uint8_t>(1).number<std::uint8_t>(2);
  nested.number(kString).number<std::uint64_t>(0);
  file.entry("t.nested", kArray, nested);
  file.tensor("b", {3}, FormatId::kF32, 1)
      .tensor("a", {64, 2, 3}, FormatId::kQ4_1, 2)
      .tensor("scalar", {}, FormatId::kF16, 3)
      .tensor("k", {256, 1, 1, 2}, FormatId::kQ6_K, 4);
  return file;
}

}  // namespace sirocco::gguf_testing
