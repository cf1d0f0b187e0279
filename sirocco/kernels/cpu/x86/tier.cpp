// The ops of one instruction-set tier, apart from matrix products: products.cpp has those. Both
// files are compiled once for each tier that has something of its own there, with its -m flags and
// with SIROCCO_TIER set to its name. ../README.md says why everything but the one function at the
// end has internal linkage, and why no header is included that emits code.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/numerics.hpp"
#include "sirocco/kernels/cpu/q8.hpp"
#include "sirocco/kernels/kv_type.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {
namespace SIROCCO_TIER {
namespace {

#include "sirocco/kernels/cpu/x86/vectors-inl.hpp"
// What is written in them:
#include "sirocco/kernels/cpu/simd/math-inl.hpp"
// The ops need all of the above:
#include "sirocco/kernels/cpu/simd/attention_cache-inl.hpp"
#include "sirocco/kernels/cpu/simd/attention_tile-inl.hpp"
// After its parts:
#include "sirocco/kernels/cpu/simd/attention-inl.hpp"
#include "sirocco/kernels/cpu/simd/experts-inl.hpp"
#include "sirocco/kernels/cpu/simd/pictures-inl.hpp"
#include "sirocco/kernels/cpu/simd/rows-inl.hpp"

constexpr CpuKernels kKernels = {
    .name = SIROCCO_STRING(SIROCCO_TIER),
    .extensions = kExtensions,
    .linear = {},  // kernels_of puts them in
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .quantize = quantize,
    .gate = {gate<Silu>, gate<GeluTanh>, gate<GeluErf>, gate<ClampedSwish>, gate<Relu>},
    .activate = {activate<Silu>, activate<GeluTanh>, activate<GeluErf>, activate<QuickGelu>,
                 activate<Relu>},
    .add = add,
    .add_gated = add_gated,
    .soft_cap = soft_cap,
    .rotary_table = rotary_table,
    .rotate = rotate,
    .softmax = softmax,
    .sigmoid = sigmoid,
    .combine = combine,
    .write_cache = {write_cache<float>, write_cache<std::uint16_t>, write_cache<std::int8_t>},
    .attention_span = {attention_span<float>, attention_span<std::uint16_t>,
                       attention_span<std::int8_t>},
    .attention_merge = attention_merge,
    .attention_finish = attention_finish,
    .pictures = {.moments = moments,
                 .scale = scale_channels,
                 .draw = draw,
                 .filter = transform_filter,
                 .input = transform_input,
                 .output = transform_output},
};
static_assert(has_every_op(kKernels));

}  // namespace
}  // namespace SIROCCO_TIER

const CpuKernels& SIROCCO_JOIN(SIROCCO_TIER, _kernels)() { return SIROCCO_TIER::kKernels; }

}  // namespace sirocco
