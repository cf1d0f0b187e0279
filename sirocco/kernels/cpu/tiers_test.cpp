#include <gtest/gtest.h>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

TEST(Tiers, AreWhatTheirNamesSay) {
  for (const Isa isa : runnable_tiers()) EXPECT_EQ(TestBackend(isa)->name(), isa_name(isa));
  for (const IsaTraits& tier : isa_table()) EXPECT_EQ(TestBackend::oracle(tier.isa)->name(), "ref");
}

// Tables only, so that tiers are held against what they ask of a CPU on machines that can't run
// them either.
#if defined(__x86_64__)
TEST(Tiers, UseWhatTheyAskFor) {
  for (const IsaTraits& tier : isa_table()) {
    const CpuKernels& kernels = kernels_of(tier.isa);
    EXPECT_EQ(kernels.name, tier.name);
    EXPECT_EQ(kernels.extensions, tier.required.names()) << tier.name;
    for (const LinearKernel product : kernels.linear) EXPECT_NE(product, nullptr) << tier.name;
  }
  EXPECT_EQ(avx2_kernels().extensions, isa_traits(Isa::kAvx2).required.names());
  EXPECT_EQ(avx512_kernels().extensions, isa_traits(Isa::kAvx512).required.names());
}

// Every tier after the first two has kernels that no other tier has.
TEST(Tiers, HaveProductsOfTheirOwn) {
  const auto own = [](Isa isa, PanelFormat format) {
    const auto kernel_of = [&](Isa of) {
      return kernels_of(of).linear[static_cast<std::size_t>(format)];
    };
    for (const IsaTraits& other : isa_table())
      if (other.isa != isa && kernel_of(other.isa) == kernel_of(isa)) return false;
    return true;
  };
  for (const PanelTraits& panel : kPanelTraits) {
    for (const Isa isa : {Isa::kRef, Isa::kAvxVnni, Isa::kAvx512Vnni256})
      EXPECT_EQ(own(isa, panel.format), isa == Isa::kRef || !panel.is_float()) << panel.name;
    EXPECT_EQ(own(Isa::kAvx512Bf16, panel.format), panel.format == PanelFormat::kBF16);
  }
}
#endif

}  // namespace
}  // namespace sirocco
