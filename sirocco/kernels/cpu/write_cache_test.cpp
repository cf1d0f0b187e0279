#include <gtest/gtest.h>

#include "sirocco/kernels/cpu/attention_testing.hpp"

namespace sirocco {
namespace {

using namespace attention_testing;

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
    for (const Isa isa : runnable_op_tiers()) {
      for (const int threads : {1, 3}) {
        TestBackend backend(isa, threads);
        FakeCache cache(geometry, {40, 1, 31}, 13);
        backend->write_cache({tensor_of(positions, {71}), tensor_of(row_begin, {4})},
                             tensor_of(k, {rows, 2, 19}), tensor_of(v, {rows, 2, 33}),
                             Out(cache.view()));
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
  for (const Isa isa : runnable_op_tiers()) {
    TestBackend backend(isa);
    FakeCache cache(geometry, {6}, 14);
    backend->write_cache({tensor_of(positions, {1}), tensor_of(row_begin, {2})},
                         tensor_of(k, {1, 1, 40}), tensor_of(v, {1, 1, 33}), Out(cache.view()));
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

TEST(CopyBlock, WritesOneBlockOnly) {
  TestBackend backend(Isa::kRef);
  std::vector<std::byte> pool(5 * 24);
  for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = static_cast<std::byte>(i);
  std::vector<std::byte> expected = pool;
  std::copy_n(expected.begin() + 3 * 24, 24, expected.begin() + 24);
  backend->copy_block(pool.data(), 24, BlockId(3), Out(BlockId(1)));
  EXPECT_EQ(pool, expected);
}

TEST(WriteCache, NansStay) {
  const Geometry geometry{.heads = 1,
                          .kv_heads = 1,
                          .key_dim = 40,
                          .value_dim = 40,
                          .block_positions = 16,
                          .type = KvType::kQ8_0};
  std::vector<float> k(40, 1.0f), v(40, 1.0f);
  k[20] = NAN;
  v[39] = NAN;
  std::vector<std::int32_t> positions = {0}, row_begin = {0, 1};
  for (const Isa isa : runnable_op_tiers()) {
    TestBackend backend(isa);
    FakeCache cache(geometry, {1}, 14);
    backend->write_cache({tensor_of(positions, {1}), tensor_of(row_begin, {2})},
                         tensor_of(k, {1, 1, 40}), tensor_of(v, {1, 1, 40}), Out(cache.view()));
    const KvCacheView& view = cache.view();
    const std::byte* block =
        view.pool +
        view.block_stride * static_cast<std::size_t>(view.block_table.as<std::int32_t>()[0]);
    const auto scale_is_nan = [&](std::size_t offset) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, block + offset, 2);
      return std::isnan(f16_to_f32(bits));
    };
    EXPECT_TRUE(scale_is_nan(view.keys_offset)) << isa_name(isa);
    EXPECT_FALSE(scale_is_nan(view.keys_offset + std::size_t{2 * 16}));
    EXPECT_FALSE(scale_is_nan(view.values_offset));
    EXPECT_TRUE(scale_is_nan(view.values_offset + 2));
  }
}

}  // namespace
}  // namespace sirocco
