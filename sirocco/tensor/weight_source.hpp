#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "sirocco/quant/format.hpp"
#include "sirocco/tensor/shape.hpp"

namespace sirocco {

/// A weight tensor where it lies in its file. Validated: `bytes` is exactly what `format` and
/// `shape` take, and rows are whole blocks. Name and bytes live as long as the source.
struct StoredTensor {
  std::string_view name;
  const Format* format;
  Shape shape;  ///< outermost first: a projection is [outputs, inputs]
  std::span<const std::byte> bytes;
};

/// The weights of a checkpoint, whatever its file format. Implemented in formats/, consumed in
/// models/. Immutable and safe to share between threads.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  /// Every tensor, in file order.
  virtual std::span<const StoredTensor> tensors() const = 0;

  /// The tensor of that name, or null.
  virtual const StoredTensor* find(std::string_view name) const = 0;

  /// Says that `tensor` won't be read again, so that its pages need not stay in memory. Reading it
  /// again is still right, only slower.
  virtual void release(const StoredTensor& tensor) const = 0;

  /// Where the weights come from, for messages: a path.
  virtual std::string_view origin() const = 0;
};

}  // namespace sirocco
