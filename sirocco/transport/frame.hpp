#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

/// What a frame between two stages says. Steps go down the chain, from the head to the tail; tokens
/// come back. The numbers are those on the wire.
enum class FrameKind : std::uint16_t {
  kHello,       ///< the transport's own: what ends tell each other before the first frame
  kSetup,       ///< what stages agree on before the first step
  kStep,        ///< what a stage has to know of a step: rows, commands to its cache, who wants what
  kActivation,  ///< hidden states of a step, [rows, columns]
  kTokens,      ///< what was sampled of a step
  kFinished,    ///< nothing more is wanted of a sequence: it is over, or was cancelled before that
  kReport,      ///< what a stage's part of a step took
  kError,       ///< a step failed: stands in place of the step's activation or tokens
  kShutdown,    ///< the transport's own, which is received: the sender's last, it ended in order
  kFailure,     ///< the transport's own: the sender's last frame, it had to give up (`fail`)
  kPulse,       ///< the transport's own: the sender is alive
  kLogits,      ///< scores of a part of the vocabulary for rows of a step, [rows, columns]
};

inline constexpr int kFrameKinds = 12;

/// "activation", for messages.
std::string_view frame_kind_name(FrameKind kind);

/// What is known of a frame before its payload. What a kind has no use for stays 0.
struct FrameHeader {
  FrameKind kind = FrameKind::kStep;
  DType dtype = DType::kF32;  ///< of the elements of kActivation and kLogits
  std::int64_t rows = 0;      ///< of these two: their shape is [rows, columns]
  std::int64_t columns = 0;
  std::uint64_t step = 0;  ///< steps are numbered from 0
  SequenceId sequence;     ///< kFinished: whose
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// A frame: what one stage sends another at once. Owns its payload; elements of an activation and
/// of logits are little-endian, row by row.
struct Frame {
  FrameHeader header;
  std::vector<std::byte> payload;
  friend bool operator==(const Frame&, const Frame&) = default;
};

/// The version of what goes over the wire: of headers, of the frames that are the transport's own
/// and of what stages write into theirs. Ends of different versions don't understand each other.
inline constexpr std::uint16_t kFrameVersion = 2;

// A header on the wire, little-endian:
//   0  u32  magic: the characters SRFR
//   4  u16  version
//   6  u16  kind
//   8  u8   dtype
//   9  u8   3 of them, 0
//  12  u32  checksum of the other 52 bytes (FNV-1a, 32 bits)
//  16  i64  rows
//  24  i64  columns
//  32  u64  step
//  40  u64  sequence
//  48  u64  bytes of the payload, which follows
inline constexpr std::size_t kFrameHeaderBytes = 56;
using FrameHeaderBytes = std::array<std::byte, kFrameHeaderBytes>;

/// A header that was received, and how many bytes follow it.
struct ReceivedHeader {
  FrameHeader header;
  std::uint64_t payload_bytes = 0;
  friend bool operator==(const ReceivedHeader&, const ReceivedHeader&) = default;
};

/// Whether a transport sends such frames for others: its own it sends by itself.
constexpr bool is_for_sending(FrameKind kind) {
  return kind != FrameKind::kHello && kind != FrameKind::kShutdown && kind != FrameKind::kFailure &&
         kind != FrameKind::kPulse;
}

/// Bytes that a frame takes on its way.
inline std::uint64_t frame_bytes(const Frame& frame) {
  return kFrameHeaderBytes + frame.payload.size();
}

/// Bytes of the largest payload of a frame that is the transport's own.
inline constexpr std::uint64_t kMaxOwnPayload = std::uint64_t{1} << 20;

/// Throws InvalidArgument unless the frame could be received: the payload of an activation or of
/// logits is what its shape takes, and no payload is larger than `max_payload` bytes, or than
/// kMaxOwnPayload.
void check_frame(const Frame& frame, std::uint64_t max_payload);

/// The header of a checked frame as it goes over the wire.
FrameHeaderBytes encode_header(const Frame& frame);

/// Reads a header and checks all that can be told without its payload, by the same bounds. Throws
/// FormatError, which says what was expected.
ReceivedHeader decode_header(std::span<const std::byte> bytes, std::uint64_t max_payload);

}  // namespace sirocco
