#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/kv_type.hpp"
#include "sirocco/kernels/picture_ops.hpp"
#include "sirocco/platform/thread_group.hpp"
#include "sirocco/tensor/arena.hpp"
#include "sirocco/tensor/out.hpp"
#include "sirocco/tensor/tensor.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A weight matrix [N, K] as a backend wants it. Immutable and safe to share. Made by
/// WeightPacker::pack.
class WeightMatrix {
 public:
  WeightMatrix(const Format& format, std::int64_t rows, std::int64_t columns)
      : format_(&format), rows_(rows), columns_(columns) {}
  virtual ~WeightMatrix() = default;
  WeightMatrix(const WeightMatrix&) = delete;
  WeightMatrix& operator=(const WeightMatrix&) = delete;

  const Format& format() const { return *format_; }  ///< as it was stored
  std::int64_t rows() const { return rows_; }        ///< N, the outputs
  std::int64_t columns() const { return columns_; }  ///< K, the inputs
  virtual std::size_t bytes() const = 0;             ///< memory that it holds
  /// Whether `linear` reads quantized activations for it, rather than floats.
  bool wants_q8() const { return !panel_traits(format_->panel).is_float(); }

 private:
  const Format* format_;
  std::int64_t rows_;
  std::int64_t columns_;
};

/// Weight matrices [N, K] of one format, as many as there are experts, or heads. Immutable and safe
/// to share. Made by WeightPacker::pack_stack.
class WeightStack {
 public:
  WeightStack(const Format& format, std::int64_t matrices, std::int64_t rows, std::int64_t columns)
      : format_(&format), matrices_(matrices), rows_(rows), columns_(columns) {}
  virtual ~WeightStack() = default;
  WeightStack(const WeightStack&) = delete;
  WeightStack& operator=(const WeightStack&) = delete;

  const Format& format() const { return *format_; }    ///< as they were stored
  std::int64_t matrices() const { return matrices_; }  ///< X, or H
  std::int64_t rows() const { return rows_; }          ///< N, the outputs of each
  std::int64_t columns() const { return columns_; }    ///< K, the inputs of each
  virtual std::size_t bytes() const = 0;               ///< memory that they hold
  bool wants_q8() const { return !panel_traits(format_->panel).is_float(); }

 private:
  const Format* format_;
  std::int64_t matrices_;
  std::int64_t rows_;
  std::int64_t columns_;
};

/// How many blocks of a row of quantized activations have a second digit, those with the largest
/// magnitudes: what rounding left of their values, as int8 with a scale of its own.
enum class FineBlocks : std::uint8_t { kNone = 0, kOne = 1, kFew = 5 };

/// Activations [T, K] in the forms that their consumers read; an empty form is not there. `q8` is
/// int8 in blocks of 32 along K with an f32 scale amax/127 (round to nearest even) and the integer
/// sums of each 16: u8 [T, q8_row_bytes(K)]. `fine`, which goes with it, holds second digits, u8
/// [T, fine_row_bytes(K, …)].
struct Activations {
  Tensor f32;
  Tensor q8;
  Tensor fine = {};
};

/// One product of a group that shares its input: out[T, N] = input · weightᵀ (+ bias[N]).
struct LinearTarget {
  const WeightMatrix* weight;
  Tensor bias;      ///< f32 [N], or empty
  Out<Tensor> out;  ///< f32 [T, N]
};

/// One product of a group that shares its input, with a stack of matrices.
struct StackTarget {
  const WeightStack* weight;
  Tensor bias;      ///< f32 [X, N], or empty
  Out<Tensor> out;  ///< f32 rows of N
};

/// What joins a gate with the value that it lets through.
enum class GateActivation : std::uint8_t {
  kSilu,
  kGeluTanh,
  kGeluErf,
  kClampedSwish,  ///< of a gate up to 7 and, one added to it, a value within ±7
  kRelu,
};

