#include "sirocco/models/model_outline.hpp"

#include "sirocco/models/registry.hpp"

namespace sirocco {
namespace {

/// A matrix without its elements.
class MatrixOutline final : public WeightMatrix {
 public:
  using WeightMatrix::WeightMatrix;
  std::size_t bytes() const override { return 0; }
};
class StackOutline final : public WeightStack {
 public:
  using WeightStack::WeightStack;
  std::size_t bytes() const override { return 0; }
};

class OutlinePacker final : public WeightPacker {
 public:
  std::shared_ptr<const WeightMatrix> pack(const StoredTensor& stored,
                                           std::span<const std::int32_t> source_rows,
                                           const WeightSource* /*source*/) override {
    return std::make_shared<const MatrixOutline>(*stored.format, rows(stored, source_rows),
                                                 stored.columns());
  }
  std::shared_ptr<const WeightMatrix> rows_of(const std::shared_ptr<const WeightMatrix>& whole,
                                              std::int64_t begin, std::int64_t end) override {
    return std::make_shared<const MatrixOutline>(whole->format(), end - begin, whole->columns());
  }
  std::shared_ptr<const WeightStack> pack_stack(std::span<const StoredTensor> matrices,
                                                std::span<const std::int32_t> source_rows,
                                                const WeightSource* /*source*/) override {
    const StoredTensor& first = matrices.front();
    return std::make_shared<const StackOutline>(*first.format, std::ssize(matrices),
                                                rows(first, source_rows), first.columns());
  }

 private:
  static std::int64_t rows(const StoredTensor& stored, std::span<const std::int32_t> source_rows) {
    return source_rows.empty() ? stored.rows() : std::ssize(source_rows);
  }
};

}  // namespace

ModelOutline model_outline(const Metadata& metadata, const WeightSource& weights) {
  OutlinePacker packer;
  const auto builder = make_model_builder(metadata, weights, packer);
  ModelOutline outline{builder->info(), layer_costs(metadata, weights), {}};
  const AnyBlocks blocks = builder->blocks(builder->all_layers());
  for (std::int32_t layer = 0; layer < outline.info.layers; ++layer)
    outline.caches.push_back(blocks.cache_layout().need(LayerIndex(layer)));
  return outline;
}

}  // namespace sirocco
