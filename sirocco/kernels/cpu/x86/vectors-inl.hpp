// What tier.cpp and products.cpp begin with. A fragment (see ../README.md).

#if !defined(SIROCCO_TIER)
#error "SIROCCO_TIER is the tier's name"
#endif
#define SIROCCO_JOIN_(a, b) a##b
#define SIROCCO_JOIN(a, b) SIROCCO_JOIN_(a, b)
#define SIROCCO_STRING_(a) #a
#define SIROCCO_STRING(a) SIROCCO_STRING_(a)

#include "sirocco/kernels/cpu/simd/repeat-inl.hpp"
// Written with it:
#include "sirocco/kernels/cpu/x86/vec_128-inl.hpp"
// By the width of registers:
#if defined(__AVX512F__) && !defined(SIROCCO_HALF_REGISTERS)
#include "sirocco/kernels/cpu/x86/vec_avx512-inl.hpp"
#else
#include "sirocco/kernels/cpu/x86/vec_avx2-inl.hpp"
#endif
// Over either:
#include "sirocco/kernels/cpu/simd/tails-inl.hpp"
#include "sirocco/kernels/cpu/x86/extensions-inl.hpp"
