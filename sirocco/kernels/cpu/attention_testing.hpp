#pragma once

#include <optional>

#include "sirocco/kernels/cpu/kernels_testing.hpp"

/// What the tests of attention and its cache share.
namespace sirocco::attention_testing {

using namespace kernels_testing;

struct Geometry {
  std::int64_t heads = 6;
  std::int32_t kv_heads = 2;
  std::int32_t key_dim = 64;
  std::int32_t value_dim = 64;
  std::int32_t block_positions = 32;
  KvType type = KvType::kF16;
  std::int32_t value_first = -1;
};

/// A paged cache of several sequences: their blocks shuffled among more than are needed, all bytes
/// 0xFF (a NaN in both element types) until written.
class FakeCache {
 public:
  FakeCache(const Geometry& geometry, std::vector<std::int32_t> lengths, unsigned seed) {
    const auto panels = static_cast<std::size_t>(geometry.kv_heads) *
                        static_cast<std::size_t>(geometry.block_positions / kKvPanel);
    const auto panels_of = [&](std::int32_t dim) {
      return panels * static_cast<std::size_t>(kv_panel_bytes(geometry.type, dim));
    };
    const std::size_t keys = panels_of(geometry.key_dim);
    const std::size_t values = geometry.value_first >= 0 ? 0 : panels_of(geometry.value_dim);
    constexpr std::size_t kOtherLayer = 64;
    const std::size_t stride = (kOtherLayer + keys + values + 63) / 64 * 64;
    const std::int32_t max_length = *std::max_element(lengths.begin(), lengths.end());
    const std::int32_t table_width = max_length / geometry.block_positions + 2;
    std::int32_t blocks = 3;
    for (const std::int32_t length : lengths) blocks += length / geometry.block_positions + 1;
    std::vector<std::int32_t> order(static_cast<std::size_t>(blocks));
    std::iota(order.begin(), order.end(), 0);
    Random random(seed);
    std::shuffle(order.begin(), order.end(), random);

    pool_.assign(static_cast<std::size_t>(blocks) * stride, 0xFF);
    table_.assign(lengths.size() * static_cast<std::size_t>(table_width), -1);
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      for (std::int32_t b = 0; b * geometry.block_positions < lengths[s]; ++b) {
        table_[s * static_cast<std::size_t>(table_width) + static_cast<std::size_t>(b)] =
            order.back();
        order.pop_back();
      }
    }
    view_ = {.type = geometry.type,
             .pool = reinterpret_cast<std::byte*>(pool_.data()),
             .block_stride = stride,
             .keys_offset = kOtherLayer,
             .values_offset = kOtherLayer + keys,
             .block_positions = geometry.block_positions,
             .kv_heads = geometry.kv_heads,
             .key_dim = geometry.key_dim,
             .value_dim = geometry.value_dim,
             .block_table = tensor_of(table_, {std::ssize(lengths), table_width}),
             .value_first = geometry.value_first};
  }
  FakeCache(const FakeCache&) = delete;
  FakeCache& operator=(const FakeCache&) = delete;

  const KvCacheView& view() const { return view_; }
  const std::vector<std::uint8_t>& bytes() const { return pool_; }
  /// Takes the blocks that hold only positions before `position` away from sequence 0.
  void drop_before(std::int32_t position) {
    for (std::int32_t b = 0; (b + 1) * view_.block_positions <= position; ++b) {
      auto& block = table_[static_cast<std::size_t>(b)];
      if (block < 0) continue;
      std::fill_n(pool_.begin() + static_cast<std::ptrdiff_t>(view_.block_stride) * block,
                  view_.block_stride, std::uint8_t{0xFF});
      block = -1;
    }
  }

 private:
  std::vector<std::uint8_t> pool_;
  std::vector<std::int32_t> table_;
  KvCacheView view_{};
};

/// Whole sequences of queries, keys and values.
struct Sequences {
  Sequences(const Geometry& geometry, std::vector<std::int32_t> sequence_lengths, unsigned seed)
      : shape(geometry), lengths(std::move(sequence_lengths)) {
    Random random(seed);
    for (const std::int32_t length : lengths) {
      q.push_back(random_floats(random, length * shape.heads * shape.key_dim));
      k.push_back(random_floats(random, length * shape.kv_heads * shape.key_dim));
      v.push_back(random_floats(random, length * shape.kv_heads * shape.value_dim));
      if (shape.value_first < 0) continue;
      for (std::size_t i = 0; i < v.back().size(); ++i) {
        const std::size_t row = i / static_cast<std::size_t>(shape.value_dim);
        const std::size_t d = i % static_cast<std::size_t>(shape.value_dim);
        v.back()[i] = k.back()[row * static_cast<std::size_t>(shape.key_dim) +
                               static_cast<std::size_t>(shape.value_first) + d];
      }
    }
  }
  Geometry shape;
  std::vector<std::int32_t> lengths;
  std::vector<std::vector<float>> q, k, v;
};

