#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"
#include "sirocco/transport/frame.hpp"
#include "sirocco/transport/terms.hpp"

namespace {

using namespace sirocco;

constexpr std::uint64_t kMaxPayload = 1 << 16;

/// A header is a frame's, which is written as the same bytes again, or refused.
void read_header(std::span<const std::byte> bytes) {
  const ReceivedHeader received = decode_header(bytes, kMaxPayload);
  SIROCCO_CHECK(received.payload_bytes <= std::max(kMaxPayload, kMaxOwnPayload));
  if (received.payload_bytes > 4096) return;  // as true, and slower
  Frame frame{received.header, std::vector<std::byte>(received.payload_bytes)};
  check_frame(frame, kMaxPayload);
  const FrameHeaderBytes again = encode_header(frame);
  SIROCCO_CHECK(std::equal(again.begin(), again.end(), bytes.begin()));
}

/// The same with a checksum that is right, so that what stands behind it is seen.
void read_header_with_checksum(std::span<const std::byte> bytes) {
  FrameHeaderBytes header{};
  if (bytes.size() < header.size()) return;
  std::copy_n(bytes.begin(), header.size(), header.begin());
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i < header.size(); ++i)
    if (i < 12 || i >= 16) hash = (hash ^ std::to_integer<std::uint32_t>(header[i])) * 16777619U;
  std::memcpy(header.data() + 12, &hash, sizeof(hash));
  read_header(header);
}

void read_terms(std::span<const std::byte> bytes) {
  const std::vector<Term> terms = decode_terms(bytes);
  const std::vector<std::byte> again = encode_terms(terms);
  SIROCCO_CHECK(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  first_difference({{"model", "0a1b"}}, 1, terms);
}

/// Reads values of the kinds that the first bytes name, as long as there are any, and writes each
/// again as the bytes that it was read from.
void read_values(std::span<const std::byte> bytes) {
  enum class Number : std::uint8_t { kZero, kOne, kTwo };
  const std::size_t kinds = std::min<std::size_t>(bytes.size(), 16);
  const std::span<const std::byte> rest = bytes.subspan(kinds);
  ByteReader reader(rest, "input");
  for (const std::byte kind : bytes.first(kinds)) {
    const std::size_t begin = reader.position();
    ByteWriter writer;
    switch (std::to_integer<int>(kind) % 8) {
      case 0:
        writer.write(reader.read<std::uint8_t>("a byte"));
        break;
      case 1:
        writer.write(reader.read<std::int64_t>("a number"));
        break;
      case 2:
        writer.write(reader.read_bool("an answer"));
        break;
      case 3:
        writer.write_enum(reader.read_enum(Number::kTwo, "a choice"));
        break;
      case 4:
        writer.write_string(reader.read_string(100, "a text"));
        break;
      case 5:
        writer.write_values(reader.read_values<TokenId>(100, "tokens"));
        break;
      case 6:
        writer.write_optional(
            reader.read_optional([&] { return reader.read<std::uint32_t>("what there is"); },
                                 "whether"),
            [&](std::uint32_t value) { writer.write(value); });
        break;
      default: {
        const auto read_member = [&] { return reader.read_values<std::uint16_t>(10, "a member"); };
        writer.write_each(reader.read_each(read_member, 10, "members"),
                          [&](const std::vector<std::uint16_t>& m) { writer.write_values(m); });
        break;
      }
    }
    const std::vector<std::byte> again = writer.take();
    const auto was = rest.subspan(begin, reader.position() - begin);
    SIROCCO_CHECK(std::equal(again.begin(), again.end(), was.begin(), was.end()));
  }
  reader.finish();
}

}  // namespace

/// Any bytes are a frame's header, terms and values, or refused; what is read of them is written as
/// the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const auto read : {read_header, read_header_with_checksum, read_terms, read_values}) {
    try {
      read(bytes);
    } catch (const Error&) {
    }
  }
  return 0;
}
