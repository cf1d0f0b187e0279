#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco {

const CpuKernels& ref_kernels() {
  using namespace ref;
  static constexpr CpuKernels kKernels = {
      .name = "ref",
      .extensions = "",
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
      .gate = {gate<silu>, gate<gelu_tanh>, gate<gelu_erf>, gate<clamped_swish>},
      .activate = {activate<silu>, activate<gelu_tanh>, activate<gelu_erf>},
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
  static_assert(has_every_op(kKernels) && is_full(kKernels.linear));
  return kKernels;
}

}  // namespace sirocco