/// What becomes of a value by itself.
enum class PlainActivation : std::uint8_t {
  kSilu,
  kGeluTanh,
  kGeluErf,
  kQuickGelu,  ///< x · sigmoid(1.702 · x), as CLIP has it
  kRelu,       ///< max(x, 0)
};

/// Two products of one input that are joined at once, so that neither is kept:
/// activation(input · gateᵀ (+ bias)) with (input · upᵀ (+ bias)).
template <class Weight>
struct GatedPair {
  const Weight* gate;
  Tensor gate_bias;  ///< f32 [N], for a stack [X, N], or empty
  const Weight* up;
  Tensor up_bias;
  GateActivation activation;
  Out<Activations> out;  ///< [T, N] in the forms that are wanted
};
using GatedTarget = GatedPair<WeightMatrix>;
using GatedStackTarget = GatedPair<WeightStack>;

/// What makes the scores of experts out of a router's logits, and weights out of scores.
enum class RouterScoring : std::uint8_t {
  kSoftmax,          ///< over all experts
  kSoftmaxOfChosen,  ///< the logits choose, and a softmax over the chosen ones gives the weights
  kSigmoid,          ///< each expert by itself
};

/// How a token chooses its experts, and what they count for.
struct RouterSpec {
  static constexpr int kMaxExperts = 1024;
  RouterScoring scoring = RouterScoring::kSoftmax;
  int chosen = 1;          ///< k: experts a token; the best, ties to the lower number
  int groups = 1;          ///< of consecutive experts, as many in each
  int groups_chosen = 1;   ///< the best groups; only their experts can be chosen
  int group_best = 1;      ///< a group's score is the sum of so many of its best experts'
  bool normalize = false;  ///< the weights of a token are divided by their sum
  float scale = 1.0f;      ///< of the weights, in the end
};

/// Which experts the rows of a step go to. Grouped rows are the (token, slot) pairs sorted by
/// expert and, of one expert, by token: each expert's weights are read once for all of its rows.
struct ExpertRows {
  Tensor weights;  ///< f32 [T, k]: of slots 0 … k - 1, the best expert in slot 0
  Tensor places;   ///< i32 [T, k]: the grouped row of each slot
  Tensor tokens;   ///< i32 [T · k]: the token of each grouped row
  Tensor begin;    ///< i32 [X + 1]: expert e has the grouped rows [begin[e], begin[e + 1])
};

/// The rows of a step, as tensors of the backend. S sequences stand one after another; sequence s
/// owns the rows [row_begin[s], row_begin[s + 1]), at consecutive positions.
struct BatchTensors {
  Tensor positions;  ///< i32 [T]
  Tensor row_begin;  ///< i32 [S + 1]
  /// i32 [T]: the position behind the last one that a row sees under a causal mask, which is that
  /// behind its own or, of a row among some that see each other, behind the last of them. Never
  /// falls within a sequence, nor exceeds it. Empty where no row sees a later one.
  Tensor visible_ends = {};
  std::int64_t rows() const { return positions.rows(); }
  std::int64_t sequences() const { return row_begin.rows() - 1; }
};

/// One layer of a paged KV cache. A block holds `block_positions` consecutive positions (a multiple
/// of 16) of one sequence. In it, this layer's keys of each head are panels of 16 positions,
/// `[block_positions / 16][key_dim][16]`, a lane a position; its values are panels of 16 rows,
/// `[block_positions / 16][16][value_dim]`. Heads stand one after another. A panel of kQ8_0 begins
/// with its f16 scales, `[scales][16]` of keys and `[16][scales]` of values, one for each 32
/// elements of a position. Where values are some of the elements of keys, as in a latent cache,
/// they are not kept a second time.
struct KvCacheView {
  KvType type;
  std::byte* pool;            ///< block 0
  std::size_t block_stride;   ///< bytes from a block to the next
  std::size_t keys_offset;    ///< bytes from the begin of a block to this layer's keys of head 0
  std::size_t values_offset;  ///< … to its values of head 0
  std::int32_t block_positions;
  std::int32_t kv_heads;
  std::int32_t key_dim;
  std::int32_t value_dim;
  Tensor block_table;  ///< i32 [S, B]: the block of positions [i · block_positions, …); -1 where
                       ///< none is held
  /// The element of keys where values begin; -1: they have their own rows.
  std::int32_t value_first = -1;
};

