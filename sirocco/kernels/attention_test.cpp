#include <gmock/gmock.h>

#include <limits>

#include "sirocco/kernels/kernels_testing.hpp"

namespace sirocco {
namespace {

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
    const std::int32_t longest = *std::max_element(lengths.begin(), lengths.end());
    const std::int32_t table_width = longest / geometry.block_positions + 2;
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
  static float of_head(const std::vector<float>& values, std::int64_t head) {
    return values[static_cast<std::size_t>(head) % values.size()];
  }
  static std::vector<float> of_heads(const std::vector<float>& values, std::int64_t heads) {
    std::vector<float> all;
    for (std::int64_t h = 0; h < heads && !values.empty(); ++h) all.push_back(of_head(values, h));
    return all;
  }
};

/// `sinks` and `slopes` are by head, or empty.
AttentionArgs args_of(const Sequences& in, const FakeCache& cache, const Options& options,
                      const Tensor& q, std::vector<float>& sinks, std::vector<float>& slopes,
                      const Tensor& out) {
  return {.q = q,
          .cache = cache.view(),
          .mask = options.mask,
          .scale = 1.0f / std::sqrt(static_cast<float>(in.shape.key_dim)),
          .logit_cap = options.logit_cap,
          .sinks = sinks.empty() ? Tensor() : tensor_of(sinks, {in.shape.heads}),
          .slopes = slopes.empty() ? Tensor() : tensor_of(slopes, {in.shape.heads}),
          .out = out};
}

/// Runs all sequences through the cache; in every step, each takes up to the next of `chunks` rows
/// (the last one again and again). The results, sequence by sequence.
std::vector<std::vector<float>> run(Backend& backend, const Sequences& in, const Options& options,
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
    std::vector<float> q, k, v;
    for (std::size_t s = 0; s < count; ++s) {
      const std::int32_t rows = std::min(chunk, in.lengths[s] - done[s]);
      const auto take = [&](std::vector<float>& to, const std::vector<float>& from,
                            std::int64_t width) {
        to.insert(to.end(), from.begin() + done[s] * width,
                  from.begin() + (done[s] + rows) * width);
      };
      take(q, in.q[s], g.heads * g.key_dim);
      take(k, in.k[s], std::int64_t{g.kv_heads} * g.key_dim);
      take(v, in.v[s], std::int64_t{g.kv_heads} * g.value_dim);
      for (std::int32_t i = 0; i < rows; ++i) positions.push_back(done[s] + i);
      row_begin.push_back(row_begin.back() + rows);
    }
    const std::int64_t rows = row_begin.back();
    if (rows == 0) return results;
    std::vector<float> out(static_cast<std::size_t>(rows * g.heads * g.value_dim), NAN);
    const BatchTensors batch{tensor_of(positions, {rows}),
                             tensor_of(row_begin, {std::ssize(row_begin)})};
    if (drop_window) cache.drop_before(done[0] - options.mask.window + 1);
    backend.write_cache(
        batch, tensor_of(k, {rows, g.kv_heads, g.key_dim}),
        g.value_first < 0 ? tensor_of(v, {rows, g.kv_heads, g.value_dim}) : Tensor(), cache.view());
    const Tensor output = tensor_of(out, {rows, g.heads, g.value_dim});
    std::vector<float> sinks = Options::of_heads(options.sinks, g.heads);
    std::vector<float> slopes = Options::of_heads(options.slopes, g.heads);
    backend.attention(batch, args_of(in, cache, options, tensor_of(q, {rows, g.heads, g.key_dim}),
                                     sinks, slopes, output));
    for (std::size_t s = 0; s < count; ++s) {
      const std::int64_t width = g.heads * g.value_dim;
      results[s].insert(results[s].end(), out.begin() + row_begin[s] * width,
                        out.begin() + row_begin[s + 1] * width);
      done[s] += row_begin[s + 1] - row_begin[s];
    }
  }
}

