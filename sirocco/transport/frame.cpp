#include "sirocco/transport/frame.hpp"

#include <bit>
#include <cstring>
#include <optional>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kMagic = 0x52465253;  // the characters SRFR

constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kKindAt = 6;
constexpr std::size_t kDTypeAt = 8;
constexpr std::size_t kZerosAt = 9;
constexpr std::size_t kChecksumAt = 12;
constexpr std::size_t kRowsAt = 16;
constexpr std::size_t kColumnsAt = 24;
constexpr std::size_t kStepAt = 32;
constexpr std::size_t kSequenceAt = 40;
constexpr std::size_t kPayloadBytesAt = 48;

constexpr std::array<std::string_view, kFrameKinds> kKindNames = {
    "hello",  "setup", "step",     "activation", "tokens", "finished",
    "report", "error", "shutdown", "failure",    "pulse",  "logits"};

template <class T>
void put(FrameHeaderBytes& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}
template <class T>
T get(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// Every change of one byte changes it.
std::uint32_t checksum(std::span<const std::byte> header) {
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
    if (i >= kChecksumAt && i < kRowsAt) continue;
    hash = (hash ^ std::to_integer<std::uint32_t>(header[i])) * 16777619U;
  }
  return hash;
}

// What [rows, columns] elements take; nothing where no payload has as many bytes.
std::optional<std::uint64_t> shape_bytes(const FrameHeader& header) {
  if (header.rows < 0 || header.columns < 0) return std::nullopt;
  const auto elements = checked_mul(static_cast<std::uint64_t>(header.rows),
                                    static_cast<std::uint64_t>(header.columns));
  if (!elements) return std::nullopt;
  return checked_mul<std::uint64_t>(*elements, dtype_bytes(header.dtype));
}

template <class ErrorType>
void check_payload(const FrameHeader& header, std::uint64_t payload_bytes,
                   std::uint64_t max_payload) {
  const std::uint64_t max_bytes = is_for_sending(header.kind) ? max_payload : kMaxOwnPayload;
  if (payload_bytes > max_bytes) {
    throw ErrorType("a frame ({}) has a payload of {} bytes, but such frames have {} at most",
                    frame_kind_name(header.kind), payload_bytes, max_bytes);
  }
  const bool has_shape = header.kind == FrameKind::kActivation || header.kind == FrameKind::kLogits;
  if (has_shape && shape_bytes(header) != payload_bytes) {
    throw ErrorType(
        "a frame ({}) of the shape [{}, {}], {} bytes an element, has a payload of {} bytes",
        frame_kind_name(header.kind), header.rows, header.columns, dtype_bytes(header.dtype),
        payload_bytes);
  }
}

}  // namespace

std::string_view frame_kind_name(FrameKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

void check_frame(const Frame& frame, std::uint64_t max_payload) {
  check_payload<InvalidArgument>(frame.header, frame.payload.size(), max_payload);
}

FrameHeaderBytes encode_header(const Frame& frame) {
  FrameHeaderBytes bytes{};
  put(bytes, 0, kMagic);
  put(bytes, kVersionAt, kFrameVersion);
  put(bytes, kKindAt, frame.header.kind);
  put(bytes, kDTypeAt, frame.header.dtype);
  put(bytes, kRowsAt, frame.header.rows);
  put(bytes, kColumnsAt, frame.header.columns);
  put(bytes, kStepAt, frame.header.step);
  put(bytes, kSequenceAt, frame.header.sequence.value());
  put(bytes, kPayloadBytesAt, std::uint64_t{frame.payload.size()});
  put(bytes, kChecksumAt, checksum(bytes));
  return bytes;
}

ReceivedHeader decode_header(std::span<const std::byte> bytes, std::uint64_t max_payload) {
  if (bytes.size() < kFrameHeaderBytes) {
    throw FormatError("a frame ends after {} bytes, but its header takes {}", bytes.size(),
                      kFrameHeaderBytes);
  }
  bytes = bytes.first(kFrameHeaderBytes);
  if (const auto magic = get<std::uint32_t>(bytes, 0); magic != kMagic) {
    throw FormatError("a frame begins with {:08x} instead of {:08x}: the sender isn't sirocco",
                      magic, kMagic);
  }
  // Before the checksum: what other versions compute isn't known.
  if (const auto version = get<std::uint16_t>(bytes, kVersionAt); version != kFrameVersion) {
    throw FormatError(
        "a frame is of version {}, but this end speaks version {}: run the same sirocco everywhere",
        version, kFrameVersion);
  }
  const auto expected = checksum(bytes);
  if (const auto found = get<std::uint32_t>(bytes, kChecksumAt); found != expected) {
    throw FormatError("the header of a frame has the checksum {:08x}, but its bytes give {:08x}",
                      found, expected);
  }
  const auto kind = get<std::uint16_t>(bytes, kKindAt);
  if (kind >= kFrameKinds) {
    throw FormatError("a frame is of the kind {}, but kinds are 0 to {}", kind, kFrameKinds - 1);
  }
  const auto dtype = get<std::uint8_t>(bytes, kDTypeAt);
  constexpr auto kLastDType = static_cast<std::uint8_t>(DType::kU8);
  if (dtype > kLastDType) {
    throw FormatError("a frame has elements of the type {}, but types are 0 to {}", dtype,
                      kLastDType);
  }
  for (std::size_t i = kZerosAt; i < kChecksumAt; ++i) {
    if (bytes[i] != std::byte{0}) throw FormatError("byte {} of a frame's header isn't 0", i);
  }
  ReceivedHeader received;
  received.header.kind = static_cast<FrameKind>(kind);
  received.header.dtype = static_cast<DType>(dtype);
  received.header.rows = get<std::int64_t>(bytes, kRowsAt);
  received.header.columns = get<std::int64_t>(bytes, kColumnsAt);
  received.header.step = get<std::uint64_t>(bytes, kStepAt);
  received.header.sequence = SequenceId(get<std::uint64_t>(bytes, kSequenceAt));
  received.payload_bytes = get<std::uint64_t>(bytes, kPayloadBytesAt);
  check_payload<FormatError>(received.header, received.payload_bytes, max_payload);
  return received;
}

}  // namespace sirocco