/// Which cached positions a query at position p sees: all of its sequence that are above p - window
/// and below p + window; or, causal, those above p - window up to p, or up to its visible end where
/// the step gives one.
struct MaskSpec {
  static constexpr std::int32_t kNoWindow = INT32_MAX;
  bool causal = true;
  std::int32_t window = kNoWindow;
};

struct AttentionArgs {
  Tensor q;  ///< f32 [T, H, E]
  KvCacheView cache;
  MaskSpec mask;
  float scale = 1.0f;      ///< of the dot products; positive
  float logit_cap = 0.0f;  ///< cap · tanh(score / cap) before the mask; 0 for none
  Tensor sinks;            ///< f32 [H], scores that count in the softmax's sum only; or empty
  Tensor slopes;           ///< f32 [H]: what a score loses for each position between; or empty
  Out<Tensor> out;         ///< f32 [T, H, value_dim]
  /// i32 [S], positive; or empty. Where given, the cache is an encoder's, and every row of sequence
  /// s sees the positions [0, key_lengths[s]) of it, wherever it stands itself. The mask is
  /// neither causal nor a window then, and there are no slopes.
  Tensor key_lengths = {};
  /// f32 [H, 2R + 1] with R of at least 15; or empty. A score of head h gains [h, R + d] at a key d
  /// positions behind its query, before it if d is negative. The first 16 elements of a row are one
  /// value, which holds beyond them too; so are the last 16.
  Tensor relative_bias = {};
};

/// The ops that models are made of, besides their matrix products; the list is the contract, a CPU
/// tier or a GPU fills it. Each is a pure function of its arguments and obeys the numeric contract:
/// the bits of an output element depend on its own inputs only, not on T, on the other rows or on
/// the number of threads. Shapes are the caller's promise, checked where models are built. Ops may
/// be queued; `read` waits. One caller at a time.
class Ops {
 public:
  virtual ~Ops() = default;

  /// Bytes of a row of `columns` quantized activations.
  virtual std::size_t q8_row_bytes(std::int64_t columns) const = 0;
  /// Bytes of the second digits of such a row, of all its blocks where it has no more.
  virtual std::size_t fine_row_bytes(std::int64_t columns, FineBlocks which) const = 0;

  /// Copies of host integers and floats into the arena, as tensors of this backend.
  virtual Tensor upload(Arena& arena, std::span<const std::int32_t> values, const Shape& shape) = 0;
  virtual Tensor upload(Arena& arena, std::span<const float> values, const Shape& shape) = 0;

  /// Waits for what was queued; the elements of an f32 tensor, valid as long as the tensor.
  virtual std::span<const float> read(const Tensor& tensor) = 0;

  /// out[t] = scale · decode(table row ids[t]). out f32 [T, D]. Ids are valid rows.
  virtual void embed(const WeightMatrix& table, const Tensor& ids, float scale,
                     const Out<Tensor>& out) = 0;

  /// out[i] = x[rows[i]]: [T, D] to [R, D], of one element type.
  virtual void gather_rows(const Tensor& x, const Tensor& rows, const Out<Tensor>& out) = 0;

  /// out[s] = the mean of the rows [begin[s], begin[s + 1]) of x, at least one, summed in order.
  /// f32 [R, D] to f32 [S, D].
  virtual void mean_rows(const Tensor& x, const Tensor& begin, const Out<Tensor>& out) = 0;

