// The ends of rows that are no whole vectors. A fragment (see ../README.md).

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
