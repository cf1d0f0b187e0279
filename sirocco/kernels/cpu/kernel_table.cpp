#include "sirocco/kernels/cpu/kernel_table.hpp"

#include <cstddef>
#include <initializer_list>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/platform/isa.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {
namespace {

static_assert(kGateActivations == static_cast<int>(GateActivation::kRelu) + 1);
static_assert(kPlainActivations == static_cast<int>(PlainActivation::kRelu) + 1);

#if defined(SIROCCO_X86_TIERS)
/// The ops of a table with products, each of a later one instead of an earlier one's.
CpuKernels assemble(const char* name, const CpuKernels& ops,
                    std::initializer_list<const ProductKernels*> products) {
  CpuKernels kernels = ops;
  kernels.name = name;
  for (const ProductKernels* each : products) {
    kernels.extensions = each->extensions;
    for (int format = 0; format < kPanelFormats; ++format)
      if (each->linear[format] != nullptr) kernels.linear[format] = each->linear[format];
  }
  return kernels;
}
#endif

}  // namespace

const CpuKernels& kernels_of(Isa isa) {
  switch (isa) {
    case Isa::kRef:
      break;
#if defined(SIROCCO_X86_TIERS)
    case Isa::kAvx2: {
      static const CpuKernels kKernels = assemble("avx2", avx2_kernels(), {&avx2_products()});
      return kKernels;
    }
    case Isa::kAvxVnni: {
      static const CpuKernels kKernels =
          assemble("avxvnni", avx2_kernels(), {&avx2_products(), &avxvnni_products()});
      return kKernels;
    }
    case Isa::kAvx512: {
      static const CpuKernels kKernels = assemble("avx512", avx512_kernels(), {&avx512_products()});
      return kKernels;
    }
    case Isa::kAvx512Vnni256: {
      static const CpuKernels kKernels =
          assemble("avx512vnni256", avx2_kernels(), {&avx2_products(), &avx512vnni256_products()});
      return kKernels;
    }
    case Isa::kAvx512Vnni: {
      static const CpuKernels kKernels =
          assemble("avx512vnni", avx512_kernels(), {&avx512_products(), &avx512vnni_products()});
      return kKernels;
    }
    case Isa::kAvx512Bf16: {
      static const CpuKernels kKernels =
          assemble("avx512bf16", avx512_kernels(),
                   {&avx512_products(), &avx512vnni_products(), &avx512bf16_products()});
      return kKernels;
    }
#else
    default:
      break;
#endif
  }
  return ref_kernels();
}

const CpuKernels& oracle_of(Isa isa) {
  if (isa != Isa::kAvx512Bf16) return ref_kernels();
  static const CpuKernels kKernels = [] {
    CpuKernels kernels = ref_kernels();
    kernels.linear[static_cast<std::size_t>(PanelFormat::kBF16)] = ref::linear_bf16_pairs;
    return kernels;
  }();
  return kKernels;
}

}  // namespace sirocco
