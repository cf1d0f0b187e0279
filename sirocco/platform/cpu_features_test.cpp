#include "sirocco/platform/cpu_features.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

namespace sirocco {
namespace {

constexpr std::uint64_t kAllState = ~std::uint64_t{0};
constexpr std::uint32_t kAllBits = 0xFFFFFFFF;

/// A CPU that gives fixed answers, as Intel's does past its last leaf: the last one again.
struct FakeCpu {
  std::map<std::pair<std::uint32_t, std::uint32_t>, CpuidRegisters> leaves;

  CpuidRegisters operator()(std::uint32_t leaf, std::uint32_t subleaf) const {
    const auto found = leaves.find({leaf, subleaf});
    return found != leaves.end() ? found->second
                                 : CpuidRegisters{kAllBits, kAllBits, kAllBits, kAllBits};
  }
  CpuFeatures features(std::uint64_t xcr0 = kAllState) const {
    return CpuFeatures::decode(*this, [&] { return xcr0; });
  }
};

FakeCpu with_last_leaf(std::uint32_t last) {
  FakeCpu cpu;
  cpu.leaves[{0, 0}] = {last, 0, 0, 0};
  cpu.leaves[{1, 0}] = {};
  cpu.leaves[{7, 0}] = {};
  return cpu;
}

TEST(CpuFeatures, ReadsEachBitFromItsPlace) {
  FakeCpu cpu = with_last_leaf(7);
  cpu.leaves[{1, 0}].ecx = 1u << 27 | 1u << 12 | 1u << 28 | 1u << 29;
  cpu.leaves[{7, 0}].ebx = 1u << 5 | 1u << 16;
  cpu.leaves[{7, 0}].ecx = 1u << 11;
  EXPECT_EQ(cpu.features(),
            (CpuFeatures{CpuFeature::kFma, CpuFeature::kAvx, CpuFeature::kF16c, CpuFeature::kAvx2,
                         CpuFeature::kAvx512f, CpuFeature::kAvx512Vnni}));
  EXPECT_EQ(cpu.features().names(), "avx, f16c, fma, avx2, avx512f, avx512_vnni");
  cpu.leaves[{7, 0}].eax = 1;
  cpu.leaves[{7, 1}] = {1u << 5, 0, 0, 0};
  EXPECT_TRUE(cpu.features().has(CpuFeature::kAvx512Bf16));
  EXPECT_FALSE(cpu.features().has(CpuFeature::kAvxVnni));
  cpu.leaves[{7, 1}] = {1u << 4, 0, 0, 0};
  EXPECT_TRUE(cpu.features().has(CpuFeature::kAvxVnni));
  EXPECT_FALSE(cpu.features().has(CpuFeature::kAvx512Bf16));
  // In the other registers, and in the first part of the leaf, those bits mean something else.
  cpu.leaves[{7, 1}] = {0, kAllBits, kAllBits, kAllBits};
  EXPECT_FALSE(cpu.features().has(CpuFeature::kAvxVnni));
  EXPECT_FALSE(cpu.features().has(CpuFeature::kAvx512Bf16));
}

TEST(CpuFeatures, TrustsNoLeafPastTheLast) {
  FakeCpu cpu = with_last_leaf(1);
  cpu.leaves[{7, 0}] = {kAllBits, kAllBits, kAllBits, kAllBits};
  cpu.leaves[{1, 0}].ecx = 1u << 27;
  EXPECT_TRUE(cpu.features().empty());
  cpu.leaves[{0, 0}].eax = 0;
  cpu.leaves[{1, 0}].ecx = kAllBits;
  EXPECT_TRUE(cpu.features().empty());
  // The second part of leaf 7 exists only where the first says so.
  FakeCpu seven = with_last_leaf(7);
  seven.leaves[{1, 0}].ecx = 1u << 27;
  EXPECT_TRUE(seven.features().empty());
  seven.leaves[{7, 1}] = {kAllBits, kAllBits, kAllBits, kAllBits};
  EXPECT_TRUE(seven.features().empty());
  seven.leaves[{7, 0}].eax = 1;
  EXPECT_EQ(seven.features(), (CpuFeatures{CpuFeature::kAvxVnni, CpuFeature::kAvx512Bf16}));
}

TEST(CpuFeatures, NeedsTheSystemToSaveTheRegisters) {
  FakeCpu cpu = with_last_leaf(7);
  const CpuidRegisters all{kAllBits, kAllBits, kAllBits, kAllBits};
  cpu.leaves[{1, 0}] = cpu.leaves[{7, 0}] = all;
  cpu.leaves[{7, 1}] = all;
  const auto has = [&](std::uint64_t xcr0, CpuFeature feature) {
    return cpu.features(xcr0).has(feature);
  };
  for (const auto& [xcr0, sse, avx, avx512, amx] : {std::tuple{0x0u, true, false, false, false},
                                                    {0x2u, true, false, false, false},
                                                    {0x7u, true, true, false, false},
                                                    {0x67u, true, true, false, false},
                                                    {0x27u, true, true, false, false},
                                                    {0xC7u, true, true, false, false},
                                                    {0xE5u, true, false, false, false},
                                                    {0xE7u, true, true, true, false},
                                                    {0x600E7u, true, true, true, true}}) {
    EXPECT_EQ(has(xcr0, CpuFeature::kSsse3), sse) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kAvx2), avx) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kFma), avx) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kAvxVnni), avx) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kAvx512Vnni), avx512) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kAvx512Bf16), avx512) << xcr0;
    EXPECT_EQ(has(xcr0, CpuFeature::kAmxInt8), amx) << xcr0;
  }
  // Without OSXSAVE, reading XCR0 would itself be an illegal instruction.
  cpu.leaves[{1, 0}].ecx &= ~(1u << 27);
  bool asked = false;
  const CpuFeatures features = CpuFeatures::decode(cpu, [&] {
    asked = true;
    return kAllState;
  });
  EXPECT_FALSE(asked);
  EXPECT_FALSE(features.has(CpuFeature::kAvx));
  EXPECT_TRUE(features.has(CpuFeature::kSse42));
}

TEST(CpuFeatures, AgreesWithWhatTheKernelSaysOfThisCpu) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(cpuinfo, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) flags.insert(word);
  }
  const CpuFeatures features = CpuFeatures::detect();
  for (int i = 0; i < static_cast<int>(CpuFeature::kCount) && !flags.empty(); ++i) {
    const auto feature = static_cast<CpuFeature>(i);
    // An older kernel doesn't know of newer features, so only what it names must be there.
    const std::string name = CpuFeatures{feature}.names();
    if (flags.count(name) != 0) {
      EXPECT_TRUE(features.has(feature)) << name;
    }
  }
#if !defined(__x86_64__)
  EXPECT_TRUE(features.empty());
#endif
}

TEST(CpuFeatures, AreSets) {
  constexpr CpuFeatures kBoth{CpuFeature::kAvx2, CpuFeature::kFma};
  static_assert(kBoth.contains({CpuFeature::kFma}) && !CpuFeatures{}.contains(kBoth));
  static_assert(kBoth.contains({}) && CpuFeatures{}.contains({}));
  EXPECT_EQ(kBoth.without({CpuFeature::kFma, CpuFeature::kAvx}), CpuFeatures{CpuFeature::kAvx2});
  EXPECT_EQ(kBoth.with({CpuFeature::kAvx}).without(kBoth), CpuFeatures{CpuFeature::kAvx});
}

}  // namespace
}  // namespace sirocco
