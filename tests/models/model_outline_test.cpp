// What is told of models before they are loaded is what loading makes of them.
#include "sirocco/models/model_outline.hpp"

#include <gtest/gtest.h>

#include "sirocco/models/registry.hpp"
#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

class Outlines : public ::testing::TestWithParam<std::string> {};

TEST_P(Outlines, AreWhatLoadingMakes) {
  const Checkpoint checkpoint = open_checkpoint(file_of(description(GetParam())));
  const CanonicalCheckpoint canonical =
      canonical_checkpoint(checkpoint.metadata, checkpoint.weights);
  const ModelOutline outline = model_outline(*canonical.metadata, *canonical.weights);

  ThreadGroup threads(1);
  ByteLedger ledger(UINT64_MAX);
  const auto backend = make_cpu_backend(Isa::kRef, threads, &ledger);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *backend);
  EXPECT_EQ(outline.info.architecture, builder->info().architecture);
  EXPECT_EQ(outline.info.context_length, builder->info().context_length);
  const AnyBlocks blocks = builder->blocks(builder->all_layers());
  ASSERT_EQ(std::ssize(outline.caches), builder->info().layers);
  ASSERT_EQ(std::ssize(outline.costs.layers), builder->info().layers);
  for (std::int32_t layer = 0; layer < builder->info().layers; ++layer) {
    EXPECT_EQ(outline.caches[static_cast<std::size_t>(layer)],
              blocks.cache_layout().need(LayerIndex(layer)));
  }
  // Every tensor is somewhere, a tied head at both ends.
  std::uint64_t planned = outline.costs.embedding.bytes + outline.costs.head.bytes;
  for (const PartCost& layer : outline.costs.layers) {
    planned += layer.bytes;
    EXPECT_LE(layer.read, layer.bytes);
    EXPECT_GT(layer.read, 0U);
    EXPECT_GT(layer.products, 0U);
  }
  std::uint64_t stored = 0;
  for (const StoredTensor& tensor : canonical.weights->tensors()) stored += tensor.size_bytes();
  const bool tied = canonical.weights->find("output.weight") == nullptr;
  if (tied) stored += canonical.weights->find("token_embd.weight")->size_bytes();
  EXPECT_EQ(planned, stored);
}

INSTANTIATE_TEST_SUITE_P(Golden, Outlines, ::testing::ValuesIn(golden_models()),
                         [](const auto& named) { return case_name(named.param); });

}  // namespace
}  // namespace sirocco::testing
