// What tier.cpp and products.cpp begin with. Included inside a tier's own unnamed namespace, so
// that nothing here has linkage.

#if !defined(SIROCCO_TIER)
#error "SIROCCO_TIER is the tier's name"
#endif
#define SIROCCO_JOIN_(a, b) a##b
#define SIROCCO_JOIN(a, b) SIROCCO_JOIN_(a, b)
#define SIROCCO_STRING_(a) #a
#define SIROCCO_STRING(a) SIROCCO_STRING_(a)

#define INLINE [[gnu::always_inline]] inline
#define INLINE_BODY __attribute__((always_inline))

/// A number that is a type, and counts as the number wherever one is wanted.
template <int kValue>
struct Index {
  constexpr operator int() const { return kValue; }
};

template <int... kValues>
struct Indices {};
#if defined(__clang__)
template <class, int... kValues>
using IndicesOf = Indices<kValues...>;
template <int kCount>
using IndicesBelow = __make_integer_seq<IndicesOf, int, kCount>;
#else
template <int kCount>
using IndicesBelow = Indices<__integer_pack(kCount)...>;
#endif

template <int kBegin, class Body, int... kValues>
INLINE void repeat_each(const Body& body, Indices<kValues...> /*values*/) {
  (body(Index<kBegin + kValues>{}), ...);
}

/// body(Index<kBegin>{}), …, body(Index<kEnd - 1>{}), written out.
template <int kBegin, int kEnd, class Body>
INLINE void repeat(const Body& body) {
  repeat_each<kBegin>(body, IndicesBelow<kEnd - kBegin>{});
}

#if defined(__AVX512F__) && !defined(SIROCCO_HALF_REGISTERS)
#include "sirocco/kernels/x86/vec_avx512.hpp"
#else
#include "sirocco/kernels/x86/vec_avx2.hpp"
#endif

INLINE F32x16 load_up_to(const float* from, std::int64_t count) {
  return count == 16 ? load(from) : load_first(from, count);
}
INLINE void store_up_to(float* to, F32x16 x, std::int64_t count) {
  if (count == 16) {
    store(to, x);
  } else {
    store_first(to, x, count);
  }
}

#include "sirocco/kernels/x86/extensions.hpp"
