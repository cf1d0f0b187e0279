#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco {
namespace ref {
namespace {

constexpr CpuKernels kOps = {
    .name = "ref",
    .extensions = "",
    .linear = {},  // ref_kernels puts them in
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .quantize = quantize,
    .gate = {gate<silu>, gate<gelu_tanh>, gate<gelu_erf>, gate<clamped_swish>, gate<relu>},
    .activate = {activate<silu>, activate<gelu_tanh>, activate<gelu_erf>, activate<quick_gelu>,
                 activate<relu>},
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
static_assert(has_every_op(kOps));

}  // namespace
}  // namespace ref

const CpuKernels& ref_kernels() {
  static const CpuKernels kKernels = [] {
    CpuKernels kernels = ref::kOps;
    for (int format = 0; format < kPanelFormats; ++format)
      kernels.linear[format] = ref::linear_of(static_cast<PanelFormat>(format));
    return kernels;
  }();
  return kKernels;
}

}  // namespace sirocco
