#include "sirocco/engine/picture_inputs.hpp"

#include <utility>
#include <vector>

namespace sirocco {

ReadPicture PictureInputs::read(std::span<const std::byte> file,
                                const PictureLimits& limits) const {
  const PictureHeader header = read_picture_header(file, limits);
  // Before there is memory for pixels.
  static_cast<void>(processor_.plan(header.size));
  return prepared(decode_picture(file, limits, kWhite));
}

ReadPicture PictureInputs::prepared(const Picture& picture) const {
  const PictureEncoderInfo& info = encoder_.info();
  const PreparedPicture made = processor_.prepare(picture);
  std::vector<EncoderTile> tiles;
  for (const PictureTile& tile : made.tiles) {
    tiles.push_back(cut_into_patches(tile.planes, info.channels, tile.size.height, tile.size.width,
                                     info.patch));
  }
  return {std::make_shared<const EncoderInput>(encoder_, std::move(tiles)), made.layout};
}

}  // namespace sirocco
