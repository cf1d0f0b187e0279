// Norms, activations and rotary embedding, row by row. A fragment (see ../README.md).

struct Pair {
  F32x16 first, second;  // k < 16 and k >= 16 of a block
};

INLINE F32x16 floats_of(const std::int8_t* quants) {
  return to_float(load_i8(reinterpret_cast<const std::byte*>(quants)));
}

INLINE void quantize_block(Pair x, Q8Block* block) {
  const F32x16 size = max(abs(x.second), max(abs(x.first), zero()));
  const float amax = max_lane(size);
  const bool any = amax >= numerics::kMinQ8Magnitude;
  // No quant can be NaN, so that the scale is.
  const float scale = any_nan(x.first, x.second) ? numerics::kNaN : any ? amax / 127.0f : 0.0f;
  const F32x16 inverse = broadcast(any ? 127.0f / amax : 0.0f);
  const F32x16 low = broadcast(-127.0f);
  const F32x16 high = broadcast(127.0f);
  const I8x16 first = to_bytes(to_nearest(min(max(x.first * inverse, low), high)));
  const I8x16 second = to_bytes(to_nearest(min(max(x.second * inverse, low), high)));
  store(block->quants, first);
  store(block->quants + 16, second);
  const std::int32_t first_sum = sum_of(first);
  const std::int32_t second_sum = sum_of(second);
  block->scale = scale;
  block->scaled_sum = scale * static_cast<float>(first_sum + second_sum);
  block->minus_8_sum = -8 * (first_sum + second_sum);
  block->half_sums[0] = static_cast<std::int16_t>(first_sum);
  block->half_sums[1] = static_cast<std::int16_t>(second_sum);
}

/// Numbers `fine` with the blocks of a row that have the largest scales, in order.
INLINE void choose_fine(const Q8Block* blocks, std::int64_t count, FineBlock* fine,
                        std::int64_t wanted) {
  for (std::int64_t i = 0; i < wanted; ++i) {
    std::int64_t best = -1;
    for (std::int64_t b = 0; b < count; ++b) {
      bool taken = false;
      for (std::int64_t j = 0; j < i; ++j) taken = taken || fine[j].block == b;
      if (!taken && (best < 0 || blocks[b].scale > blocks[best].scale)) best = b;
    }
    // Chosen by scale, kept by number.
    std::int64_t at = i;
    for (; at > 0 && fine[at - 1].block > best; --at) fine[at].block = fine[at - 1].block;
    fine[at].block = static_cast<std::int32_t>(best);
  }
}

/// The fine blocks of a whole row whose blocks have been written.
template <class Value>
INLINE void write_fine(const RowSink& out, const Q8Block* blocks, std::int64_t row,
                       std::int64_t columns, Value value) {
  auto* fine =
      reinterpret_cast<FineBlock*>(out.fine + static_cast<std::size_t>(row) * out.fine_stride);
  // What was computed in place isn't there any more.
  const float* f32 = out.f32 == nullptr ? nullptr : out.f32 + row * out.f32_stride;
  const auto of = [&](std::int64_t k, std::int64_t part) INLINE_BODY {
    return f32 == nullptr ? value(k, part) : load_up_to(f32 + k, part);
  };
  choose_fine(blocks, (columns + kPanelBlock - 1) / kPanelBlock, fine, out.fine_blocks);
  for (std::int64_t i = 0; i < out.fine_blocks; ++i) {
    const std::int64_t b = fine[i].block;
    const std::int64_t k = b * kPanelBlock;
    const std::int64_t first = columns - k < 16 ? columns - k : 16;
    const std::int64_t second = columns - k - first < 16 ? columns - k - first : 16;
    const F32x16 scale = broadcast(-blocks[b].scale);
    Pair rest = {fma(scale, floats_of(blocks[b].quants), of(k, first)), zero()};
    if (second != 0) rest.second = fma(scale, floats_of(blocks[b].quants + 16), of(k + 16, second));
    rest.first = select(lanes(0, first), rest.first, zero());
    rest.second = select(lanes(0, second), rest.second, zero());
    quantize_block(rest, &fine[i].rest);
  }
}

