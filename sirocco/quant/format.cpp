#include "sirocco/quant/format.hpp"

#include <algorithm>
#include <array>

#include "sirocco/quant/float_formats.hpp"
#include "sirocco/quant/iq_quants.hpp"
#include "sirocco/quant/k_quants.hpp"
#include "sirocco/quant/legacy_quants.hpp"
#include "sirocco/quant/mx_quants.hpp"

namespace sirocco {
namespace {

template <class Block>
constexpr Format row_of() {
  Format row{.id = Block::kId,
             .name = Block::kName,
             .block_elements = Block::kElements,
             .block_bytes = sizeof(Block),
             .panel = Block::kPanel,
             .decode = &Block::decode,
             .encode = nullptr,
             .pack = &Block::pack};
  if constexpr (requires { &Block::encode; }) row.encode = &Block::encode;
  return row;
}

constexpr std::array kFormats = {
    row_of<F32Block>(),   row_of<F16Block>(),   row_of<Q4_0Block>(), row_of<Q4_1Block>(),
    row_of<Q5_0Block>(),  row_of<Q5_1Block>(),  row_of<Q8_0Block>(), row_of<Q2KBlock>(),
    row_of<Q3KBlock>(),   row_of<Q4KBlock>(),   row_of<Q5KBlock>(),  row_of<Q6KBlock>(),
    row_of<Iq4NlBlock>(), row_of<Iq4XsBlock>(), row_of<Bf16Block>(), row_of<MxFp4Block>(),
};
static_assert(std::ranges::is_sorted(kFormats, {}, &Format::id));

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(FormatId id) {
  const auto* const found = std::ranges::find(kFormats, id, &Format::id);
  return found == kFormats.end() ? nullptr : &*found;
}

const Format* find_format(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kFormats, [&](const Format& format) { return equal_ignoring_case(format.name, name); });
  return found == kFormats.end() ? nullptr : &*found;
}

}  // namespace sirocco
