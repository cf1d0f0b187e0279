// The matrix products of one instruction-set tier, as far as its base does them in another way:
// with 4-way dot products, those of integer panels; with products of bf16 in pairs, those of kBF16.
// Compiled like tier.cpp, under the same rules; SIROCCO_HALF_REGISTERS keeps a tier with AVX-512 to
// registers of 256 bits.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/q8.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {
namespace SIROCCO_TIER {
namespace {

#include "sirocco/kernels/cpu/x86/vectors-inl.hpp"
// What is written in them:
#if defined(__AVX512F__) && !defined(SIROCCO_HALF_REGISTERS)
#include "sirocco/kernels/cpu/x86/bytes_avx512-inl.hpp"
#else
#include "sirocco/kernels/cpu/x86/bytes_avx2-inl.hpp"
#endif
// With the bytes:
#include "sirocco/kernels/cpu/simd/block_products-inl.hpp"
// And with these:
#include "sirocco/kernels/cpu/simd/linear-inl.hpp"
#if defined(__AVX512BF16__)
// With linear.hpp's way to finish a sum:
#include "sirocco/kernels/cpu/x86/linear_bf16-inl.hpp"
#endif

/// Null where the tier's base has the kernel.
template <PanelFormat kFormat>
constexpr LinearKernel product_of() {
#if defined(__AVX512BF16__)
  if constexpr (kFormat == PanelFormat::kBF16) return linear_bf16;
#elif defined(__AVXVNNI__) || defined(__AVX512VNNI__)
  if constexpr (!panel_traits(kFormat).is_float()) return linear<kFormat>;
#else
  return linear<kFormat>;
#endif
  return nullptr;
}

template <int... kFormats>
constexpr ProductKernels products_of(Indices<kFormats...> /*formats*/) {
  return {kExtensions, {product_of<static_cast<PanelFormat>(kFormats)>()...}};
}

constexpr ProductKernels kProducts = products_of(IndicesBelow<kPanelFormats>{});

}  // namespace
}  // namespace SIROCCO_TIER

const ProductKernels& SIROCCO_JOIN(SIROCCO_TIER, _products)() { return SIROCCO_TIER::kProducts; }

}  // namespace sirocco
