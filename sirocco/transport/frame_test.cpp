#include "sirocco/transport/frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::uint64_t kMaxPayload = 4096;

Frame any_frame() {
  Frame frame;
  frame.header.kind = static_cast<FrameKind>(*rc::gen::inRange(0, kFrameKinds));
  frame.header.dtype = static_cast<DType>(*rc::gen::inRange(0, 4));
  frame.header.step = *rc::gen::arbitrary<std::uint64_t>();
  frame.header.sequence = SequenceId(*rc::gen::arbitrary<std::uint64_t>());
  std::size_t bytes = 0;
  if (frame.header.kind == FrameKind::kActivation || frame.header.kind == FrameKind::kLogits) {
    frame.header.rows = *rc::gen::inRange<std::int64_t>(0, 20);
    frame.header.columns = *rc::gen::inRange<std::int64_t>(0, 20);
    bytes = static_cast<std::size_t>(frame.header.rows * frame.header.columns) *
            dtype_bytes(frame.header.dtype);
  } else {
    frame.header.rows = *rc::gen::arbitrary<std::int64_t>();
    frame.header.columns = *rc::gen::arbitrary<std::int64_t>();
    bytes = *rc::gen::inRange<std::size_t>(0, kMaxPayload + 1);
  }
  frame.payload.resize(bytes);
  return frame;
}

Frame activation(std::int64_t rows, std::int64_t columns, std::size_t payload_bytes) {
  Frame frame;
  frame.header.kind = FrameKind::kActivation;
  frame.header.rows = rows;
  frame.header.columns = columns;
  frame.payload.resize(payload_bytes);
  return frame;
}

/// What is said of a header that is refused.
std::string refusal(const FrameHeaderBytes& bytes, std::uint64_t max_payload = kMaxPayload) {
  try {
    decode_header(bytes, max_payload);
  } catch (const FormatError& e) {
    return e.what();
  }
  return "";
}

/// A header with one byte set to another value and a checksum that is right again.
FrameHeaderBytes with_byte(const Frame& frame, std::size_t at, std::uint8_t value) {
  FrameHeaderBytes bytes = encode_header(frame);
  bytes[at] = static_cast<std::byte>(value);
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i < 12 || i >= 16) hash = (hash ^ std::to_integer<std::uint32_t>(bytes[i])) * 16777619U;
  }
  for (std::size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<std::byte>(hash >> (8 * i));
  return bytes;
}

RC_GTEST_PROP(Frame, HeadersComeBackAsTheyWere, ()) {
  const Frame frame = any_frame();
  check_frame(frame, kMaxPayload);
  RC_ASSERT(decode_header(encode_header(frame), kMaxPayload) ==
            (ReceivedHeader{frame.header, frame.payload.size()}));
}

RC_GTEST_PROP(Frame, EveryChangedByteIsNoticed, ()) {
  FrameHeaderBytes bytes = encode_header(any_frame());
  const auto at = *rc::gen::inRange<std::size_t>(0, kFrameHeaderBytes);
  bytes[at] ^= static_cast<std::byte>(*rc::gen::inRange(1, 256));
  RC_ASSERT_THROWS_AS(decode_header(bytes, kMaxPayload), FormatError);
}

TEST(Frame, EveryCutHeaderIsRefused) {
  const FrameHeaderBytes bytes = encode_header(activation(2, 3, 24));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decode_header(std::span(bytes).first(size), kMaxPayload), FormatError) << size;
}

TEST(Frame, TheWireIsWhatIsWrittenDown) {
  Frame frame = activation(2, 3, 24);
  frame.header.step = 0x0102030405060708;
  frame.header.sequence = SequenceId(9);
  const FrameHeaderBytes bytes = encode_header(frame);
  const std::vector<int> expected = {
      'S', 'R', 'F', 'R', 2, 0, 3, 0, 0, 0, 0, 0,              // magic, version, kind, dtype
      -1,  -1,  -1,  -1,                                       // checksum
      2,   0,   0,   0,   0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,  // [2, 3]
      8,   7,   6,   5,   4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0,  // step, sequence
      24,  0,   0,   0,   0, 0, 0, 0};
  ASSERT_EQ(expected.size(), bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (expected[i] >= 0) {
      EXPECT_EQ(std::to_integer<int>(bytes[i]), expected[i]) << i;
    }
  }
}

TEST(Frame, RefusalsSayWhatWasExpected) {
  const Frame frame = activation(2, 3, 24);
  FrameHeaderBytes bytes = encode_header(frame);
  bytes[0] = std::byte{'X'};
  EXPECT_EQ(refusal(bytes),
            "a frame begins with 52465258 instead of 52465253: the sender isn't sirocco");
  EXPECT_EQ(refusal(with_byte(frame, 4, 7)),
            "a frame is of version 7, but this end speaks version 2: run the same sirocco "
            "everywhere");
  EXPECT_EQ(refusal(with_byte(frame, 6, kFrameKinds)),
            "a frame is of the kind 12, but kinds are 0 to 11");
  EXPECT_EQ(refusal(with_byte(frame, 8, 4)),
            "a frame has elements of the type 4, but types are 0 to 3");
  EXPECT_EQ(refusal(with_byte(frame, 10, 1)), "byte 10 of a frame's header isn't 0");
  EXPECT_EQ(refusal(with_byte(frame, 16, 3)),
            "a frame (activation) of the shape [3, 3], 4 bytes an element, has a payload of 24 "
            "bytes");
  EXPECT_EQ(refusal(encode_header(frame), 23),
            "a frame (activation) has a payload of 24 bytes, but such frames have 23 at most");
}

TEST(Frame, AShapeThatNoPayloadHasIsRefused) {
  constexpr std::int64_t kLarge = std::numeric_limits<std::int64_t>::max();
  Frame logits = activation(2, 3, 20);
  logits.header.kind = FrameKind::kLogits;
  for (const Frame& frame :
       {logits, activation(-1, 0, 0), activation(0, -1, 0), activation(2, 2, 15),
        activation(2, 2, 17), activation(kLarge, kLarge, 4),
        activation(std::int64_t{1} << 62, 4, 0)}) {
    EXPECT_THROW(check_frame(frame, kMaxPayload), InvalidArgument);
    EXPECT_THROW(decode_header(encode_header(frame), kMaxPayload), FormatError);
  }
  EXPECT_NO_THROW(check_frame(activation(0, 7, 0), kMaxPayload));
}

TEST(Frame, ATransportsOwnFramesHaveABoundOfTheirOwn) {
  Frame hello;
  hello.header.kind = FrameKind::kHello;
  hello.payload.resize(kMaxOwnPayload);
  EXPECT_NO_THROW(check_frame(hello, 0));
  EXPECT_NO_THROW(decode_header(encode_header(hello), 0));
  hello.payload.resize(kMaxOwnPayload + 1);
  EXPECT_THROW(check_frame(hello, 2 * kMaxOwnPayload), InvalidArgument);
  EXPECT_THROW(decode_header(encode_header(hello), 2 * kMaxOwnPayload), FormatError);
}

TEST(Frame, EveryKindHasAName) {
  for (int kind = 0; kind < kFrameKinds; ++kind)
    EXPECT_FALSE(frame_kind_name(static_cast<FrameKind>(kind)).empty()) << kind;
  EXPECT_EQ(frame_kind_name(FrameKind::kPulse), "pulse");
}

}  // namespace
}  // namespace sirocco
