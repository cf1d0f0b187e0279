#pragma once

#include <cstdint>
#include <string_view>

#include "sirocco/quant/format.hpp"

namespace sirocco {

/// BlockOf is what a format is besides the layout of its block. The struct of a block derives from
/// it and holds the bytes of a block in the file, no others.
template <FormatId kFormatId, PanelFormat kPanelFormat>
struct BlockOf {
  static constexpr FormatId kId = kFormatId;
  static constexpr PanelFormat kPanel = kPanelFormat;
  /// Elements along K in a block: one float, or those of a super-block of the panel.
  static constexpr std::uint32_t kElements =
      panel_traits(kPanel).is_float()
          ? 1
          : static_cast<std::uint32_t>(kPanelBlock * panel_traits(kPanel).blocks_per_super);
};

/// row_of is a format's row in the table, of its block's struct and its functions.
template <class Block>
constexpr Format row_of(std::string_view name, decltype(Format::decode) decode,
                        decltype(Format::encode) encode, decltype(Format::pack) pack) {
  return {.id = Block::kId,
          .name = name,
          .block_elements = Block::kElements,
          .block_bytes = sizeof(Block),
          .panel = Block::kPanel,
          .decode = decode,
          .encode = encode,
          .pack = pack};
}

}  // namespace sirocco
