#pragma once

#include <cstdint>

#include "sirocco/transport/byte_writer.hpp"
#include "sirocco/transport/frame.hpp"

namespace sirocco {

/// A frame of a step, of what was written.
inline Frame frame_of(FrameKind kind, std::uint64_t number, ByteWriter& writer) {
  Frame frame;
  frame.header.kind = kind;
  frame.header.step = number;
  frame.payload = writer.take();
  return frame;
}

}  // namespace sirocco
