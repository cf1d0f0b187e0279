#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/quant/format.hpp"
#include "sirocco/tensor/shape.hpp"

namespace sirocco {

/// Rows that no file holds as they are wanted (transposed, stacked, converted, quantized): they are
/// made whenever they are read, so that a converted model is never in memory beside the one that
/// runs. Immutable and safe to share between threads.
class MadeRows {
 public:
  virtual ~MadeRows() = default;

  /// Writes elements [column, column + count) of row `row`, encoded in the tensor's format. Both
  /// numbers are whole blocks.
  virtual void read(std::int64_t row, std::int64_t column, std::int64_t count,
                    std::byte* out) const noexcept = 0;
};

/// A weight tensor: where it lies in its file, or how it is made. Validated: `bytes` is exactly
/// what `format` and `shape` take, and rows are whole blocks. Name, bytes and rows live as long as
/// the source.
struct StoredTensor {
  std::string_view name;
  const Format* format;
  Shape shape;                       ///< outermost first: a projection is [outputs, inputs]
  std::span<const std::byte> bytes;  ///< empty for a tensor that is made
  const MadeRows* made = nullptr;    ///< null for a tensor that lies in a file
  std::int64_t first_row = 0;        ///< of `made`

  /// Elements of a row, the innermost extent, and the number of all rows.
  std::int64_t columns() const { return shape[shape.rank() - 1]; }
  std::int64_t rows() const { return shape.elements() / columns(); }
  /// What all rows take, wherever they are.
  std::size_t size_bytes() const;
  /// Writes rows [first, first + count) to `out`, one behind another.
  void read_rows(std::int64_t first, std::int64_t count, std::byte* out) const noexcept;
  /// Elements [column, column + count) of row `row`, whole blocks.
  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept;
  /// Members [first, first + count) of the outermost axis, of several (a part of a fused
  /// projection) or without that axis when `count` is left out (one expert).
  StoredTensor members(std::int64_t first, std::int64_t count) const;
  /// Rows [first, first + count) of all, as a matrix.
  StoredTensor row_range(std::int64_t first, std::int64_t count) const;
  StoredTensor member(std::int64_t index) const;
};

/// In which order a checkpoint stores the rows of query and key projections: pairs of one rotation
/// half a head apart, or next to each other.
enum class RotaryRows { kHalfSplit, kNeighbouringPairs };

/// A tensor that a checkpoint speaks of and can't hand out. Its texts live as long as the source.
struct LackingTensor {
  std::string_view name;
  std::string_view why;  ///< a whole message for who needs it
  bool stored;           ///< it lies in a file, in a form that isn't read; else no file holds it
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

  /// The tensors that can't be handed out, which is for who needs one to complain of.
  virtual std::span<const LackingTensor> lacking() const { return {}; }

  /// What the checkpoint calls a tensor, whether it is there or not, between quotes, for messages.
  virtual std::string called(std::string_view name) const;

  /// Says that `tensor` won't be read again, so that its pages need not stay in memory. Reading it
  /// again is still right, only slower.
  virtual void release(const StoredTensor& tensor) const = 0;

  /// Where the weights come from, for messages: a path.
  virtual std::string_view origin() const = 0;

  /// The order of rotary rows here; nothing where the architecture alone decides it, as in GGUF.
  virtual std::optional<RotaryRows> rotary_rows() const { return std::nullopt; }
};

}  // namespace sirocco
