#include "sirocco/platform/cpu_features.hpp"

#include <array>
#include <cstddef>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sirocco {
namespace {

using Register = std::uint32_t CpuidRegisters::*;
constexpr Register kEax = &CpuidRegisters::eax;
constexpr Register kEbx = &CpuidRegisters::ebx;
constexpr Register kEcx = &CpuidRegisters::ecx;
constexpr Register kEdx = &CpuidRegisters::edx;

// Bits of XCR0: which registers the operating system saves when it switches threads. A feature
// whose registers it doesn't save is not there.
constexpr std::uint64_t kNoState = 0;
constexpr std::uint64_t kYmmState = 0x6;   // xmm, upper halves of ymm
constexpr std::uint64_t kZmmState = 0xE6;  // and mask registers, zmm0-15, zmm16-31
constexpr std::uint64_t kTileState = 0x60000;

struct FeatureRow {
  CpuFeature feature;
  std::string_view name;
  std::uint32_t leaf;
  std::uint32_t subleaf;
  Register reg;
  unsigned bit;
  std::uint64_t state;
};

constexpr std::array<FeatureRow, static_cast<std::size_t>(CpuFeature::kCount)> kFeatures = {{
    {CpuFeature::kSsse3, "ssse3", 1, 0, kEcx, 9, kNoState},
    {CpuFeature::kSse41, "sse4_1", 1, 0, kEcx, 19, kNoState},
    {CpuFeature::kSse42, "sse4_2", 1, 0, kEcx, 20, kNoState},
    {CpuFeature::kPopcnt, "popcnt", 1, 0, kEcx, 23, kNoState},
    {CpuFeature::kAvx, "avx", 1, 0, kEcx, 28, kYmmState},
    {CpuFeature::kF16c, "f16c", 1, 0, kEcx, 29, kYmmState},
    {CpuFeature::kFma, "fma", 1, 0, kEcx, 12, kYmmState},
    {CpuFeature::kAvx2, "avx2", 7, 0, kEbx, 5, kYmmState},
    {CpuFeature::kBmi1, "bmi1", 7, 0, kEbx, 3, kNoState},
    {CpuFeature::kBmi2, "bmi2", 7, 0, kEbx, 8, kNoState},
    {CpuFeature::kAvxVnni, "avx_vnni", 7, 1, kEax, 4, kYmmState},
    {CpuFeature::kAvx512f, "avx512f", 7, 0, kEbx, 16, kZmmState},
    {CpuFeature::kAvx512cd, "avx512cd", 7, 0, kEbx, 28, kZmmState},
    {CpuFeature::kAvx512bw, "avx512bw", 7, 0, kEbx, 30, kZmmState},
    {CpuFeature::kAvx512dq, "avx512dq", 7, 0, kEbx, 17, kZmmState},
    {CpuFeature::kAvx512vl, "avx512vl", 7, 0, kEbx, 31, kZmmState},
    {CpuFeature::kAvx512vbmi, "avx512vbmi", 7, 0, kEcx, 1, kZmmState},
    {CpuFeature::kAvx512Vnni, "avx512_vnni", 7, 0, kEcx, 11, kZmmState},
    {CpuFeature::kAvx512Bf16, "avx512_bf16", 7, 1, kEax, 5, kZmmState},
    {CpuFeature::kAvx512Fp16, "avx512_fp16", 7, 0, kEdx, 23, kZmmState},
    {CpuFeature::kAmxTile, "amx_tile", 7, 0, kEdx, 24, kTileState},
    {CpuFeature::kAmxInt8, "amx_int8", 7, 0, kEdx, 25, kTileState},
    {CpuFeature::kAmxBf16, "amx_bf16", 7, 0, kEdx, 22, kTileState},
}};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kFeatures.size(); ++i) {
    if (kFeatures[i].feature != static_cast<CpuFeature>(i)) return false;
  }
  return true;
}
static_assert(in_enum_order());

/// The leaf's answer, or zeros where the CPU doesn't have it: past its last leaf, an Intel CPU
/// answers with the last one.
CpuidRegisters leaf_or_zeros(CpuidFunction cpuid, std::uint32_t leaf, std::uint32_t subleaf) {
  if (leaf > cpuid(0, 0).eax) return {};
  if (subleaf != 0 && subleaf > cpuid(leaf, 0).eax) return {};
  return cpuid(leaf, subleaf);
}

#if defined(__x86_64__)
constexpr auto kReadCpuid = [](std::uint32_t leaf, std::uint32_t subleaf) {
  CpuidRegisters r;
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
};

constexpr auto kReadXcr0 = [] {
  // The intrinsic exists only in sources compiled for XSAVE, which this one must not be.
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
};
#endif

}  // namespace

CpuFeatures CpuFeatures::detect() {
#if defined(__x86_64__)
  // Asked once: a hypervisor answers each CPUID itself, in tens of microseconds.
  static const CpuFeatures features = decode(kReadCpuid, kReadXcr0);
  return features;
#else
  return {};
#endif
}

CpuFeatures CpuFeatures::decode(CpuidFunction cpuid, FunctionRef<std::uint64_t()> xcr0) {
  constexpr std::uint32_t kOsXsave = 1u << 27;
  const bool can_read_xcr0 = (leaf_or_zeros(cpuid, 1, 0).ecx & kOsXsave) != 0;
  const std::uint64_t saved = can_read_xcr0 ? xcr0() : 0;
  std::uint64_t bits = 0;
  for (const FeatureRow& row : kFeatures) {
    const std::uint32_t value = leaf_or_zeros(cpuid, row.leaf, row.subleaf).*row.reg;
    const bool there = (value >> row.bit & 1) != 0 && (saved & row.state) == row.state;
    if (there) bits |= bit(row.feature);
  }
  return CpuFeatures(bits);
}

std::string CpuFeatures::names() const {
  std::string out;
  for (const FeatureRow& row : kFeatures) {
    if (!has(row.feature)) continue;
    if (!out.empty()) out += ", ";
    out += row.name;
  }
  return out;
}

}  // namespace sirocco
