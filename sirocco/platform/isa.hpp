#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/platform/cpu_features.hpp"

namespace sirocco {

/// A tier of kernels: an instruction set that they are compiled for. One row each in the table of
/// isa.cpp.
enum class Isa : std::uint8_t {
  kRef,      ///< scalar code for any CPU, the oracle of the others
  kAvx2,     ///< AVX2 with FMA and half-precision conversion
  kAvx512,   ///< AVX-512 F, BW, DQ, VL
  kAvxVnni,  ///< AVX2 with 4-way int8 dot products
  /// The source of kAvxVnni, its instructions encoded as AVX-512's for 256-bit registers: CPUs that
  /// have only these can run it too.
  kAvx512Vnni256,
  kAvx512Vnni,  ///< AVX-512 with 4-way int8 dot products
  kAvx512Bf16,  ///< and with products of bf16 in pairs
};

struct IsaTraits {
  Isa isa;
  std::string_view name;  ///< as `--isa` takes it
  CpuFeatures required;
};

/// All tiers, a better one after those that it beats.
std::span<const IsaTraits> isa_table();
const IsaTraits& isa_traits(Isa isa);
inline std::string_view isa_name(Isa isa) { return isa_traits(isa).name; }

/// The last tier of the table that `features` can run.
Isa best_isa(CpuFeatures features);

/// The tier of that name. Throws InvalidArgument with the names that there are.
Isa parse_isa(std::string_view name);

/// The names of all tiers, separated by ", ".
std::string isa_names();

/// The names of all tiers that `features` can run, separated by ", ".
std::string runnable_isa_names(CpuFeatures features);

/// Throws UnsupportedError that names what `features` lacks for `isa`, and what it can run.
void require_isa(Isa isa, CpuFeatures features);

}  // namespace sirocco
