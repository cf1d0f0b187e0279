// Norms and convolutions of pictures. A fragment (see ../README.md).

/// body(k, count) for the vectors of a row, the last of which may be short.
template <class Body>
INLINE void for_vectors(std::int64_t columns, Body body) {
  std::int64_t k = 0;
  for (; k + 16 <= columns; k += 16) body(k, std::int64_t{16});
  if (k < columns) body(k, columns - k);
}

void moments(const MomentsTask& task, std::int64_t segment_begin,
             std::int64_t segment_end) noexcept {
  for (std::int64_t segment = segment_begin; segment < segment_end; ++segment) {
    const std::int64_t first = segment * numerics::kSegmentPixels;
    const std::int64_t left = task.rows - first;
    const std::int64_t rows = left < numerics::kSegmentPixels ? left : numerics::kSegmentPixels;
    const float* from = task.x + first * task.columns;
    float* to = task.out + segment * 2 * task.columns;
    for_vectors(task.columns, [&](std::int64_t k, std::int64_t count) INLINE_BODY {
      F32x16 sum = zero();
      for (std::int64_t row = 0; row < rows; ++row)
        sum = sum + load_up_to(from + row * task.columns + k, count);
      const F32x16 mean = sum / broadcast(static_cast<float>(rows));
      F32x16 squares = zero();
      for (std::int64_t row = 0; row < rows; ++row) {
        const F32x16 d = load_up_to(from + row * task.columns + k, count) - mean;
        squares = fma(d, d, squares);
      }
      store_up_to(to + k, mean, count);
      store_up_to(to + task.columns + k, squares, count);
    });
  }
}

void scale_channels(const ScaleTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* x = task.x + row * task.columns;
    float* out = task.out + row * task.columns;
    for_vectors(task.columns, [&](std::int64_t k, std::int64_t count) INLINE_BODY {
      const F32x16 y = fma(load_up_to(x + k, count), load_up_to(task.factors + k, count),
                           load_up_to(task.factors + task.columns + k, count));
      store_up_to(out + k, task.activated ? Silu::of(y) : y, count);
    });
  }
}

void draw(const DrawTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* mean = task.moments + row * 2 * task.columns;
    for_vectors(task.columns, [&](std::int64_t k, std::int64_t count) INLINE_BODY {
      const F32x16 logarithm =
          min(broadcast(20.0f), max(broadcast(-30.0f), load_up_to(mean + task.columns + k, count)));
      const F32x16 noise = load_up_to(task.noise + row * task.columns + k, count);
      store_up_to(task.out + row * task.columns + k,
                  fma(exp(broadcast(0.5f) * logarithm), noise, load_up_to(mean + k, count)), count);
    });
  }
}

// The transforms of numerics.hpp's `convolve`, of one line.

INLINE void filter_line(const F32x16* g, F32x16* u) {
  using namespace numerics;
  const F32x16 g1 = g[1];
  u[0] = g[0] * broadcast(kOverZero);
  const F32x16 s = fma(broadcast(kA2), g[2], g[0]);
  u[1] = fma(broadcast(kA), g1, s) * broadcast(kOverA);
  u[2] = fma(broadcast(-kA), g1, s) * broadcast(kOverA);
  const F32x16 t = fma(broadcast(kB2), g[2], g[0]);
  u[3] = fma(broadcast(kB), g1, t) * broadcast(kOverB);
  u[4] = fma(broadcast(-kB), g1, t) * broadcast(kOverB);
  u[5] = g[2];
}

INLINE void input_line(const F32x16* d, F32x16* v) {
  using namespace numerics;
  const F32x16 d1 = d[1];
  const F32x16 d2 = d[2];
  const F32x16 d3 = d[3];
  const F32x16 d4 = d[4];
  v[0] = fma(broadcast(kProduct2), d[0], fma(broadcast(-kSum2), d2, d4));
  v[5] = fma(broadcast(kProduct2), d1, fma(broadcast(-kSum2), d3, d[5]));
  const F32x16 even = fma(broadcast(-kB2), d2, d4);
  const F32x16 odd = fma(broadcast(-kB2), d1, d3);
  v[1] = fma(broadcast(kA), odd, even);
  v[2] = fma(broadcast(-kA), odd, even);
  const F32x16 even_b = fma(broadcast(-kA2), d2, d4);
  const F32x16 odd_b = fma(broadcast(-kA2), d1, d3);
  v[3] = fma(broadcast(kB), odd_b, even_b);
  v[4] = fma(broadcast(-kB), odd_b, even_b);
}