/// Columns [begin, end) of a result row; value(k, count) gives the 16 columns from k on, of which
/// the first `count` are wanted.
template <class Value>
INLINE void write_row(const RowSink& out, std::int64_t row, std::int64_t begin, std::int64_t end,
                      Value value) {
  float* f32 = out.f32 == nullptr ? nullptr : out.f32 + row * out.f32_stride;
  Q8Block* blocks = nullptr;
  if (out.q8 != nullptr)
    blocks = reinterpret_cast<Q8Block*>(out.q8 + static_cast<std::size_t>(row) * out.q8_stride);
  std::int64_t k = begin;
  for (; k + kPanelBlock <= end; k += kPanelBlock) {
    const Pair x = {value(k, 16), value(k + 16, 16)};
    if (f32 != nullptr) {
      store(f32 + k, x.first);
      store(f32 + k + 16, x.second);
    }
    if (blocks != nullptr) quantize_block(x, blocks + k / kPanelBlock);
  }
  if (k == end) {
    if (out.fine != nullptr) write_fine(out, blocks, row, end, value);
    return;
  }
  const std::int64_t first_count = end - k < 16 ? end - k : 16;
  const std::int64_t second_count = end - k - first_count;
  Pair x = {value(k, first_count), second_count == 0 ? zero() : value(k + 16, second_count)};
  if (f32 != nullptr) {
    store_up_to(f32 + k, x.first, first_count);
    if (second_count != 0) store_first(f32 + k + 16, x.second, second_count);
  }
  if (blocks != nullptr) {
    x.first = select(lanes(0, first_count), x.first, zero());
    x.second = select(lanes(0, second_count), x.second, zero());
    quantize_block(x, blocks + k / kPanelBlock);
  }
  if (out.fine != nullptr) write_fine(out, blocks, row, end, value);
}

void rms_norm(const RmsNormTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* x = task.x + row * task.columns;
    F32x16 squares = zero();
    std::int64_t k = 0;
    for (; k + 16 <= task.columns; k += 16) {
      const F32x16 values = load(x + k);
      squares = fma(values, values, squares);
    }
    if (k < task.columns) {
      const F32x16 values = load_first(x + k, task.columns - k);
      squares = fma(values, values, squares);
    }
    const float mean = tree(squares) / static_cast<float>(task.columns);
    const float root = square_root(mean + task.epsilon);
    const F32x16 r = broadcast(1.0f / root);
    write_row(task.out, row, 0, task.columns, [&](std::int64_t at, std::int64_t count) {
      return (load_up_to(x + at, count) * r) * load_up_to(task.weight + at, count);
    });
  }
}

void layer_norm(const LayerNormTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  const auto columns = static_cast<float>(task.columns);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* x = task.x + row * task.columns;
    const std::int64_t whole = task.columns / 16 * 16;
    const std::int64_t rest = task.columns - whole;
    F32x16 sums = zero();
    for (std::int64_t k = 0; k < whole; k += 16) sums = sums + load(x + k);
    if (rest != 0) sums = sums + load_first(x + whole, rest);
    const F32x16 mean = broadcast(tree(sums) / columns);
    F32x16 squares = zero();
    for (std::int64_t k = 0; k < whole; k += 16) {
      const F32x16 d = load(x + k) - mean;
      squares = fma(d, d, squares);
    }
    if (rest != 0) {
      const F32x16 d = select(lanes(0, rest), load_first(x + whole, rest) - mean, zero());
      squares = fma(d, d, squares);
    }
    const float variance = tree(squares) / columns;
    const float root = square_root(variance + task.epsilon);
    const F32x16 r = broadcast(1.0f / root);
    write_row(task.out, row, 0, task.columns, [&](std::int64_t at, std::int64_t count) {
      return fma((load_up_to(x + at, count) - mean) * r, load_up_to(task.weight + at, count),
                 load_up_to(task.bias + at, count));
    });
  }
}

