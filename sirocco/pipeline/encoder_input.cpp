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
    if (!done)
      throw ResourceExhausted("what is to be encoded could not be hashed: memory may have run out");
  }
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// What tells pictures and sounds of equal numbers apart.
constexpr std::int32_t kPicture = 0;
constexpr std::int32_t kSound = 1;

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

EncoderCost EncoderPiece::cost() const {
  EncoderCost row = costs.embed;
  for (const EncoderCost layer : costs.forward) row += costs.remember + layer;
  return static_cast<double>(sequence.rows()) * row + static_cast<double>(rows) * costs.project;
}

EncoderCost EncoderInput::cost() const {
  EncoderCost all = 0;
  for (const EncoderPiece& piece : pieces_) all += piece.cost();
  return all;
}

template <class Encoder, class Extent>
void EncoderInput::add(const Encoder& encoder, const Extent& extent, std::vector<float> values) {
  EncoderPiece piece{encoder.sequence(SequenceId(0), extent), std::move(values),
                     encoder.rows(extent), encoder.projected(extent), encoder.costs(extent)};
  first_rows_.push_back(first_rows_.back() + piece.rows);
  pieces_.push_back(std::move(piece));
}

EncoderInput::EncoderInput(const AnyPictureEncoder& encoder, std::vector<EncoderTile> tiles)
    : encoder_(encoder), first_rows_{0} {
  if (tiles.empty()) throw InvalidArgument("a picture without tiles");
  Sha256 hash;
  hash.add(std::span(&kPicture, 1));
  for (EncoderTile& tile : tiles) {
    const PatchGrid grid = tile.grid;
    if (grid.rows < 1 || grid.columns < 1 || encoder.rows(grid) < 1 ||
        std::ssize(tile.patches) != grid.patches() * encoder.info().inputs()) {
      throw InvalidArgument(
          "a tile of {} x {} patches with {} numbers, which the encoder can't read", grid.columns,
          grid.rows, tile.patches.size());
    }
    const std::array<std::int32_t, 2> shape = {grid.rows, grid.columns};
    hash.add(std::span<const std::int32_t>(shape));
    hash.add(std::span<const float>(tile.patches));
    add(encoder, grid, std::move(tile.patches));
  }
  key_ = hash.finish();
}

EncoderInput::EncoderInput(const AnySoundEncoder& encoder, std::vector<EncoderWindow> windows)
    : encoder_(encoder), first_rows_{0} {
  if (windows.empty()) throw InvalidArgument("a sound without windows");
  const SoundEncoderInfo& info = encoder.info();
  Sha256 hash;
  hash.add(std::span(&kSound, 1));
  for (EncoderWindow& window : windows) {
    const std::int32_t rows = window.extent.rows;
    const std::int64_t frames = std::ssize(window.frames) / info.bins;
    if (rows < 1 || rows > info.positions || encoder.rows(window.extent) < 1 ||
        rows > (frames + 1) / 2 || frames > info.window_frames() ||
        frames * info.bins != std::ssize(window.frames)) {
      throw InvalidArgument("a window of {} rows with {} numbers, which the encoder can't read",
                            rows, window.frames.size());
    }
    hash.add(std::span(&rows, 1));
    hash.add(std::span<const float>(window.frames));
    add(encoder, window.extent, std::move(window.frames));
  }
  key_ = hash.finish();
}

}  // namespace sirocco
