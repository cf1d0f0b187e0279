#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/latent_attention.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/rotary.hpp"
#include "sirocco/nn/wiring.hpp"

namespace sirocco {
namespace {

constexpr CacheGeometry kGeometry{.kv_heads = 2, .key_dim = 8, .value_dim = 4};

TEST(CacheLayout, LayersThatAskForTheSameShareAGroup) {
  const CacheNeed full{CacheKind::kFull, kGeometry};
  const CacheNeed window{CacheKind::kWindow, kGeometry, 12};
  const CacheLayout layout(LayerIndex(3), {window, window, full, {}, window});
  ASSERT_EQ(layout.groups().size(), 2u);
  EXPECT_EQ(layout.groups()[0].need, window);
  EXPECT_EQ(layout.groups()[0].slots, 3);
  EXPECT_EQ(layout.groups()[1].slots, 1);
  EXPECT_EQ(layout.layer(LayerIndex(7)).group, 0);
  EXPECT_EQ(layout.layer(LayerIndex(7)).slot, 2);
  EXPECT_EQ(layout.layer(LayerIndex(5)).group, 1);
  EXPECT_EQ(layout.layer(LayerIndex(6)).group, -1);
}

TEST(CacheLayout, ViewsOfLayersTileABlock) {
  const CacheLayout layout(LayerIndex(0),
                           {{CacheKind::kFull, kGeometry}, {CacheKind::kFull, kGeometry}});
  const std::size_t keys = 2 * 8 * 32 * 2;
  const std::size_t values = 2 * 4 * 32 * 2;
  EXPECT_EQ(layout.block_bytes(0, KvType::kF16, 32), 2 * (keys + values));
  EXPECT_EQ(layout.block_bytes(0, KvType::kF32, 32), 4 * (keys + values));
  EXPECT_EQ(layout.block_bytes(0, KvType::kQ8_0, 32), 2 * 32 * 2 * (8 + 2 + 4 + 2));

  const KvCacheView second =
      layout.view(layout.layer(LayerIndex(1)), KvType::kF16, 32, nullptr, {});
  EXPECT_EQ(second.keys_offset, keys + values);
  EXPECT_EQ(second.values_offset, 2 * keys + values);
  EXPECT_EQ(second.block_stride, 2 * (keys + values));
}

TEST(CacheTraits, EveryKindHasItsOwnRow) {
  for (int t = 0; t < kKvTypes; ++t)
    EXPECT_EQ(kv_types()[static_cast<std::size_t>(t)].type, static_cast<KvType>(t));
  for (int k = 0; k <= static_cast<int>(CacheKind::kNone); ++k) {
    EXPECT_EQ(cache_traits(static_cast<CacheKind>(k)).kind, static_cast<CacheKind>(k));
  }
}

TEST(Rotary, FrequenciesFallFromOneByTheBase) {
  const std::vector<float> f = rotary_frequencies(4, 10000.0);
  EXPECT_FLOAT_EQ(f[0], 1.0f);
  EXPECT_FLOAT_EQ(f[1], 0.01f);
  EXPECT_FLOAT_EQ(divided(f, 8.0f)[1], 0.00125f);
  EXPECT_FLOAT_EQ(divided(f, std::vector<float>{1.0f, 4.0f})[1], 0.0025f);
}

// transformers' values, for 16 dimensions of base 150000, factor 32, 4096 positions.
TEST(Rotary, YarnKeepsFastPairsAndDividesSlowOnes) {
  const YarnScaling whole{.factor = 32.0f, .original_context = 4096.0f};
  const std::vector<float> expected = {
      1.0f,           0.225418001f,    0.0508132726f,  0.00775546534f, 0.000914454344f,
      1.8188337e-05f, 4.09997847e-06f, 9.24208962e-07f};
  const std::vector<float> exact = {
      1.0f,           0.225418001f,    0.0508132726f,  0.00679495931f, 0.000456483918f,
      1.8188337e-05f, 4.09997847e-06f, 9.24208962e-07f};
  const std::vector<float> f = yarn_frequencies(16, 150000.0, whole);
  YarnScaling loose = whole;
  loose.truncate = false;
  const std::vector<float> g = yarn_frequencies(16, 150000.0, loose);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(f[i], expected[i], 1e-6 * double{expected[i]}) << i;
    EXPECT_NEAR(g[i], exact[i], 1e-6 * double{exact[i]}) << i;
  }
  EXPECT_FLOAT_EQ(whole.magnitude(), 1.3465736f);
}

// transformers' values (tools/rotary_frequencies.py), for 16 dimensions of base 10000, factor 2.5,
// of a model of 4096 positions.
TEST(Rotary, ABaseThatGrowsWithTheContextKeepsTheFastestPair) {
  const NtkScaling scaling{.factor = 2.5f, .trained_context = 4096.0f};
  const auto expect_near = [&](double context, const std::vector<float>& expected) {
    const std::vector<float> f = rotary_frequencies(16, scaling.base(16, 10000.0, context));
    for (std::size_t i = 0; i < 8; ++i)
      EXPECT_NEAR(f[i], expected[i], 1e-6 * double{expected[i]}) << context << ", " << i;
  };
  for (const double context : {0.0, 1.0, 4096.0})
    EXPECT_EQ(rotary_frequencies(16, scaling.base(16, 10000.0, context)),
              rotary_frequencies(16, 10000.0));
  expect_near(5000.0, {1.0f, 0.296988368f, 0.0882020891f, 0.0261949953f, 0.00777960895f,
                       0.00231045322f, 0.000686177809f, 0.000203786811f});
  expect_near(16384.0, {1.0f, 0.232930243f, 0.0542564951f, 0.0126379784f, 0.00294376723f,
                        0.000685692416f, 0.000159718489f, 3.72032664e-05f});
  expect_near(100000.0, {1.0f, 0.176384717f, 0.0311115663f, 0.00548760453f, 0.000967929547f,
                         0.000170727959f, 3.01138025e-05f, 5.31161413e-06f});
}

/// What the tests of ingredients run on.
class Ingredients : public ::testing::Test {
 protected:
  WeightVector random_vector(std::int64_t size) {
    std::vector<float> values(static_cast<std::size_t>(size));
    std::normal_distribution<float> normal;
    for (float& v : values) v = normal(random_);
    return WeightVector(std::move(values));
  }

