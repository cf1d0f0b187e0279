#include "sirocco/models/layer_costs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// The layer that a tensor belongs to, by its name "blk.N.…".
std::optional<std::size_t> layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = name.substr(kPrefix.size());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || end == rest.data() + rest.size() || *end != '.') return std::nullopt;
  return number;
}

/// `used` of `experts` parts of the tensor are what one token goes through.
void add(PartCost& cost, const StoredTensor& tensor, std::uint64_t used, std::uint64_t experts) {
  cost.bytes += tensor.size_bytes();
  cost.read += tensor.size_bytes() / experts * used;
  cost.products += static_cast<std::uint64_t>(tensor.shape.elements()) / experts * used;
}

}  // namespace

LayerCosts layer_costs(const Metadata& metadata, const WeightSource& weights) {
  const auto architecture = metadata.get_or<std::string_view>("general.architecture", "");
  const auto number = [&](std::string_view what) {
    return metadata.get_or<std::int64_t>(fmt::format("{}.{}", architecture, what), 0);
  };
  const std::int64_t layers = number("block_count");
  if (layers < 1 || layers > INT32_MAX)
    throw FormatError("{}: {} layers", weights.origin(), layers);
  const auto experts =
      static_cast<std::uint64_t>(std::max<std::int64_t>(number("expert_count"), 1));
  const auto used = static_cast<std::uint64_t>(
      std::clamp<std::int64_t>(number("expert_used_count"), 1, static_cast<std::int64_t>(experts)));
  LayerCosts costs;
  costs.layers.resize(static_cast<std::size_t>(layers));
  bool has_head = false;
  const auto is_head = [&](const StoredTensor& matrix) {
    costs.vocabulary = matrix.shape[0];
    costs.head_row_bytes = matrix.size_bytes() /
                           static_cast<std::uint64_t>(std::max<std::int64_t>(matrix.shape[0], 1));
  };
  for (const StoredTensor& tensor : weights.tensors()) {
    if (const std::optional<std::size_t> layer = layer_of(tensor.name)) {
      if (*layer >= costs.layers.size()) continue;  // those of later tokens, which aren't run
      const bool stacked = tensor.name.find("_exps.") != tensor.name.npos;
      add(costs.layers[*layer], tensor, stacked ? used : 1, stacked ? experts : 1);
    } else if (tensor.name.starts_with("output")) {
      if (tensor.name == "output.weight") {
        has_head = true;
        is_head(tensor);
      }
      add(costs.head, tensor, 1, 1);
    } else {
      // A token goes through a row of its table.
      add(costs.embedding, tensor, 0, 1);
    }
  }
  if (!has_head)
    if (const StoredTensor* table = weights.find("token_embd.weight")) {
      add(costs.head, *table, 1, 1);
      costs.tied_bytes = table->size_bytes();
      is_head(*table);
    }
  return costs;
}

}  // namespace sirocco
