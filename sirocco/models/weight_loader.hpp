#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/norms.hpp"

namespace sirocco {

/// The heads that a query or key projection writes, and the order that GGUF files of the
/// architecture store their rows in. One rotary layout runs, pairs (i, i + R/2); rows stored as
/// neighbouring pairs are put back in that order at load, with their biases.
struct HeadRows {
  int heads = 0;
  int head_dim = 0;
  int rotary_dims = 0;
  RotaryRows order = RotaryRows::kHalfSplit;
};

/// A WeightLoader takes tensors out of a WeightSource as ingredients, checking their shapes:
/// FormatError names the tensor, what was found and what was expected. Pages of the source are
/// released as they are consumed.
class WeightLoader {
 public:
  /// Borrows its arguments.
  WeightLoader(const WeightSource& weights, WeightPacker& packer, LoadProgress progress);

  bool has(std::string_view name) const { return find(name) != nullptr; }

  /// Throws UnsupportedError for a tensor whose name begins with `begin` and that hasn't been read:
  /// the model of that architecture would be computed without it.
  void expect_all_read(std::string_view begin, std::string_view architecture) const;

  /// Has tensors whose names begin with `begin` count as read: nothing depends on them.
  void leave_out(std::string_view begin);

  /// The shape of a matrix that the model's description says nothing of. Throws FormatError when it
  /// is missing or no matrix.
  Shape matrix_shape(std::string_view name) const;

  struct Slice {
    std::string stem;
    std::int64_t rows;
  };
  /// From now on, the rows of STEM.weight (and the elements of STEM.bias) are found as the tensors
  /// of `slices`, one after another. Nothing happens where there is no such tensor.
  void split(std::string_view stem, std::initializer_list<Slice> slices);

  /// A matrix [outputs, inputs].
  std::shared_ptr<const WeightMatrix> matrix(std::string_view name, std::int64_t outputs,
                                             std::int64_t inputs);
  /// Rows [first, first + count) of such a matrix, [count, inputs].
  std::shared_ptr<const WeightMatrix> matrix_rows(std::string_view name, std::int64_t outputs,
                                                  std::int64_t inputs, std::int64_t first,
                                                  std::int64_t count);
  /// STEM.weight [outputs, inputs] with STEM.bias [outputs] when it is there.
  Linear linear(std::string_view stem, std::int64_t outputs, std::int64_t inputs);
  /// The same, row i being the stored row source_rows()[i]; asked for when the shape is known to be
  /// right.
  Linear linear(std::string_view stem, std::int64_t outputs, std::int64_t inputs,
                FunctionRef<std::vector<std::int32_t>()> source_rows);
  /// The same for a convolution over rows, STEM.weight [outputs, taps, inputs]: of `taps` rows one
  /// behind another, [outputs, taps · inputs].
  Linear convolution(std::string_view stem, std::int64_t outputs, std::int64_t taps,
                     std::int64_t inputs);
  /// The same for one whose kernels are stored [outputs, inputs, taps], as a matrix of F32.
  Linear turned_convolution(std::string_view stem, std::int64_t outputs, std::int64_t taps,
                            std::int64_t inputs);
  /// The same for queries and keys, rows in the order that runs.
  Linear rotary_linear(std::string_view stem, const HeadRows& heads, std::int64_t inputs);
  /// A norm of such heads, each by itself: STEM.weight or STEM.scale, elements in the order that
  /// runs.
  RmsNorm rotary_norm(std::string_view stem, const HeadRows& heads, float epsilon);
  /// How many elements such a norm has. Throws FormatError when it is missing.
  std::int64_t norm_width(std::string_view stem) const;
  /// The product with patches of a picture: STEM.weight [outputs, channels, patch, patch] with
  /// STEM.bias when it is there, as a matrix [outputs, channels · patch · patch] of F32. Of one for
  /// patches of several frames, [outputs, channels, frames, patch · patch] or the second frame's
  /// in STEM.weight.1, the sum over these: a still picture's are equal.
  Linear patch_linear(std::string_view stem, std::int64_t outputs, std::int64_t channels,
                      std::int64_t patch);
  /// The product with rows that a square of `side` · `side` became, row by row. STEM.weight
  /// [outputs, inputs · side · side] is stored with the square's places behind each input. F32.
  Linear merging_linear(std::string_view stem, std::int64_t outputs, std::int64_t side,
                        std::int64_t inputs);
  /// A matrix that is stored the other way round, [inputs, outputs], as one of F32.
  Linear turned_linear(std::string_view name, std::int64_t outputs, std::int64_t inputs);
  /// The experts' matrices [outputs, inputs] of a layer: STEM_exps.weight [experts, outputs,
  /// inputs], or STEM.0.weight … as old files have them, with STEM_exps.bias [experts, outputs]
  /// when it is there.
  StackLinear experts(std::string_view stem, std::int64_t experts, std::int64_t outputs,
                      std::int64_t inputs);
  /// Matrices [outputs, inputs] stored as one tensor [count, outputs, inputs].
  StackLinear stack(std::string_view name, std::int64_t count, std::int64_t outputs,
                    std::int64_t inputs);
  /// Of a matrix [count · (upper + lower), inputs]: the upper rows of each part, transposed to
  /// [inputs, upper], and the lower ones. What is transposed becomes F32 where its format has
  /// blocks.
  std::pair<StackLinear, StackLinear> split_stack(std::string_view name, std::int64_t count,
                                                  std::int64_t upper, std::int64_t lower,
                                                  std::int64_t inputs);
  /// A vector [size], also one that is stored as [size, 1] or [1, size].
  WeightVector vector(std::string_view name, std::int64_t size);
  /// An RmsNorm or a LayerNorm of rows of `width`: STEM.weight and, in the latter, STEM.bias.
  template <class N>
  N norm(std::string_view stem, std::int64_t width, float epsilon);
  std::vector<float> floats(std::string_view name, std::int64_t size) {
    return floats(name, Shape{size});
  }
  std::vector<float> floats(std::string_view name, const Shape& shape);

 private:
  Linear packed_linear(std::string_view stem, const StoredTensor& stored,
                       const StoredTensor& packed_as,
                       const std::vector<std::int32_t>& source_rows = {});
  const StoredTensor* find(std::string_view name) const;
  const StoredTensor& require(std::string_view name, const Shape& shape);
  std::vector<float> decoded(const StoredTensor& tensor) const;
  std::shared_ptr<const WeightMatrix> packed(std::string_view name, std::span<const float> values,
                                             std::int64_t outputs, std::int64_t inputs);
  WeightVector bias_of(std::string_view stem, std::int64_t outputs);
  std::string norm_name(std::string_view stem) const;
  void consumed(const StoredTensor& tensor);

  const WeightSource& weights_;
  WeightPacker& packer_;
  LoadProgress progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::map<std::string, StoredTensor, std::less<>> slices_;
  std::deque<std::vector<float>> cut_;  // vectors that slices are of and no file holds so
  std::set<std::string_view> read_;     ///< names of the source's tensors
};

template <>
RmsNorm WeightLoader::norm<RmsNorm>(std::string_view stem, std::int64_t width, float epsilon);
template <>
LayerNorm WeightLoader::norm<LayerNorm>(std::string_view stem, std::int64_t width, float epsilon);

}  // namespace sirocco