  /// x / sqrt(mean(x²) + epsilon) · weight, row by row, in the forms that `out` has. x f32 [R, D],
  /// weight f32 [D]. `out.f32` may be `x`. (Zhang & Sennrich 2019)
  virtual void rms_norm(const Tensor& x, const Tensor& weight, float epsilon,
                        const Out<Activations>& out) = 0;

  /// (x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias, row by row, in the forms that
  /// `out` has. x f32 [R, D], weight and bias f32 [D]. `out.f32` may be `x`. (Ba et al. 2016)
  virtual void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon,
                          const Out<Activations>& out) = 0;

  /// The q8 form of f32 rows [T, K], and second digits where `fine` is given.
  virtual void quantize(const Tensor& x, const Out<Tensor>& q8, const Out<Tensor>& fine = {}) = 0;

  /// Chooses experts for the rows of `logits`, f32 [T, X], which are overwritten. `bias`, f32 [X]
  /// or empty, is added to the scores that choose, not to the weights. X is at most
  /// RouterSpec::kMaxExperts.
  virtual void route(const RouterSpec& spec, const Out<Tensor>& logits, const Tensor& bias,
                     const Out<ExpertRows>& rows) = 0;

  /// out[t] = Σ over slots s in order of weights[t, s] · x[places[t, s]]. f32 [T · k, D] to f32
  /// [T, D].
  virtual void combine_experts(const Tensor& x, const ExpertRows& rows, const Out<Tensor>& out) = 0;

  /// Columns [column, column + count) of x become those of `out` from `out_column` on. f32 [R, …]
  /// both.
  virtual void copy_columns(const Tensor& x, std::int64_t column, std::int64_t count,
                            const Out<Tensor>& out, std::int64_t out_column) = 0;

  /// activation(gate) · up, or as the activation says, in the forms that `out` has, which can't be
  /// `fine`. f32 [T, F] each; `out.f32` may be `gate`.
  virtual void gate(GateActivation activation, const Tensor& gate, const Tensor& up,
                    const Out<Activations>& out) = 0;

  /// activation(x), in the forms that `out` has, which can't be `fine`. f32 [T, F]; `out.f32` may
  /// be `x`.
  virtual void activate(PlainActivation activation, const Tensor& x,
                        const Out<Activations>& out) = 0;

  /// x += y · scale, elementwise. f32 [T, D]. The product is rounded before the sum.
  virtual void add(const Out<Tensor>& x, const Tensor& y, float scale = 1.0f) = 0;

  /// x += y · gate, column by column. x and y f32 [T, D], gate f32 [D]. The product is rounded
  /// before the sum.
  virtual void add_gated(const Out<Tensor>& x, const Tensor& y, const Tensor& gate) = 0;

  /// x = cap · tanh(x / cap), elementwise.
  virtual void soft_cap(const Out<Tensor>& x, float cap) = 0;

  /// For p[i] = positions[t, axes[i]]: table[t] = { cos(p[i] · f[i]) · m …, sin(p[i] · f[i]) · m …
  /// }, the angle one f32 product. Positions i32 [T, A], frequencies f32 [P], axes i32 [P] below
  /// A, or empty: 0 each; table f32 [T, 2P].
  virtual void rotary_table(const Tensor& positions, const Tensor& frequencies, const Tensor& axes,
                            float magnitude, const Out<Tensor>& table) = 0;

  /// Rotates pairs (i, i + P) of the first 2P of E elements of each head, in place. x f32 [T, H,
  /// E], table f32 [T, 2P]. (Su et al. 2021, half-split layout)
  virtual void rotate(const Out<Tensor>& x, const Tensor& table) = 0;

  /// Writes the step's keys f32 [T, K, key_dim] and values f32 [T, K, value_dim] to their positions
  /// in the cache. `values` is empty where they are part of keys.
  virtual void write_cache(const BatchTensors& batch, const Tensor& keys, const Tensor& values,
                           const Out<KvCacheView>& cache) = 0;

  /// A block of a group's pool, `block_bytes` of all its layers, becomes a copy of another. `pool`
  /// is where block 0 begins.
  virtual void copy_block(std::byte* pool, std::size_t block_bytes, BlockId from,
                          const Out<BlockId>& to) = 0;

  /// Softmax attention of each row over the positions of its sequence that the mask shows, keys and
  /// values read from the cache. Query head h reads key/value head h / (H / K). Without causality
  /// the sequence ends at its last row.
  virtual void attention(const BatchTensors& batch, const AttentionArgs& args) = 0;
};