  Linear random_linear(std::int64_t outputs, std::int64_t inputs) {
    return linear_of(random_vector(outputs * inputs), outputs, inputs);
  }
  Linear linear_of(const WeightVector& values, std::int64_t outputs, std::int64_t inputs) {
    const StoredTensor stored{"w",
                              find_format(FormatId::kF32),
                              {outputs, inputs},
                              std::as_bytes(std::span(values.tensor().as<float>(),
                                                      static_cast<std::size_t>(outputs * inputs)))};
    return Linear(backend_->pack(stored));
  }

  StackLinear random_stack(std::int64_t matrices, std::int64_t outputs, std::int64_t inputs) {
    const WeightVector values = random_vector(outputs * inputs);
    const StoredTensor stored{"w",
                              find_format(FormatId::kF32),
                              {outputs, inputs},
                              std::as_bytes(std::span(values.tensor().as<float>(),
                                                      static_cast<std::size_t>(outputs * inputs)))};
    const std::vector<StoredTensor> all(static_cast<std::size_t>(matrices), stored);
    return StackLinear(backend_->pack_stack(all));
  }

  std::mt19937 random_{3};
  ThreadGroup threads_{1};
  std::unique_ptr<Backend> backend_ = make_cpu_backend(Isa::kRef, threads_);
  StepMemory memory_;
};

TEST_F(Ingredients, QRmsNormHasTheBitsOfRmsNormAndAConversion) {
  const StepRows rows{{{SequenceId(1), Position(0), 5}}, {}};
  TransformContext context(*backend_, memory_, rows, {});
  for (const std::int64_t width : {32, 72, 96, 100}) {
    const WeightVector values = random_vector(5 * width);
    const Tensor x = values.tensor().reshaped({5, width});
    const Tensor kept = backend_->upload(context.held(), backend_->read(x), {5, width});
    const RmsNorm norm(random_vector(width), 1e-5f);
    for (const FineBlocks fine : {FineBlocks::kNone, FineBlocks::kOne, FineBlocks::kFew}) {
      const ActivationForms both{.f32 = true, .q8 = true, .fine = fine};
      const Activations separate = with_forms(norm.forward(kept, context), both, context);
      const Activations fused = QRmsNorm(norm, both).forward(kept, context);
      const auto bytes = [](const Tensor& t) {
        return t ? std::string(reinterpret_cast<const char*>(t.as<std::uint8_t>()),
                               static_cast<std::size_t>(t.shape().elements()))
                 : std::string();
      };
      EXPECT_EQ(bytes(separate.q8), bytes(fused.q8)) << width;
      EXPECT_EQ(bytes(separate.fine), bytes(fused.fine)) << width;
      EXPECT_EQ(separate.fine.shape().elements() == 0, fine == FineBlocks::kNone);
      EXPECT_EQ(std::memcmp(separate.f32.as<float>(), fused.f32.as<float>(),
                            static_cast<std::size_t>(5 * width) * 4),
                0);
      const Activations only_q8 = QRmsNorm(norm, {.q8 = true, .fine = fine}).forward(kept, context);
      EXPECT_FALSE(only_q8.f32);
      EXPECT_EQ(bytes(separate.q8), bytes(only_q8.q8)) << width;
      EXPECT_EQ(bytes(separate.fine), bytes(only_q8.fine)) << width;
      // What wants no second digits doesn't see them.
      EXPECT_FALSE(with_forms(fused, {.q8 = true}, context).fine);
    }
  }
}

TEST_F(Ingredients, AttentionChecksItsDimensionsOnce) {
  const AttentionConfig config{.heads = 4, .kv_heads = 2, .head_dim = 8};
  const auto build = [&](const AttentionConfig& c, std::int64_t q, std::int64_t k, std::int64_t v,
                         std::int64_t o) {
    return CausalAttention(c, random_linear(q, 24), random_linear(k, 24), random_linear(v, 24),
                           random_linear(24, o));
  };
  EXPECT_NO_THROW(build(config, 32, 16, 16, 32));
  EXPECT_THROW(build(config, 40, 16, 16, 32), InvalidArgument);
  EXPECT_THROW(build(config, 32, 24, 16, 32), InvalidArgument);
  EXPECT_THROW(build(config, 32, 16, 8, 32), InvalidArgument);
  EXPECT_THROW(build(config, 32, 16, 16, 40), InvalidArgument);
  EXPECT_THROW(build({.heads = 3, .kv_heads = 2, .head_dim = 8}, 24, 16, 16, 24), InvalidArgument);
  EXPECT_THROW(build(config, 32, 16, 16, 32)
                   .with_rotary(std::make_shared<const Rotary>(rotary_frequencies(10, 1e4))),
               InvalidArgument);
  EXPECT_THROW(build(config, 32, 16, 16, 32)
                   .with_qk_norm({random_vector(9), 1e-5f}, {random_vector(8), 1e-5f}),
               InvalidArgument);
}

TEST_F(Ingredients, MixturesCheckTheirPartsOnce) {
  const auto stack = [&](std::int64_t experts, std::int64_t outputs, std::int64_t inputs) {
    return random_stack(experts, outputs, inputs);
  };
  const auto build = [&](const RouterSpec& router, std::int64_t experts, std::int64_t inner) {
    return MoE({.router = router}, random_linear(6, 16), stack(6, 20, 16), stack(6, 20, 16),
               stack(experts, 16, inner));
  };
  EXPECT_NO_THROW(build({.chosen = 6}, 6, 20));
  EXPECT_THROW(build({.chosen = 6}, 5, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 6}, 6, 21), InvalidArgument);
  EXPECT_THROW(build({.chosen = 7}, 6, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 0}, 6, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 1, .groups = 4}, 6, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 1, .groups = 3, .groups_chosen = 4}, 6, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 3, .groups = 3, .groups_chosen = 1}, 6, 20), InvalidArgument);
  EXPECT_THROW(build({.chosen = 1, .groups = 3, .groups_chosen = 1, .group_best = 3}, 6, 20),
               InvalidArgument);
  EXPECT_THROW(build({.chosen = 1}, 6, 20).with_selection_bias(random_vector(5)), InvalidArgument);
}

