#include "sirocco/server/openai/prompt_input.hpp"

#include <cstdint>
#include <limits>
#include <utility>

namespace sirocco::openai {
namespace {

using json::Array;
using json::Field;

constexpr json::Integer kId{0, std::numeric_limits<std::int32_t>::max()};

bool is_number(const json::Value& value) {
  return value.as<std::int64_t>() != nullptr || value.as<double>() != nullptr;
}

std::vector<TokenId> read_tokens(const Field& field) {
  const Array& items = field.list({"tokens' ids", 1});
  std::vector<TokenId> out;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    // Places are put into words for those that are refused only: there may be very many.
    const auto* id = items[i].as<std::int64_t>();
    const bool usual = id != nullptr && *id >= kId.min && *id <= kId.max;
    const std::int64_t read = usual ? *id : field.item(i).integer(kId);
    out.emplace_back(static_cast<std::int32_t>(read));
  }
  return out;
}

}  // namespace

std::vector<PromptInput> read_prompt_inputs(const Field& field, std::size_t max_inputs) {
  std::vector<PromptInput> out;
  if (const auto* text = field.value().as<std::string>()) {
    out.emplace_back(*text);
    return out;
  }
  const Array* const items = field.value().as<Array>();
  if (items == nullptr) field.fail_expecting("invalid_type", kPromptInputWords);
  if (!items->empty() && is_number(items->front())) {
    out.emplace_back(read_tokens(field));
    return out;
  }
  field.require(json::ListOf{"texts or of tokens' ids", 1, max_inputs});
  out.reserve(items->size());
  for (std::size_t i = 0; i < items->size(); ++i) {
    const Field item = field.item(i);
    if (const auto* text = item.value().as<std::string>()) {
      out.emplace_back(*text);
    } else {
      out.emplace_back(read_tokens(item));
    }
  }
  return out;
}

}  // namespace sirocco::openai
