#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// A LayerSchedule is the layers of a model, or of one stage of it, in order: runs of one block
/// type each, so that the type is looked up once a run and the layers inside are monomorphized.
template <class... Blocks>
class LayerSchedule {
 public:
  explicit LayerSchedule(LayerIndex first) : first_(first) {}

  template <class Block>
  void push_back(Block block) {
    needs_.push_back(block.cache_need());
    if (runs_.empty() || !std::holds_alternative<std::vector<Block>>(runs_.back())) {
      runs_.emplace_back(std::vector<Block>());
    }
    std::get<std::vector<Block>>(runs_.back()).push_back(std::move(block));
  }

  /// Advances the residual stream x, f32 [T, D], in place through every layer.
  void forward(const Tensor& x, TransformContext& context) const {
    forward(x, context, [](LayerIndex) {});
  }
  /// The same, with behind(layer) called behind each.
  template <class Behind>
  void forward(const Tensor& x, TransformContext& context, Behind behind) const {
    each([&](LayerIndex layer, const auto& block) {
      block.forward(x, layer, context);
      behind(layer);
    });
  }
  /// visit(block) of one layer of these.
  template <class Visit>
  void visit(LayerIndex layer, Visit visit) const {
    each([&](LayerIndex here, const auto& block) {
      if (here == layer) visit(block);
    });
  }

  std::int32_t size() const { return static_cast<std::int32_t>(needs_.size()); }

  CacheLayout cache_layout() const { return CacheLayout(first_, needs_); }

 private:
  /// body(layer, block) of each, in order.
  template <class Body>
  void each(Body body) const {
    std::int32_t layer = first_.value();
    for (const auto& run : runs_)
      std::visit(
          [&](const auto& blocks) {
            for (const auto& block : blocks) body(LayerIndex(layer++), block);
          },
          run);
  }

  LayerIndex first_;
  std::vector<std::variant<std::vector<Blocks>...>> runs_;
  std::vector<CacheNeed> needs_;
};

}  // namespace sirocco