TEST_F(Ingredients, LatentAttentionChecksItsDimensionsOnce) {
  const LatentConfig config{
      .heads = 3, .rotary_dim = 4, .plain_dim = 6, .latent_dim = 10, .value_dim = 5};
  const auto build = [&](std::int64_t q, std::int64_t latent, std::int64_t norm, std::int64_t keys,
                         std::int64_t values, std::int64_t o) {
    return LatentAttention(config, random_linear(q, 16), random_linear(latent, 16),
                           {random_vector(norm), 1e-6f}, random_stack(keys, 10, 6),
                           random_stack(3, values, 10), random_linear(16, o));
  };
  EXPECT_NO_THROW(build(30, 14, 10, 3, 5, 15));
  EXPECT_THROW(build(18, 14, 10, 3, 5, 15), InvalidArgument);
  EXPECT_THROW(build(30, 10, 10, 3, 5, 15), InvalidArgument);
  EXPECT_THROW(build(30, 14, 14, 3, 5, 15), InvalidArgument);
  EXPECT_THROW(build(30, 14, 10, 2, 5, 15), InvalidArgument);
  EXPECT_THROW(build(30, 14, 10, 3, 6, 15), InvalidArgument);
  EXPECT_THROW(build(30, 14, 10, 3, 5, 30), InvalidArgument);
  EXPECT_THROW(build(30, 14, 10, 3, 5, 15)
                   .with_rotary(std::make_shared<const Rotary>(rotary_frequencies(6, 1e4))),
               InvalidArgument);
  EXPECT_THROW(build(30, 14, 10, 3, 5, 15)
                   .with_query_latent(random_linear(12, 16), {random_vector(12), 1e-6f}),
               InvalidArgument);
  const CacheNeed need = build(30, 14, 10, 3, 5, 15).cache_need();
  EXPECT_EQ(need.kind, CacheKind::kLatent);
  EXPECT_EQ(need.geometry,
            (CacheGeometry{.kv_heads = 1, .key_dim = 14, .value_dim = 10, .value_first = 4}));
  // Sixteen positions of 14 halves: the latent part stands there once.
  EXPECT_EQ(CacheLayout(LayerIndex(0), {need}).block_bytes(0, KvType::kF16, 16), 16u * 14 * 2);
}

