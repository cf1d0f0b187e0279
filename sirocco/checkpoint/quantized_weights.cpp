#include "sirocco/checkpoint/quantized_weights.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/derived_weights.hpp"

namespace sirocco {
namespace {

/// Matrices that stay in float: small, and the model's choices hang on them.
constexpr std::array<std::string_view, 4> kNeverQuantized = {"_norm.weight", "ffn_gate_inp",
                                                             "position_embd", "token_types"};
constexpr std::array<std::string_view, 2> kTables = {"token_embd.weight", "output.weight"};

/// What `tensor` becomes when a checkpoint is quantized to `wanted`; null: it stays.
const Format* quantized_format(const StoredTensor& tensor, const Format& wanted) {
  const auto has = [&](std::string_view part) {
    return tensor.name.find(part) != std::string_view::npos;
  };
  const bool is_float = tensor.format->block_elements == 1;
  // Of one row it is a vector to llama.cpp.
  if (!is_float || tensor.shape.rank() < 2 || tensor.rows() == 1 ||
      !tensor.name.ends_with(".weight") || std::ranges::any_of(kNeverQuantized, has))
    return nullptr;
  const bool is_table = std::ranges::find(kTables, tensor.name) != kTables.end();
  const Format* const format =
      is_table && panel_traits(wanted.panel).bits < 8 ? find_format(FormatId::kQ8_0) : &wanted;
  return tensor.columns() % format->block_elements == 0 ? format : nullptr;
}

}  // namespace

std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const WeightSource> weights,
                                                      const Format& format) {
  SIROCCO_CHECK(format.encode != nullptr);
  auto out = std::make_shared<DerivedWeights>(weights, weights->rotary_rows());
  for (const StoredTensor& tensor : weights->tensors()) {
    const Format* const to = quantized_format(tensor, format);
    StoredTensor added = tensor;
    if (to != nullptr) {
      added = out->make(*to, tensor.shape, std::make_unique<const ConvertedRows>(tensor, *to));
    }
    out->add(std::string(tensor.name), added);
  }
  out->finish();
  return out;
}

}  // namespace sirocco
