#pragma once

#include <string_view>

namespace sirocco {

/// A TextSegment is a piece of a prompt with its provenance. Control tokens are recognized only in
/// trusted text (what a template or the program wrote), never in what a user, a document or a tool
/// said.
struct TextSegment {
  std::string_view text;
  bool trusted = false;
};

}  // namespace sirocco