// A sequence whose rows see later ones is never continued, so nothing of it can be paged.
template <class A>
concept CanPage = requires(A a) { std::move(a).with_paged_attn({}); };
static_assert(CanPage<CausalAttention> && CanPage<SlidingWindowAttention>);
static_assert(!CanPage<BidirectionalAttention>);

TEST_F(Ingredients, UngatedFeedForwardsCheckTheirDimensionsOnce) {
  EXPECT_NO_THROW(Mlp(PlainActivation::kGeluTanh, random_linear(40, 24), random_linear(24, 40)));
  EXPECT_THROW(Mlp(PlainActivation::kGeluTanh, random_linear(40, 24), random_linear(24, 39)),
               InvalidArgument);
}

TEST_F(Ingredients, ParallelAddsWhatBothMakeOfTheSameRows) {
  const StepRows rows{{{SequenceId(1), Position(0), 5}}, {}};
  TransformContext context(*backend_, memory_, rows, {});
  const LayerNorm norm(random_vector(24), random_vector(24), 1e-5f);
  const CausalAttention mixer({.heads = 4, .kv_heads = 2, .head_dim = 8}, random_linear(32, 24),
                              random_linear(16, 24), random_linear(16, 24), random_linear(24, 32));
  const Mlp mlp(PlainActivation::kGeluErf, random_linear(40, 24), random_linear(24, 40));
  const WeightVector values = random_vector(5 * 24);
  const auto upload = [&] {
    return backend_->upload(context.held(), backend_->read(values.tensor()), {5, 24});
  };
  const Tensor expected = upload();
  const Activations n = norm.forward(expected, context);
  const Tensor mixed = mixer.mix(n, LayerIndex(0), context);
  const Tensor fed = mlp.forward(n, context);
  backend_->add(Out(expected), mixed);
  backend_->add(Out(expected), fed);
  const Tensor shared = upload();
  Parallel::Of<LayerNorm>(norm).run(shared, mixer, mlp, LayerIndex(0), context);
  EXPECT_EQ(std::memcmp(shared.as<float>(), expected.as<float>(), 5 * 24 * 4), 0);
  const Tensor apart = upload();
  Parallel::Of<LayerNorm>(norm, norm).run(apart, mixer, mlp, LayerIndex(0), context);
  EXPECT_EQ(std::memcmp(apart.as<float>(), expected.as<float>(), 5 * 24 * 4), 0);
}

