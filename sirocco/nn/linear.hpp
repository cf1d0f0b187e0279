#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/nn/transform_context.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

// The door to matrix products: nothing else hands a weight to one.

/// ActivationForms are the forms of its input that a consumer reads. Of a group that shares its
/// input, all read the finest.
struct ActivationForms {
  bool f32 = false;
  bool q8 = false;
  FineBlocks fine = FineBlocks::kNone;
  friend ActivationForms operator|(ActivationForms a, ActivationForms b) {
    return {a.f32 || b.f32, a.q8 || b.q8, std::max(a.fine, b.fine)};
  }
};

/// A Linear is the product y = x · Wᵀ (+ b). Its weight's format chose its kernel when it was
/// loaded. [T, K] to [T, N]. Every product makes the form of x that it reads where that isn't
/// there.
class Linear {
 public:
  explicit Linear(std::shared_ptr<const WeightMatrix> weight, WeightVector bias = {})
      : weight_(std::move(weight)), bias_(std::move(bias)) {}
  /// This product with second digits in its quantized input: what it is in a model says what they
  /// are worth.
  Linear with_fine(FineBlocks fine) && {
    fine_ = fine;
    return std::move(*this);
  }

  std::int64_t inputs() const { return weight_->columns(); }
  std::int64_t outputs() const { return weight_->rows(); }
  /// Of two numbers, that a row takes.
  std::int64_t products() const { return inputs() * outputs(); }
  bool wants_q8() const { return weight_->wants_q8(); }
  FineBlocks fine() const { return wants_q8() ? fine_ : FineBlocks::kNone; }

  /// The product, f32 [T, N] in the context's scratch memory.
  Tensor forward(const Activations& x, TransformContext& context) const;
  /// The product into `out`, f32 [T, N].
  void forward(const Activations& x, const Out<Tensor>& out, TransformContext& context) const;

  /// The same product with the 3 x 3 pixels around each, 9 · C inputs: `args` without weight and
  /// bias, which are this one's. (Its input is never quantized.)
  void convolve(ConvolutionArgs args, TransformContext& context) const;

  /// Several products of one input, in one pass over it; each as of `forward`.
  template <std::size_t N>
  static std::array<Tensor, N> project(const Activations& x,
                                       const std::array<const Linear*, N>& linears,
                                       TransformContext& context);

  /// activation(x · gateᵀ (+ b)) with (x · upᵀ (+ b)), joined at once so that neither is kept:
  /// [T, N] in `forms`, which can't be fine, in the context's scratch memory.
  static Activations gated(const Activations& x, GateActivation activation, const Linear& gate,
                           const Linear& up, ActivationForms forms, TransformContext& context);

 private:
  LinearTarget into(const Out<Tensor>& out) const { return {weight_.get(), bias_.tensor(), out}; }

  std::shared_ptr<const WeightMatrix> weight_;
  WeightVector bias_;
  FineBlocks fine_ = FineBlocks::kNone;
};

/// A StackLinear is y = x · W[i]ᵀ (+ b[i]) for rows that belong to one of X matrices [N, K] each:
/// to an expert, or to a head. Every product makes the form of x that it reads where that isn't
/// there.
class StackLinear {
 public:
  /// `bias` is [X · N], or empty. Throws InvalidArgument when it is of another size.
  explicit StackLinear(std::shared_ptr<const WeightStack> weight, WeightVector bias = {});
  StackLinear with_fine(FineBlocks fine) && {
    fine_ = fine;
    return std::move(*this);
  }

  std::int64_t matrices() const { return weight_->matrices(); }
  std::int64_t inputs() const { return weight_->columns(); }
  std::int64_t outputs() const { return weight_->rows(); }
  bool wants_q8() const { return weight_->wants_q8(); }
  FineBlocks fine() const { return wants_q8() ? fine_ : FineBlocks::kNone; }

  /// Each of the grouped rows of `rows`, [R, K], by the matrix of its expert: f32 [R, N] in the
  /// context's scratch memory.
  Tensor forward_experts(const Activations& x, const ExpertRows& rows,
                         TransformContext& context) const;
  /// Linear::gated of grouped rows: [R, N].
  static Activations gated_experts(const Activations& x, const ExpertRows& rows,
                                   GateActivation activation, const StackLinear& gate,
                                   const StackLinear& up, ActivationForms forms,
                                   TransformContext& context);
  /// Row t · H + h of x, [T · H, K], by matrix h into the columns of that row of `out`, f32
  /// [T · H, W], from `first_column` on.
  void forward_heads(const Activations& x, const Out<Tensor>& out, std::int64_t first_column,
                     TransformContext& context) const;

 private:
  StackTarget into(const Out<Tensor>& out) const { return {weight_.get(), bias(), out}; }
  Tensor bias() const;

  std::shared_ptr<const WeightStack> weight_;
  WeightVector bias_;
  FineBlocks fine_ = FineBlocks::kNone;
};

inline ActivationForms forms_for(const Linear& linear) {
  return {!linear.wants_q8(), linear.wants_q8(), linear.fine()};
}

inline ActivationForms forms_for(const StackLinear& linear) {
  return {!linear.wants_q8(), linear.wants_q8(), linear.fine()};
}

/// Room for `forms` of [T, columns] in `arena`.
Activations make_activations(Arena& arena, const Ops& ops, std::int64_t rows, std::int64_t columns,
                             ActivationForms forms);

/// `x` with the quantized form as `forms` has it, which is made where it is not there: converted
/// once a group. Second digits that aren't asked for are left out.
Activations with_forms(const Activations& x, ActivationForms forms, TransformContext& context);

inline std::int64_t rows_of(const Activations& x) { return x.f32 ? x.f32.rows() : x.q8.rows(); }

template <std::size_t N>
std::array<Tensor, N> Linear::project(const Activations& x,
                                      const std::array<const Linear*, N>& linears,
                                      TransformContext& context) {
  ActivationForms forms;
  for (const Linear* linear : linears) forms = forms | forms_for(*linear);
  std::array<Tensor, N> out;
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = context.scratch().tensor(DType::kF32, {rows_of(x), linears[i]->outputs()});
  }
  std::array<LinearTarget, N> targets;
  for (std::size_t i = 0; i < N; ++i) targets[i] = linears[i]->into(Out(out[i]));
  context.products().linear(with_forms(x, forms, context), targets);
  return out;
}

}  // namespace sirocco