struct Options {
  MaskSpec mask;
  float logit_cap = 0.0f;
  std::vector<float> sinks = {};  ///< by head, again and again
  std::vector<float> slopes = {};
  /// Positions [first, second) of every sequence that see each other, as far as it reaches.
  std::vector<std::pair<std::int32_t, std::int32_t>> spans = {};
  /// From so far on a relative bias has one value either way; none: there is no bias.
  std::optional<std::int32_t> bias_until = {};

  /// What a score of the head gains at that distance.
  float bias(std::int64_t head, std::int64_t distance) const {
    const std::int64_t d =
        std::clamp<std::int64_t>(distance, -bias_until.value_or(0), bias_until.value_or(0));
    return std::sin(static_cast<float>(7 * head + 3 * d));
  }
  /// [heads, 2 · reach + 1], the 15 outermost elements of either side as the one before them.
  std::vector<float> biases(std::int64_t heads) const {
    std::vector<float> all;
    for (std::int64_t h = 0; h < heads && bias_until; ++h) {
      const std::int64_t reach = *bias_until + 15;
      for (std::int64_t d = -reach; d <= reach; ++d) all.push_back(bias(h, d));
    }
    return all;
  }

  /// The position behind the last one that the query at `position` sees under a causal mask.
  std::int32_t visible_end(std::int32_t position, std::int32_t length) const {
    for (const auto& [first, end] : spans)
      if (first <= position && position < end) return std::min(end, length);
    return position + 1;
  }

  static float of_head(const std::vector<float>& values, std::int64_t head) {
    return values[static_cast<std::size_t>(head) % values.size()];
  }
  static std::vector<float> of_heads(const std::vector<float>& values, std::int64_t heads) {
    std::vector<float> all;
    for (std::int64_t h = 0; h < heads && !values.empty(); ++h) all.push_back(of_head(values, h));
    return all;
  }
};

/// What options say of each head; empty for what they don't have.
struct HeadValues {
  HeadValues(const Options& options, std::int64_t heads)
      : sinks(Options::of_heads(options.sinks, heads)),
        slopes(Options::of_heads(options.slopes, heads)),
        biases(options.biases(heads)) {}
  std::vector<float> sinks, slopes, biases;
};

inline AttentionArgs args_of(const Sequences& in, const FakeCache& cache, const Options& options,
                             const Tensor& q, HeadValues& values, const Tensor& out) {
  const std::int64_t heads = in.shape.heads;
  return {
      .q = q,
      .cache = cache.view(),
      .mask = options.mask,
      .scale = 1.0f / std::sqrt(static_cast<float>(in.shape.key_dim)),
      .logit_cap = options.logit_cap,
      .sinks = values.sinks.empty() ? Tensor() : tensor_of(values.sinks, {heads}),
      .slopes = values.slopes.empty() ? Tensor() : tensor_of(values.slopes, {heads}),
      .out = Out(out),
      .relative_bias = values.biases.empty()
                           ? Tensor()
                           : tensor_of(values.biases, {heads, std::ssize(values.biases) / heads})};
}

/// Runs all sequences through the cache; in every step, each takes up to the next of `chunks` rows
/// (the last one again and again), and more where that would cut a span. The results, sequence by
/// sequence.
inline std::vector<std::vector<float>> run(Backend& backend, const Sequences& in,
                                           const Options& options,
                                           const std::vector<std::int32_t>& chunks, unsigned seed,
                                           bool drop_window = false) {
  const Geometry& g = in.shape;
  FakeCache cache(g, in.lengths, seed);
  const std::size_t count = in.lengths.size();
  std::vector<std::int32_t> done(count, 0);
  std::vector<std::vector<float>> results(count);
  for (std::size_t step = 0;; ++step) {
    const std::int32_t chunk = chunks[std::min(step, chunks.size() - 1)];
    std::vector<std::int32_t> row_begin = {0};
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> visible_ends;
    std::vector<float> q, k, v;
    for (std::size_t s = 0; s < count; ++s) {
      const std::int32_t length = in.lengths[s];
      std::int32_t rows = std::min(chunk, length - done[s]);
      if (rows > 0) rows = options.visible_end(done[s] + rows - 1, length) - done[s];
      const auto take = [&](std::vector<float>& to, const std::vector<float>& from,
                            std::int64_t width) {
        to.insert(to.end(), from.begin() + done[s] * width,
                  from.begin() + (done[s] + rows) * width);
      };
      take(q, in.q[s], g.heads * g.key_dim);
      take(k, in.k[s], std::int64_t{g.kv_heads} * g.key_dim);
      take(v, in.v[s], std::int64_t{g.kv_heads} * g.value_dim);
      for (std::int32_t i = 0; i < rows; ++i) {
        positions.push_back(done[s] + i);
        visible_ends.push_back(options.visible_end(done[s] + i, length));
      }
      row_begin.push_back(row_begin.back() + rows);
    }
    const std::int64_t rows = row_begin.back();
    if (rows == 0) return results;
    std::vector<float> out(static_cast<std::size_t>(rows * g.heads * g.value_dim), NAN);
    const BatchTensors batch{tensor_of(positions, {rows}),
                             tensor_of(row_begin, {std::ssize(row_begin)}),
                             options.spans.empty() ? Tensor() : tensor_of(visible_ends, {rows})};
    if (drop_window) cache.drop_before(done[0] - options.mask.window + 1);
    backend.write_cache(
        batch, tensor_of(k, {rows, g.kv_heads, g.key_dim}),
        g.value_first < 0 ? tensor_of(v, {rows, g.kv_heads, g.value_dim}) : Tensor(),
        Out(cache.view()));
    const Tensor output = tensor_of(out, {rows, g.heads, g.value_dim});
    HeadValues values(options, g.heads);
    backend.attention(batch, args_of(in, cache, options, tensor_of(q, {rows, g.heads, g.key_dim}),
                                     values, output));
    for (std::size_t s = 0; s < count; ++s) {
      const std::int64_t width = g.heads * g.value_dim;
      results[s].insert(results[s].end(), out.begin() + row_begin[s] * width,
                        out.begin() + row_begin[s + 1] * width);
      done[s] += row_begin[s + 1] - row_begin[s];
    }
  }
}