TEST_F(Ingredients, AttentionWithoutPagesSeesTheRowsOfTheStep) {
  const AttentionConfig config{.heads = 4, .kv_heads = 2, .head_dim = 8};
  const CausalAttention plain =
      CausalAttention(config, random_linear(32, 24), random_linear(16, 24), random_linear(16, 24),
                      random_linear(24, 32))
          .with_rotary(std::make_shared<const Rotary>(rotary_frequencies(8, 1e4)));
  CausalAttention copy = plain;
  const CausalAttention paged = std::move(copy).with_paged_attn({});
  EXPECT_FALSE(plain.has_paged_attn());
  EXPECT_TRUE(paged.has_paged_attn());
  EXPECT_EQ(plain.cache_need().kind, CacheKind::kNone);
  EXPECT_EQ(paged.cache_need().kind, CacheKind::kFull);

  const StepRows rows{{{SequenceId(1), Position(0), 20}, {SequenceId(2), Position(0), 3}}, {}};
  const CacheLayout layout(LayerIndex(0), {paged.cache_need()});
  std::vector<std::byte> pool(4 * layout.block_bytes(0, KvType::kF32, 16));
  const CacheViews caches{&layout, KvType::kF32, 16, {{pool.data(), {2, 0, 3, 1}, 2}}};
  TransformContext context(*backend_, memory_, rows, caches);
  const WeightVector values = random_vector(23 * 24);
  const Tensor x = values.tensor().reshaped({23, 24});
  const Tensor kept = backend_->upload(context.held(), backend_->read(x), {23, 24});
  const Tensor a = plain.mix({.f32 = kept, .q8 = {}}, LayerIndex(0), context);
  const Tensor b = paged.mix({.f32 = kept, .q8 = {}}, LayerIndex(0), context);
  EXPECT_EQ(std::memcmp(a.as<float>(), b.as<float>(), 23 * 24 * 4), 0);
}

TEST_F(Ingredients, AlibiTakesASlopeOfTheDistanceFromScores) {
  // Keys are zero, so that the scores are the biases; heads give what they mix of x itself.
  const WeightVector zero(std::vector<float>(1, 0.0f));
  const WeightVector one(std::vector<float>(1, 1.0f));
  const WeightVector each({1, 0, 0, 0, 1, 0, 0, 0, 1});
  const CausalAttention mixer =
      CausalAttention({.heads = 3, .kv_heads = 1, .head_dim = 1}, random_linear(3, 1),
                      linear_of(zero, 1, 1), linear_of(one, 1, 1), linear_of(each, 3, 3))
          .with_alibi();
  const StepRows rows{{{SequenceId(1), Position(0), 9}}, {}};
  TransformContext context(*backend_, memory_, rows, {});
  const WeightVector values = random_vector(9);
  const std::span<const float> x = backend_->read(values.tensor());
  const Tensor kept = backend_->upload(context.held(), x, {9, 1});
  const Tensor mixed = mixer.mix({.f32 = kept, .q8 = {}}, LayerIndex(0), context);
  const std::span<const float> out = backend_->read(mixed);
  // Those of two heads, then every other one of four.
  const double slopes[] = {0x1p-4, 0x1p-8, 0x1p-2};
  for (std::size_t t = 0; t < 9; ++t) {
    for (std::size_t h = 0; h < 3; ++h) {
      double sum = 0;
      double weights = 0;
      for (std::size_t j = 0; j <= t; ++j) {
        const double weight = std::exp(-slopes[h] * static_cast<double>(t - j));
        weights += weight;
        sum += weight * double{x[j]};
      }
      EXPECT_NEAR(out[t * 3 + h], sum / weights, 1e-6) << t << ", head " << h;
    }
  }
}

}  // namespace
}  // namespace sirocco