/// The matrix products of models, ops like the others. In a model, Linear and StackLinear (nn) are
/// the only way to them, so that what is done to a product is done in one place.
class Products {
 public:
  virtual ~Products() = default;

  /// The products of a group. Every target reads `input.f32`, or `input.q8` with `input.fine` where
  /// that is given, as its weight wants.
  virtual void linear(const Activations& input, std::span<const LinearTarget> targets) = 0;

  /// `linear` of both, then `gate`, to the bit; its output neither can be `fine`.
  virtual void gated_linear(const Activations& input, const GatedTarget& target) = 0;

  /// Of R grouped rows, those of expert e by its matrix: out[r] = input[r] · weight[e]ᵀ (+
  /// bias[e]). `begin` is that of ExpertRows.
  virtual void expert_linear(const Activations& input, const Tensor& begin,
                             std::span<const StackTarget> targets) = 0;

  /// `expert_linear` of both, then `gate`, to the bit.
  virtual void gated_expert_linear(const Activations& input, const Tensor& begin,
                                   const GatedStackTarget& target) = 0;

  /// Row t · H + h of `input`, [T · H, K], by matrix h of a stack of H, (+ bias[h]), into the
  /// columns from `first_column` on of that row of the target, f32 [T · H, W].
  virtual void head_linear(const Activations& input, const StackTarget& target,
                           std::int64_t first_column) = 0;
};

/// A WeightPacker makes matrices of stored tensors.
class WeightPacker {
 public:
  virtual ~WeightPacker() = default;

  /// Repacks a stored matrix [N, K]. `source_rows`, when given, holds for each row of the result
  /// which stored row it is (how rotary rows are un-permuted, and parts taken). `source`, when
  /// given, is told of large parts as soon as they have been read (WeightSource::release), so that
  /// a large tensor isn't in memory twice. Throws ResourceExhausted.
  virtual std::shared_ptr<const WeightMatrix> pack(const StoredTensor& stored,
                                                   std::span<const std::int32_t> source_rows = {},
                                                   const WeightSource* source = nullptr) = 0;

  /// Rows [begin, end) of a matrix that it packed, [end - begin, K], in that one's memory. `begin`
  /// is a multiple of kPanelRows.
  virtual std::shared_ptr<const WeightMatrix> rows_of(
      const std::shared_ptr<const WeightMatrix>& whole, std::int64_t begin, std::int64_t end) = 0;

  /// Repacks matrices of one format and shape [N, K], which become a stack in their order, as
  /// `pack` does.
  virtual std::shared_ptr<const WeightStack> pack_stack(
      std::span<const StoredTensor> matrices, std::span<const std::int32_t> source_rows = {},
      const WeightSource* source = nullptr) = 0;
};

/// What a device computes with: it packs the weights of models once, and has the ops.
class Backend : public Ops, public Products, public WeightPacker {
 public:
  /// "avx512vnni", …
  virtual std::string_view name() const = 0;
  /// The ops of pictures, which take turns with the others.
  virtual PictureOps& picture_ops() = 0;
  virtual PictureProducts& picture_products() = 0;
  /// Threads for what the host does between ops, such as choosing tokens.
  virtual ThreadGroup& host_threads() = 0;
};

}  // namespace sirocco