INLINE void output_line(const F32x16* m, F32x16* y) {
  using namespace numerics;
  const F32x16 s = m[1] + m[2];
  const F32x16 d = m[1] - m[2];
  const F32x16 t = m[3] + m[4];
  const F32x16 e = m[3] - m[4];
  y[0] = (m[0] + s) + t;
  y[1] = fma(broadcast(kB), e, broadcast(kA) * d);
  y[2] = fma(broadcast(kB2), t, broadcast(kA2) * s);
  y[3] = fma(broadcast(kB3), e, fma(broadcast(kA3), d, m[5]));
}

void transform_filter(const FilterTask& task, std::int64_t begin, std::int64_t end) noexcept {
  using numerics::kFilterSide;
  using numerics::kTileInputs;
  for (std::int64_t c = begin; c < end; ++c) {
    // Column by column of the filter, which are rows then.
    F32x16 turned[kTileInputs * kFilterSide];
    repeat<0, kFilterSide>([&](auto column) INLINE_BODY {
      F32x16 g[kFilterSide];
      F32x16 u[kTileInputs];
      repeat<0, kFilterSide>([&](auto row) INLINE_BODY {
        g[row] = load(task.panel + ((row * kFilterSide + column) * task.channels + c) * 16);
      });
      filter_line(g, u);
      repeat<0, kTileInputs>([&](auto row)
                                 INLINE_BODY { turned[row * kFilterSide + column] = u[row]; });
    });
    float* out = task.out + c * 16;
    repeat<0, kTileInputs>([&](auto row) INLINE_BODY {
      F32x16 u[kTileInputs];
      filter_line(turned + row * kFilterSide, u);
      repeat<0, kTileInputs>([&](auto column) INLINE_BODY {
        store(out + (row * kTileInputs + column) * task.stride, u[column]);
      });
    });
  }
}

void transform_input(const InputTilesTask& task, std::int64_t begin, std::int64_t end) noexcept {
  using numerics::kPlaces;
  using numerics::kTileInputs;
  using numerics::kTileSide;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t* rows = task.row_offsets + tile / task.columns * kTileSide;
    const std::int64_t* columns = task.column_offsets + tile % task.columns * kTileSide;
    float* out = task.out + tile * task.channels;
    for_vectors(task.channels, [&](std::int64_t k, std::int64_t count) INLINE_BODY {
      F32x16 between[kPlaces];
      for (int column = 0; column < kTileInputs; ++column) {
        const float* x = task.x + columns[column] + k;
        F32x16 d[kTileInputs];
        F32x16 v[kTileInputs];
        repeat<0, kTileInputs>([&](auto row)
                                   INLINE_BODY { d[row] = load_up_to(x + rows[row], count); });
        input_line(d, v);
        repeat<0, kTileInputs>([&](auto row)
                                   INLINE_BODY { between[row * kTileInputs + column] = v[row]; });
      }
      float* place = out + k;
      for (int row = 0; row < kTileInputs; ++row) {
        F32x16 v[kTileInputs];
        input_line(between + row * kTileInputs, v);
        repeat<0, kTileInputs>([&](auto column) INLINE_BODY {
          store_up_to(place, v[column], count);
          place += task.stride;
        });
      }
    });
  }
}

void transform_output(const OutputTilesTask& task, std::int64_t begin, std::int64_t end) noexcept {
  using numerics::kTileInputs;
  using numerics::kTileSide;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t top = tile / task.columns * kTileSide;
    const std::int64_t left = tile % task.columns * kTileSide;
    const std::int64_t height = task.height - top < kTileSide ? task.height - top : kTileSide;
    const std::int64_t width = task.width - left < kTileSide ? task.width - left : kTileSide;
    const std::int64_t corner = (top * task.width + left) * task.channels;
    const float* from = task.x + tile * task.channels;
    for_vectors(task.channels, [&](std::int64_t k, std::int64_t count) INLINE_BODY {
      F32x16 between[kTileSide * kTileInputs];
      for (int column = 0; column < kTileInputs; ++column) {
        F32x16 m[kTileInputs];
        F32x16 y[kTileSide];
        repeat<0, kTileInputs>([&](auto row) INLINE_BODY {
          m[row] = load_up_to(from + (row * kTileInputs + column) * task.stride + k, count);
        });
        output_line(m, y);
        repeat<0, kTileSide>([&](auto row)
                                 INLINE_BODY { between[row * kTileInputs + column] = y[row]; });
      }
      const F32x16 bias = task.bias == nullptr ? zero() : load_up_to(task.bias + k, count);
      for (std::int64_t row = 0; row < height; ++row) {
        F32x16 y[kTileSide];
        output_line(between + row * kTileInputs, y);
        for (std::int64_t column = 0; column < width; ++column) {
          const std::int64_t at = corner + (row * task.width + column) * task.channels + k;
          F32x16 value = task.bias == nullptr ? y[column] : y[column] + bias;
          if (task.added != nullptr) value = value + load_up_to(task.added + at, count);
          store_up_to(task.out + at, value, count);
        }
      }
    });
  }
}