void quantize(const QuantizeTask& task, std::int64_t row, std::int64_t begin,
              std::int64_t end) noexcept {
  const float* x = task.x + row * task.columns;
  write_row(task.out, row, begin, end,
            [&](std::int64_t at, std::int64_t count) { return load_up_to(x + at, count); });
}

template <class Activation>
void gate(const GateTask& task, std::int64_t row, std::int64_t begin, std::int64_t end) noexcept {
  const float* g = task.gate + row * task.columns;
  const float* up = task.up + row * task.columns;
  write_row(task.out, row, begin, end, [&](std::int64_t at, std::int64_t count) {
    return Activation::gate(load_up_to(g + at, count), load_up_to(up + at, count));
  });
}

template <class Activation>
void activate(const ActivateTask& task, std::int64_t row, std::int64_t begin,
              std::int64_t end) noexcept {
  const float* x = task.x + row * task.columns;
  write_row(task.out, row, begin, end, [&](std::int64_t at, std::int64_t count) {
    return Activation::of(load_up_to(x + at, count));
  });
}

void add(float* x, const float* y, float scale, std::int64_t count) noexcept {
  const F32x16 factor = broadcast(scale);
  for (std::int64_t i = 0; i < count; i += 16) {
    const std::int64_t here = count - i < 16 ? count - i : 16;
    store_up_to(x + i, load_up_to(x + i, here) + load_up_to(y + i, here) * factor, here);
  }
}

void add_gated(float* x, const float* y, const float* gate, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; i += 16) {
    const std::int64_t here = count - i < 16 ? count - i : 16;
    store_up_to(x + i,
                load_up_to(x + i, here) + load_up_to(y + i, here) * load_up_to(gate + i, here),
                here);
  }
}

void soft_cap(float* x, float cap, std::int64_t count) noexcept {
  const F32x16 size = broadcast(cap);
  for (std::int64_t i = 0; i < count; i += 16) {
    const std::int64_t here = count - i < 16 ? count - i : 16;
    store_up_to(x + i, size * tanh(load_up_to(x + i, here) / size), here);
  }
}

void rotary_table(const RotaryTableTask& task, std::int64_t row_begin,
                  std::int64_t row_end) noexcept {
  const F32x16 magnitude = broadcast(task.magnitude);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    float* table = task.table + row * 2 * task.pairs;
    const std::int32_t* numbers = task.positions + row * task.numbers;
    F32x16 position = broadcast(static_cast<float>(numbers[0]));
    for (std::int64_t i = 0; i < task.pairs; i += 16) {
      const std::int64_t here = task.pairs - i < 16 ? task.pairs - i : 16;
      if (task.axes != nullptr) {
        alignas(64) float each[16];
        for (std::int64_t j = 0; j < here; ++j)
          each[j] = static_cast<float>(numbers[task.axes[i + j]]);
        position = load_up_to(each, here);
      }
      const SinCos angle = sin_cos(position * load_up_to(task.frequencies + i, here));
      store_up_to(table + i, angle.cos * magnitude, here);
      store_up_to(table + task.pairs + i, angle.sin * magnitude, here);
    }
  }
}

void rotate(const RotateTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* cosine = task.table + row * 2 * task.pairs;
    const float* sine = cosine + task.pairs;
    for (std::int64_t head = 0; head < task.heads; ++head) {
      float* x = task.x + (row * task.heads + head) * task.head_dim;
      for (std::int64_t i = 0; i < task.pairs; i += 16) {
        const std::int64_t here = task.pairs - i < 16 ? task.pairs - i : 16;
        const F32x16 x0 = load_up_to(x + i, here);
        const F32x16 x1 = load_up_to(x + i + task.pairs, here);
        const F32x16 c = load_up_to(cosine + i, here);
        const F32x16 s = load_up_to(sine + i, here);
        store_up_to(x + i, fma(x0, c, -(x1 * s)), here);
        store_up_to(x + i + task.pairs, fma(x0, s, x1 * c), here);
      }
    }
  }
}
