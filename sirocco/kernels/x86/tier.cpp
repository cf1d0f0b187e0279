// One instruction-set tier. This file is compiled once for each, with its -m flags and with
// SIROCCO_TIER set to its name. Everything but the tier's one function has internal linkage:
// otherwise the linker might take a function compiled for one tier into another, or into code for
// every CPU. For that reason no header is included that emits code, from the standard library
// neither.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/kernel_table.hpp"
#include "sirocco/kernels/kv_type.hpp"
#include "sirocco/kernels/numerics.hpp"
#include "sirocco/kernels/q8.hpp"
#include "sirocco/quant/panel.hpp"

#define INLINE [[gnu::always_inline]] inline
#define INLINE_BODY __attribute__((always_inline))
#define SIROCCO_JOIN_(a, b) a##b
#define SIROCCO_JOIN(a, b) SIROCCO_JOIN_(a, b)
#define SIROCCO_STRING_(a) #a
#define SIROCCO_STRING(a) SIROCCO_STRING_(a)

namespace sirocco {
namespace SIROCCO_TIER {
namespace {

template <int kValue>
struct Index {
  constexpr operator int() const {
    return kValue;
  }  // NOLINT(google-explicit-constructor): an index
};

template <int... kValues>
struct Indices {};
#if defined(__clang__)
template <class, int... kValues>
using IndicesOf = Indices<kValues...>;
template <int kCount>
using IndicesBelow = __make_integer_seq<IndicesOf, int, kCount>;
#else
template <int kCount>
using IndicesBelow = Indices<__integer_pack(kCount)...>;
#endif

template <int kBegin, class Body, int... kValues>
INLINE void repeat_each(const Body& body, Indices<kValues...> /*values*/) {
  (body(Index<kBegin + kValues>{}), ...);
}

/// body(Index<kBegin>{}), …, body(Index<kEnd - 1>{}), written out.
template <int kBegin, int kEnd, class Body>
INLINE void repeat(const Body& body) {
  repeat_each<kBegin>(body, IndicesBelow<kEnd - kBegin>{});
}

#if defined(__AVX512F__)
#include "sirocco/kernels/x86/vec_avx512.hpp"
// After the vectors:
#include "sirocco/kernels/x86/bytes_avx512.hpp"
#else
#include "sirocco/kernels/x86/vec_avx2.hpp"
// After the vectors:
#include "sirocco/kernels/x86/bytes_avx2.hpp"
#endif

#include "sirocco/kernels/x86/math.hpp"
// The ops need all of the above:
#include "sirocco/kernels/x86/rows.hpp"
// rows.hpp has the partial loads and stores.
#include "sirocco/kernels/x86/attention_cache.hpp"
#include "sirocco/kernels/x86/attention_tile.hpp"
// After its parts:
#include "sirocco/kernels/x86/attention.hpp"
#include "sirocco/kernels/x86/experts.hpp"
#include "sirocco/kernels/x86/linear.hpp"

constexpr CpuKernels kKernels = {
    .name = SIROCCO_STRING(SIROCCO_TIER),
    .linear = {linear<PanelFormat::kU2Super>, linear<PanelFormat::kU3Super>,
               linear<PanelFormat::kU4Scale>, linear<PanelFormat::kU4ScaleMin>,
               linear<PanelFormat::kU4Super>, linear<PanelFormat::kU5Scale>,
               linear<PanelFormat::kU5ScaleMin>, linear<PanelFormat::kU5Super>,
               linear<PanelFormat::kU6Super>, linear<PanelFormat::kU8Scale>,
               linear<PanelFormat::kT4Scale>, linear<PanelFormat::kNl4Scale>,
               linear<PanelFormat::kNl4Super>, linear<PanelFormat::kF16>,
               linear<PanelFormat::kBF16>, linear<PanelFormat::kF32>},
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .quantize = quantize,
    .gate = {gate<Silu>, gate<GeluTanh>, gate<GeluErf>, gate<ClampedSwish>},
    .activate = {activate<Silu>, activate<GeluTanh>, activate<GeluErf>},
    .add = add,
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
};

}  // namespace
}  // namespace SIROCCO_TIER

const CpuKernels& SIROCCO_JOIN(SIROCCO_TIER, _kernels)() { return SIROCCO_TIER::kKernels; }

}  // namespace sirocco
