#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// A Modulation is what a condition, such as the time of a denoising step, makes of a layer:
/// scales, shifts and gates of its rows' columns. (Perez et al. 2018; Peebles & Xie 2023)
class Modulation {
 public:
  /// A Part is a part of a layer: x becomes norm(x) · (1 + scale) + shift on its way in,
  /// and what comes out is multiplied by the gate.
  struct Part {
    Tensor shift;      ///< f32 [D]
    Tensor scale;      ///< f32 [D], 1 added
    Tensor gate = {};  ///< f32 [D]; empty where the part has none
  };

  /// `linears` together make rows of `width` of a condition, one behind another: of each part of a
  /// layer its shift, its scale and, where it is gated, its gate. Throws InvalidArgument when one
  /// makes no whole rows, or all no whole parts.
  static Modulation gated(std::vector<Linear> linears, std::int64_t width) {
    return {std::move(linears), width, 3};
  }
  static Modulation ungated(std::vector<Linear> linears, std::int64_t width) {
    return {std::move(linears), width, 2};
  }

  std::int64_t parts() const { return rows_ / rows_of_part_; }
  std::int64_t rows() const { return rows_; }  ///< of what `forward` makes

  /// Of a condition behind its activation, f32 [1, C], to f32 [rows(), D].
  void forward(const Tensor& condition, const Out<Tensor>& out, TransformContext& context) const;
  /// A part of what `forward` made.
  Part part(const Tensor& made, std::int64_t index) const;

 private:
  Modulation(std::vector<Linear> linears, std::int64_t width, std::int64_t rows_of_part);

  std::vector<Linear> linears_;
  std::int64_t width_;
  std::int64_t rows_of_part_;
  std::int64_t rows_ = 0;
  WeightVector ones_;
};

/// The rows x, f32 [T, D], as a part of a layer reads them, in `forms`: layer-normalized without
/// weights, scaled and shifted. In the context's scratch memory.
Activations modulated(const Tensor& x, const Modulation::Part& by, ActivationForms forms,
                      TransformContext& context);

}  // namespace sirocco