/// What a cache of a type makes of keys or values, rows of `dim` elements.
std::vector<float> as_cached(std::vector<float> rows, KvType type, std::int64_t dim) {
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
std::vector<double> exact(const Sequences& in, std::size_t s, const Options& options) {
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
          options.mask.causal ? t + 1 : std::min(length, t + std::int64_t{options.mask.window});
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

const std::vector<Options> kMasks = {
    {},
    {.mask = {.causal = true, .window = 5}},
    {.mask = {.causal = true, .window = 100}, .logit_cap = 2.0f},
    {.mask = {.causal = false}},
    {.mask = {.causal = false, .window = 70}},
    {.mask = {.causal = false, .window = 3}},
    {.mask = {}, .logit_cap = 1.0f},
    {.mask = {.causal = true, .window = 60}, .sinks = {0.5f, -3.0f, 4.0f, 20.0f, -40.0f}},
    {.mask = {}, .slopes = {0.5f, 0.0625f, 0.004f, 0.0f}},
    {.mask = {.causal = false, .window = 150}, .logit_cap = 3.0f, .slopes = {0.25f, 0.01f}},
};

TEST(Attention, IsSoftmaxAttention) {
  for (const auto& [type, value_first] :
       std::vector<std::pair<KvType, std::int32_t>>{{KvType::kF16, -1},
                                                    {KvType::kF32, -1},
                                                    {KvType::kQ8_0, -1},
                                                    {KvType::kF16, 9},
                                                    {KvType::kF32, 16},
                                                    {KvType::kQ8_0, 7}}) {
    const Sequences in({.heads = 4,
                        .kv_heads = 2,
                        .key_dim = 40,
                        .value_dim = 24,
                        .type = type,
                        .value_first = value_first},
                       {300, 3}, 1);
    for (const Options& options : kMasks) {
      for (const Isa isa : {Isa::kRef, runnable_tiers().back()}) {
        TestBackend backend(isa, 2);
        const auto out = run(*backend, in, options, {300}, 2);
        for (std::size_t s = 0; s < 2; ++s) {
          const std::vector<double> want = exact(in, s, options);
          ASSERT_EQ(out[s].size(), want.size());
          for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(out[s][i], want[i], 3e-6) << i;
        }
      }
    }
  }
}

TEST(Attention, EveryTierGivesTheBitsOfTheOracle) {
  const std::vector<Geometry> geometries = {
      {},
      {.heads = 1, .kv_heads = 1, .key_dim = 128, .value_dim = 128, .block_positions = 16},
      {.heads = 3, .kv_heads = 3, .key_dim = 80, .value_dim = 80, .type = KvType::kF32},
      {.heads = 8, .kv_heads = 1, .key_dim = 40, .value_dim = 72, .block_positions = 48},
      {.heads = 7, .kv_heads = 1, .key_dim = 17, .value_dim = 5, .block_positions = 128},
      {.heads = 10, .kv_heads = 2, .key_dim = 256, .value_dim = 256, .type = KvType::kF32},
      {.heads = 9, .kv_heads = 1, .key_dim = 88, .value_dim = 72, .value_first = 16},
      {.heads = 5,
       .kv_heads = 1,
       .key_dim = 24,
       .value_dim = 18,
       .block_positions = 16,
       .type = KvType::kF32,
       .value_first = 6},
      {.type = KvType::kQ8_0},
      {.heads = 3,
       .kv_heads = 3,
       .key_dim = 40,
       .value_dim = 72,
       .block_positions = 48,
       .type = KvType::kQ8_0},
      {.heads = 8,
       .kv_heads = 1,
       .key_dim = 129,
       .value_dim = 17,
       .block_positions = 16,
       .type = KvType::kQ8_0},
      {.heads = 5,
       .kv_heads = 1,
       .key_dim = 88,
       .value_dim = 72,
       .type = KvType::kQ8_0,
       .value_first = 16},
  };
  for (const Geometry& geometry : geometries) {
    const Sequences in(geometry, {geometry.key_dim > 128 ? 90 : 290, 1, 17}, 3);
    for (std::size_t m = 0; m < kMasks.size(); ++m) {
      TestBackend ref(Isa::kRef);
      const auto expected = run(*ref, in, kMasks[m], {290}, 4);
      for (const Isa isa : runnable_tiers()) {
        for (const int threads : {1, 3}) {
          if (isa == Isa::kRef && (threads == 1 || m % 3 != 0)) continue;
          TestBackend backend(isa, threads);
          const auto out = run(*backend, in, kMasks[m], {290}, 5);
          for (std::size_t s = 0; s < in.lengths.size(); ++s)
            ASSERT_TRUE(same_bits(out[s], expected[s]))
                << isa_name(isa) << ", E " << geometry.key_dim << ", mask " << m << ", sequence "
                << s;
        }
      }
    }
  }
}

// A causal sequence has one answer however it was cut, whoever its neighbours are.
TEST(Attention, ChunksNeighboursBlocksAndThreadsChangeNothing) {
  for (const std::int64_t heads : {2, 6, 8}) {
    Geometry geometry{.heads = heads, .kv_heads = 2, .key_dim = 48, .value_dim = 48};
    const Sequences in(geometry, {540, 130, 9}, 6);
    for (const std::size_t m : {0, 1, 2, 8}) {
      const Options& options = kMasks[m];
      for (const Isa isa : runnable_tiers()) {
        if (isa == Isa::kRef && heads > 2) continue;
        TestBackend whole(isa);
        const auto expected = run(*whole, in, options, {540}, 7);
        for (const int threads : {1, 2, 3}) {
          TestBackend backend(isa, threads);
          for (const std::vector<std::int32_t>& chunks :
               std::vector<std::vector<std::int32_t>>{{3, 1, 64, 5, 200}, {530, 1}, {37}}) {
            const auto out = run(*backend, in, options, chunks, 8 + static_cast<unsigned>(threads));
            for (std::size_t s = 0; s < 3; ++s) ASSERT_TRUE(same_bits(out[s], expected[s]));
          }
        }
        // Another paging.
        Sequences other = in;
        other.shape.block_positions = 16;
        const auto out = run(*whole, other, options, {111}, 12);
        for (std::size_t s = 0; s < 3; ++s) ASSERT_TRUE(same_bits(out[s], expected[s]));
      }
    }
  }
}

// Blocks that have left the window may be gone.
TEST(Attention, ReadsNothingBeforeTheWindow) {
  const Options options{.mask = {.causal = true, .window = 90}};
  const Sequences in({.block_positions = 16}, {400}, 9);
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa, 2);
    const auto expected = run(*backend, in, options, {400}, 10);
    ASSERT_TRUE(same_bits(run(*backend, in, options, {150, 13}, 11, true)[0], expected[0]));
  }
}

