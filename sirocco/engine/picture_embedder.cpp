#include "sirocco/engine/picture_embedder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/encoder_input.hpp"
#include "sirocco/pipeline/encoder_pass.hpp"

namespace sirocco {

PictureEmbedder::PictureEmbedder(AnyPictureEncoder encoder, PictureSettings settings,
                                 const StagePlace& place)
    : encoder_(std::move(encoder)),
      processor_(std::move(settings)),
      backend_(place.backend),
      ledger_(place.ledger),
      memory_(&place.ledger) {
  constexpr PatchGrid kAny = {4, 4};
  if (const std::int64_t rows = encoder_.rows(kAny); rows != 1) {
    throw InvalidArgument("an encoder makes {} rows of a picture, and a vector is one", rows);
  }
}

std::vector<float> PictureEmbedder::embed(std::span<const std::byte> file,
                                          const PictureLimits& limits) {
  const PictureHeader header = read_picture_header(file, limits);
  // Before there is memory for pixels.
  static_cast<void>(processor_.plan(header.size));
  return embed(decode_picture(file, limits, kWhite));
}

std::vector<float> PictureEmbedder::embed(const Picture& picture) {
  const PictureEncoderInfo& info = encoder_.info();
  const PreparedPicture made = processor_.prepare(picture);
  std::vector<EncoderTile> tiles;
  for (const PictureTile& tile : made.tiles) {
    tiles.push_back(cut_into_patches(tile.planes, info.channels, tile.size.height, tile.size.width,
                                     info.patch));
  }
  EncoderPass pass(std::make_shared<const EncoderInput>(encoder_, std::move(tiles)), &ledger_);
  while (!pass.ended()) pass.advance(std::numeric_limits<double>::max(), backend_, memory_);
  if (const auto& fault = pass.fault()) {
    if (fault->kind == ErrorKind::kNotANumber) throw NotANumber("{}", fault->message);
    throw ResourceExhausted("{}", fault->message);
  }
  if (!std::ranges::all_of(pass.rows(), [](float x) { return std::isfinite(x); }))
    throw NotANumber("the vector of a picture isn't made of finite numbers");
  return pass.rows();
}

}  // namespace sirocco
