#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "sirocco/base/function_ref.hpp"

namespace sirocco {

/// What a CPU may be able to do beyond its base architecture. One row each in the table of
/// cpu_features.cpp, in this order.
enum class CpuFeature : std::uint8_t {
  kSsse3,
  kSse41,
  kSse42,
  kPopcnt,
  kAvx,
  kF16c,
  kFma,
  kAvx2,
  kBmi1,
  kBmi2,
  kAvxVnni,
  kAvx512f,
  kAvx512cd,
  kAvx512bw,
  kAvx512dq,
  kAvx512vl,
  kAvx512vbmi,
  kAvx512Vnni,
  kAvx512Bf16,
  kAvx512Fp16,
  kAmxTile,
  kAmxInt8,
  kAmxBf16,
  kCount,
};

/// What CPUID answers for one leaf and subleaf.
struct CpuidRegisters {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};
using CpuidFunction = FunctionRef<CpuidRegisters(std::uint32_t leaf, std::uint32_t subleaf)>;

/// A set of features. A value: tests and `--isa` make their own.
class CpuFeatures {
 public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(std::initializer_list<CpuFeature> features) {
    for (const CpuFeature feature : features) bits_ |= bit(feature);
  }

  /// What this CPU has and the operating system keeps state for. Empty on other architectures than
  /// x86-64.
  static CpuFeatures detect();

  /// As `detect`, from the answers of `cpuid` and the value of XCR0, which is asked for only where
  /// `cpuid` says that it can be read. Source: Intel SDM vol. 2A, CPUID; vol. 1, 13.3 and 14.3.
  static CpuFeatures decode(CpuidFunction cpuid, FunctionRef<std::uint64_t()> xcr0);

  constexpr bool has(CpuFeature feature) const { return (bits_ & bit(feature)) != 0; }
  constexpr bool contains(CpuFeatures others) const { return (others.bits_ & ~bits_) == 0; }
  /// Those that `others` lacks.
  constexpr CpuFeatures without(CpuFeatures others) const {
    return CpuFeatures(bits_ & ~others.bits_);
  }
  constexpr CpuFeatures with(CpuFeatures others) const { return CpuFeatures(bits_ | others.bits_); }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(CpuFeatures, CpuFeatures) = default;

  /// The names in the table's order, separated by ", ", as Linux writes them in /proc/cpuinfo:
  /// "avx512_vnni".
  std::string names() const;

 private:
  constexpr explicit CpuFeatures(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t bit(CpuFeature feature) {
    return std::uint64_t{1} << static_cast<unsigned>(feature);
  }
  static_assert(static_cast<unsigned>(CpuFeature::kCount) <= 64);

  std::uint64_t bits_ = 0;
};

}  // namespace sirocco