TEST(WriteCache, RoundsToNearestEvenInEveryTier) {
  Geometry geometry{.heads = 2, .kv_heads = 2, .key_dim = 19, .value_dim = 33};
  Random random(12);
  for (const KvType type : {KvType::kF16, KvType::kF32, KvType::kQ8_0}) {
    geometry.type = type;
    const std::int64_t rows = 71;
    std::vector<float> k = random_floats(random, rows * 2 * 19, 300.0f);
    std::vector<float> v = random_floats(random, rows * 2 * 33, 1e-6f);
    k[0] = 65519.0f;
    k[1] = 65520.0f;
    k[2] = -1e30f;
    k[3] = 1.0f + 0x1p-11f;
    k[4] = 1.0f + 0x1.8p-10f;
    std::vector<std::int32_t> positions(71), row_begin = {0, 40, 40, 71};
    std::iota(positions.begin(), positions.begin() + 40, 0);
    std::iota(positions.begin() + 40, positions.end(), 0);
    std::vector<std::vector<std::uint8_t>> caches;
    for (const Isa isa : runnable_tiers()) {
      for (const int threads : {1, 3}) {
        TestBackend backend(isa, threads);
        FakeCache cache(geometry, {40, 1, 31}, 13);
        backend->write_cache({tensor_of(positions, {71}), tensor_of(row_begin, {4})},
                             tensor_of(k, {rows, 2, 19}), tensor_of(v, {rows, 2, 33}),
                             cache.view());
        caches.push_back(cache.bytes());
        ASSERT_TRUE(same_bits(caches.back(), caches.front())) << isa_name(isa);
        if (type == KvType::kF16) {
          const auto* keys = reinterpret_cast<const std::uint16_t*>(
              cache.view().pool +
              cache.view().block_stride *
                  static_cast<std::size_t>(cache.view().block_table.as<std::int32_t>()[0]) +
              cache.view().keys_offset);
          EXPECT_EQ(keys[0], 0x7BFF);
          EXPECT_EQ(keys[16], 0x7C00);
          EXPECT_EQ(keys[32], 0xFC00);
          EXPECT_EQ(keys[48], 0x3C00);
          EXPECT_EQ(keys[64], 0x3C02);
        }
      }
    }
  }
}

