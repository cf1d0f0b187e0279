#include "sirocco/pipeline/encoder_input.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }

  template <class T>
  void add(std::span<const T> values) {
    require(EVP_DigestUpdate(context_.get(), values.data(), values.size_bytes()) == 1);
  }

  EmbeddingKey finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    EmbeddingKey key;
    std::memcpy(&key.high, digest.data(), sizeof key.high);
    std::memcpy(&key.low, digest.data() + sizeof key.high, sizeof key.low);
    return key;
  }

 private:
  static void require(bool done) {
    if (!done) throw ResourceExhausted("a picture could not be hashed: memory may have run out");
  }
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

EmbeddingKey key_of(std::span<const EncoderTile> tiles) {
  Sha256 hash;
  for (const EncoderTile& tile : tiles) {
    const std::array<std::int32_t, 2> grid = {tile.grid.rows, tile.grid.columns};
    hash.add(std::span<const std::int32_t>(grid));
    hash.add(std::span<const float>(tile.patches));
  }
  return hash.finish();
}

}  // namespace

EncoderTile cut_into_patches(std::span<const float> planes, std::int64_t channels,
                             std::int64_t height, std::int64_t width, std::int64_t patch) {
  if (patch < 1 || channels < 1 || height < patch || width < patch || height % patch != 0 ||
      width % patch != 0 || std::ssize(planes) / channels / height != width) {
    throw InvalidArgument("{} x {} pixels in {} channels can't be cut into patches of {} a side",
                          width, height, channels, patch);
  }
  EncoderTile out{
      {static_cast<std::int32_t>(height / patch), static_cast<std::int32_t>(width / patch)}, {}};
  out.patches.reserve(planes.size());
  for (std::int64_t r = 0; r < height; r += patch) {
    for (std::int64_t c = 0; c < width; c += patch) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        for (std::int64_t y = r; y < r + patch; ++y) {
          const auto row =
              planes.subspan(static_cast<std::size_t>((channel * height + y) * width + c),
                             static_cast<std::size_t>(patch));
          out.patches.insert(out.patches.end(), row.begin(), row.end());
        }
      }
    }
  }
  return out;
}

EncoderInput::EncoderInput(const AnyEncoder& encoder, std::vector<EncoderTile> tiles)
    : tiles_(std::move(tiles)),
      first_rows_{0},
      width_(encoder.info().row_width()),
      has_newline_(static_cast<bool>(encoder.info().newline)) {
  if (tiles_.empty()) throw InvalidArgument("a picture without tiles");
  for (const EncoderTile& tile : tiles_) {
    const std::int64_t rows = encoder.rows(tile.grid);
    if (std::ssize(tile.patches) != tile.grid.patches() * encoder.info().inputs() || rows < 1) {
      throw InvalidArgument(
          "a tile of {} x {} patches with {} numbers, which the encoder can't read",
          tile.grid.columns, tile.grid.rows, tile.patches.size());
    }
    first_rows_.push_back(first_rows_.back() + rows);
    row_grids_.push_back(encoder.projected(tile.grid));
  }
  key_ = key_of(tiles_);
}

}  // namespace sirocco
