#include "sirocco/platform/isa.hpp"

#include <array>
#include <cstddef>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// What each tier's -m flags let the compiler use, in sirocco/kernels/cpu/x86/CMakeLists.txt.
constexpr CpuFeatures kAvx2Features = {CpuFeature::kSsse3,  CpuFeature::kSse41, CpuFeature::kSse42,
                                       CpuFeature::kPopcnt, CpuFeature::kAvx,   CpuFeature::kAvx2,
                                       CpuFeature::kFma,    CpuFeature::kF16c};
constexpr CpuFeatures kAvx512Features = kAvx2Features.with(
    {CpuFeature::kAvx512f, CpuFeature::kAvx512bw, CpuFeature::kAvx512dq, CpuFeature::kAvx512vl});

constexpr std::array kTable = {
    IsaTraits{Isa::kRef, "ref", {}},
    IsaTraits{Isa::kAvx2, "avx2", kAvx2Features},
    IsaTraits{Isa::kAvx512, "avx512", kAvx512Features},
    IsaTraits{Isa::kAvxVnni, "avxvnni", kAvx2Features.with({CpuFeature::kAvxVnni})},
    IsaTraits{
        Isa::kAvx512Vnni256, "avx512vnni256",
        kAvx2Features.with({CpuFeature::kAvx512f, CpuFeature::kAvx512vl, CpuFeature::kAvx512Vnni})},
    IsaTraits{Isa::kAvx512Vnni, "avx512vnni", kAvx512Features.with({CpuFeature::kAvx512Vnni})},
    IsaTraits{Isa::kAvx512Bf16, "avx512bf16",
              kAvx512Features.with({CpuFeature::kAvx512Vnni, CpuFeature::kAvx512Bf16})},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].isa != static_cast<Isa>(i)) return false;
  }
  return true;
}
static_assert(in_enum_order());
static_assert(kTable[0].required.empty(), "the first tier is what every CPU can run");

std::string names_where(CpuFeatures features, bool all) {
  std::string out;
  for (const IsaTraits& row : kTable) {
    if (!all && !features.contains(row.required)) continue;
    if (!out.empty()) out += ", ";
    out += row.name;
  }
  return out;
}

}  // namespace

std::span<const IsaTraits> isa_table() { return kTable; }

const IsaTraits& isa_traits(Isa isa) { return kTable[static_cast<std::size_t>(isa)]; }

Isa best_isa(CpuFeatures features) {
  Isa best = kTable[0].isa;
  for (const IsaTraits& row : kTable) {
    if (features.contains(row.required)) best = row.isa;
  }
  return best;
}

Isa parse_isa(std::string_view name) {
  for (const IsaTraits& row : kTable) {
    if (row.name == name) return row.isa;
  }
  throw InvalidArgument("there is no instruction set {}; choose one of {}", quoted(name),
                        isa_names());
}

std::string isa_names() { return names_where({}, true); }

std::string runnable_isa_names(CpuFeatures features) { return names_where(features, false); }

void require_isa(Isa isa, CpuFeatures features) {
  const IsaTraits& row = isa_traits(isa);
  const CpuFeatures missing = row.required.without(features);
  if (missing.empty()) return;
  throw UnsupportedError(
      "the instruction set {} needs {}, which this CPU doesn't offer; it can run {}", row.name,
      missing.names(), runnable_isa_names(features));
}

}  // namespace sirocco