TEST(WriteCache, KeepsAScaleForEachThirtyTwoElements) {
  // One position, 5, of one head: keys of 40 elements, values of 33.
  const Geometry geometry{.heads = 1,
                          .kv_heads = 1,
                          .key_dim = 40,
                          .value_dim = 33,
                          .block_positions = 16,
                          .type = KvType::kQ8_0};
  std::vector<float> k(40, 0.0f), v(33, 1e-9f);
  k[0] = 127.0f;  // a scale of 1
  k[1] = 2.5f;    // to even
  k[2] = -3.5f;
  k[31] = -127.0f;
  k[32] = -254.0f;  // of 2
  k[33] = 1.0f;     // half a step, to even
  v[32] = 63.5f;    // of a half; those before are too small for any
  std::vector<std::int32_t> positions = {5}, row_begin = {0, 1};
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa);
    FakeCache cache(geometry, {6}, 14);
    backend->write_cache({tensor_of(positions, {1}), tensor_of(row_begin, {2})},
                         tensor_of(k, {1, 1, 40}), tensor_of(v, {1, 1, 33}), cache.view());
    const KvCacheView& view = cache.view();
    const auto* block =
        reinterpret_cast<const std::uint8_t*>(view.pool) +
        view.block_stride * static_cast<std::size_t>(view.block_table.as<std::int32_t>()[0]);
    const std::uint8_t* keys = block + view.keys_offset;
    const std::uint8_t* values = block + view.values_offset;
    const auto scale = [](const std::uint8_t* scales, int at) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, scales + 2 * at, 2);
      return f16_to_f32(bits);
    };
    const auto key = [&](int e) { return static_cast<std::int8_t>(keys[2 * 16 * 2 + e * 16 + 5]); };
    const auto value = [&](int d) {
      return static_cast<std::int8_t>(values[2 * 16 * 2 + 5 * 33 + d]);
    };
    EXPECT_EQ(scale(keys, 5), 1.0f) << isa_name(isa);
    EXPECT_EQ(scale(keys, 16 + 5), 2.0f);
    EXPECT_EQ(scale(values, 5 * 2), 0.0f);
    EXPECT_EQ(scale(values, 5 * 2 + 1), 0.5f);
    EXPECT_EQ(key(0), 127);
    EXPECT_EQ(key(1), 2);
    EXPECT_EQ(key(2), -4);
    EXPECT_EQ(key(3), 0);
    EXPECT_EQ(key(31), -127);
    EXPECT_EQ(key(32), -127);
    EXPECT_EQ(key(33), 0);
    EXPECT_EQ(value(0), 0);
    EXPECT_EQ(value(32), 127);
  }
}

}  // namespace
}  // namespace sirocco
