#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "sirocco/transport/frame.hpp"

namespace sirocco {

/// A frame of tokens that is told from others by its step; its payload is `bytes` of that number.
inline Frame numbered_frame(std::uint64_t step, std::size_t bytes = 0) {
  Frame frame;
  frame.header.kind = FrameKind::kTokens;
  frame.header.step = step;
  frame.payload.assign(bytes, static_cast<std::byte>(step));
  return frame;
}

}  // namespace sirocco
