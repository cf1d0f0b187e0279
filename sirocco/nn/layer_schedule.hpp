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
    forward(x, first_, LayerIndex(first_.value() + size()), context, std::move(behind));
  }
  /// The same through the layers [begin, end) of these.
  template <class Behind>
  void forward(const Tensor& x, LayerIndex begin, LayerIndex end, TransformContext& context,
               Behind behind) const {
    std::int32_t layer = first_.value();
    const auto advance = [&](const auto& block) {
      const LayerIndex here(layer++);
      if (here < begin || here >= end) return;
      block.forward(x, here, context);
      behind(here);
    };
    for (const auto& run : runs_)
      std::visit(
          [&](const auto& blocks) {
            for (const auto& block : blocks) advance(block);
          },
          run);
  }

  std::int32_t size() const { return static_cast<std::int32_t>(needs_.size()); }

  CacheLayout cache_layout() const { return CacheLayout(first_, needs_); }

 private:
  LayerIndex first_;
  std::vector<std::variant<std::vector<Blocks>...>> runs_;
  std::vector<CacheNeed> needs_;
};

}  // namespace sirocco