/// What a cache of a type makes of keys or values, rows of `dim` elements.
inline std::vector<float> as_cached(std::vector<float> rows, KvType type, std::int64_t dim) {
  if (type == KvType::kF16)
    for (float& x : rows) x = f16_to_f32(f32_to_f16(x));
  if (type != KvType::kQ8_0) return rows;
  const auto width = static_cast<std::size_t>(dim);
  for (std::size_t row = 0; row < rows.size(); row += width) {
    for (std::size_t first = 0; first < width; first += 32) {
      const std::span<float> block(rows.data() + row + first,
                                   std::min<std::size_t>(32, width - first));
      float amax = 0.0f;
      for (const float x : block) amax = std::max(amax, std::abs(x));
      const float scale = f16_to_f32(f32_to_f16(amax / 127.0f));
      for (float& x : block) x = std::clamp(std::nearbyint(x / scale), -127.0f, 127.0f) * scale;
    }
  }
  return rows;
}

/// Softmax attention in double precision over the keys and values as the cache rounds them.
inline std::vector<double> exact(const Sequences& in, std::size_t s, const Options& options) {
  const Geometry& g = in.shape;
  const std::vector<float> keys = as_cached(in.k[s], g.type, g.key_dim);
  std::vector<float> values = as_cached(in.v[s], g.type, g.value_dim);
  for (std::size_t i = 0; g.value_first >= 0 && i < values.size(); ++i) {
    const std::size_t row = i / static_cast<std::size_t>(g.value_dim);
    values[i] =
        keys[row * static_cast<std::size_t>(g.key_dim) + static_cast<std::size_t>(g.value_first) +
             i % static_cast<std::size_t>(g.value_dim)];
  }
  std::vector<double> out;
  const std::int64_t length = in.lengths[s];
  for (std::int64_t t = 0; t < length; ++t) {
    for (std::int64_t h = 0; h < g.heads; ++h) {
      const std::int64_t kv = h / (g.heads / g.kv_heads);
      const std::int64_t low = std::max<std::int64_t>(0, t - options.mask.window + 1);
      const std::int64_t high =
          options.mask.causal ? options.visible_end(static_cast<std::int32_t>(t), in.lengths[s])
                              : std::min(length, t + std::int64_t{options.mask.window});
      std::vector<double> sum(static_cast<std::size_t>(g.value_dim));
      double total =
          options.sinks.empty() ? 0.0 : std::exp(double{Options::of_head(options.sinks, h)});
      for (std::int64_t j = low; j < high; ++j) {
        double score = 0;
        for (std::int64_t e = 0; e < g.key_dim; ++e)
          score += in.q[s][static_cast<std::size_t>((t * g.heads + h) * g.key_dim + e)] *
                   double{keys[static_cast<std::size_t>((j * g.kv_heads + kv) * g.key_dim + e)]};
        score /= std::sqrt(static_cast<double>(g.key_dim));
        if (options.logit_cap != 0)
          score = options.logit_cap * std::tanh(score / options.logit_cap);
        if (!options.slopes.empty())
          score -= Options::of_head(options.slopes, h) * static_cast<double>(std::abs(j - t));
        if (options.bias_until) score += options.bias(h, j - t);
        const double p = std::exp(score);
        total += p;
        for (std::int64_t d = 0; d < g.value_dim; ++d)
          sum[static_cast<std::size_t>(d)] +=
              p * double{values[static_cast<std::size_t>((j * g.kv_heads + kv) * g.value_dim + d)]};
      }
      for (const double x : sum) out.push_back(x / total);
    }
  }
  return out;
}

}  // namespace sirocco::attention_testing
