// What fragments (see ../README.md) are written with: functions that are always part of their
// caller, and loops that are written out, for which no header of the standard library is included.

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
