#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/picture_ops.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

/// A PictureShape is that of a picture between layers, f32 [h · w, C].
struct PictureShape {
  PictureExtent extent;
  std::int64_t channels = 0;

  std::int64_t floats() const { return extent.pixels() * channels; }
  friend bool operator==(const PictureShape&, const PictureShape&) = default;
};

/// A PicturePlaces is the size of the two places that a picture stands in by turns: a layer that
/// changes its shape reads one and writes the other.
class PicturePlaces {
 public:
  explicit PicturePlaces(const PictureShape& first) : shape_(first) { take(0); }

  const PictureShape& shape() const { return shape_; }
  /// What the next layer makes of it.
  void add(const PictureShape& next) {
    if (next == shape_) return;
    shape_ = next;
    take(1 - place_);
  }
  std::array<std::int64_t, 2> floats() const { return floats_; }
  std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(floats_[0] + floats_[1]) * sizeof(float);
  }

 private:
  void take(std::size_t place) {
    place_ = place;
    // Whole cache lines.
    floats_[place] = std::max(floats_[place], (shape_.floats() + 15) / 16 * 16);
  }

  PictureShape shape_;
  std::size_t place_ = 0;
  std::array<std::int64_t, 2> floats_{};
};

/// A PictureStream is a picture on its way through layers, with memory of its own, so that it may
/// go on in another step. Move-only.
class PictureStream {
 public:
  /// `ledger` may be null. Throws ResourceExhausted.
  PictureStream(const PictureShape& first, const PicturePlaces& places, ByteLedger* ledger)
      : shape_(first), floats_(places.floats()) {
    if (ledger != nullptr) charged_ = ledger->reserve(places.bytes(), "pictures");
    memory_ = Memory(places.bytes());
  }

  const PictureShape& shape() const { return shape_; }
  /// f32 [h · w, C], which may be written.
  Tensor values() { return at(place_, shape_); }
  /// A place for a picture of another shape, which `advance` then goes on to.
  Tensor next(const PictureShape& shape) { return at(1 - place_, shape); }
  void advance(const PictureShape& shape) {
    shape_ = shape;
    place_ = 1 - place_;
  }

 private:
  Tensor at(std::size_t place, const PictureShape& shape) {
    SIROCCO_CHECK(shape.floats() <= floats_[place]);
    const std::size_t first = place == 0 ? 0 : static_cast<std::size_t>(floats_[0]);
    return {DType::kF32,
            {shape.extent.pixels(), shape.channels},
            reinterpret_cast<float*>(memory_.data()) + first};
  }

  PictureShape shape_;
  std::array<std::int64_t, 2> floats_;
  ByteLedger::Reservation charged_;
  Memory memory_;
  std::size_t place_ = 0;
};

}  // namespace sirocco
