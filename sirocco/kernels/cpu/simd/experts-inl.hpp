// What mixtures of experts need besides products. A fragment (see ../README.md).

void softmax(float* x, std::int64_t rows, std::int64_t columns) noexcept {
  const F32x16 nothing = broadcast(-__builtin_inff());
  for (std::int64_t row = 0; row < rows; ++row, x += columns) {
    F32x16 max_values = nothing;
    for (std::int64_t i = 0; i < columns; i += 16) {
      const std::int64_t here = columns - i;
      max_values = max(select(lanes(0, here), load_first(x + i, here < 16 ? here : 16), nothing),
                       max_values);
    }
    const F32x16 from = broadcast(max_lane(max_values));
    F32x16 sums = zero();
    for (std::int64_t i = 0; i < columns; i += 16) {
      const std::int64_t here = columns - i < 16 ? columns - i : 16;
      const F32x16 e = exp(load_up_to(x + i, here) - from);
      sums = select(lanes(0, here), sums + e, sums);
      store_up_to(x + i, e, here);
    }
    const F32x16 sum = broadcast(tree(sums));
    for (std::int64_t i = 0; i < columns; i += 16) {
      const std::int64_t here = columns - i < 16 ? columns - i : 16;
      store_up_to(x + i, load_up_to(x + i, here) / sum, here);
    }
  }
}

void sigmoid(float* x, std::int64_t count) noexcept {
  const F32x16 one = broadcast(1.0f);
  for (std::int64_t i = 0; i < count; i += 16) {
    const std::int64_t here = count - i < 16 ? count - i : 16;
    store_up_to(x + i, one / (one + exp(-load_up_to(x + i, here))), here);
  }
}

void combine(const CombineTask& task, std::int64_t token_begin, std::int64_t token_end) noexcept {
  for (std::int64_t t = token_begin; t < token_end; ++t) {
    for (std::int64_t k = 0; k < task.columns; k += 16) {
      const std::int64_t here = task.columns - k < 16 ? task.columns - k : 16;
      F32x16 acc = zero();
      for (std::int64_t s = t * task.slots; s < (t + 1) * task.slots; ++s) {
        const float* x = task.x + task.places[s] * task.columns + k;
        acc = fma(broadcast(task.weights[s]), load_up_to(x, here), acc);
      }
      store_up_to(task.out + t * task.columns + k, acc, here);
    }
  }
}
