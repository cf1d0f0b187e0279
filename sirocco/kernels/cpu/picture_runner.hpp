#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/packed_matrix.hpp"
#include "sirocco/kernels/cpu/picture_strip.hpp"
#include "sirocco/kernels/picture_ops.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// The ops of pictures, split over threads. Convolutions go over a few rows of a picture at a time:
/// all threads bring what these read into order, transform it, multiply, and transform back, so
/// that memory besides the picture is that of a few rows, and of one convolution's transformed
/// weights. It is kept for the next one, and charged to the ledger.
class PictureRunner final : public PictureOps, public PictureProducts {
 public:
  /// `ledger` may be null.
  PictureRunner(const CpuKernels& kernels, ThreadGroup& threads, ByteLedger* ledger)
      : kernels_(kernels), threads_(threads), ledger_(ledger) {}

  void group_factors(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
                     float epsilon, const Out<Tensor>& factors) override;
  void scale_channels(const Tensor& x, const Tensor& factors, bool activated,
                      const Out<Tensor>& out) override;
  void draw(const Tensor& moments, const Tensor& noise, const Out<Tensor>& out) override;
  void convolve(const ConvolutionArgs& args) override;

 private:
  struct Products;

  /// Places for so many floats each, until the next call.
  template <std::size_t kCount>
  std::array<float*, kCount> scratch(const std::array<std::int64_t, kCount>& floats);
  void fill(const ConvolutionArgs& args, const PictureStrip& strip, std::int64_t first,
            std::int64_t rows);
  std::int64_t decoded_floats(const ConvolutionArgs& args) const;
  const float* float_panels(const ConvolutionArgs& args, float* decoded);
  void transform_filters(const ConvolutionArgs& args, const float* weights, float* filters);
  void multiply(const Products& products);
  void convolve_tiles(const ConvolutionArgs& args);
  void convolve_pixels(const ConvolutionArgs& args);

  const CpuKernels& kernels_;
  ThreadGroup& threads_;
  ByteLedger* ledger_;
  ByteLedger::Reservation charged_;
  Memory scratch_;
  std::vector<std::int64_t> row_offsets_;
  std::vector<std::int64_t> column_offsets_;
};

}  // namespace sirocco
