#include "sirocco/quant/format.hpp"

#include <algorithm>
#include <vector>

#include "sirocco/quant/float_formats.hpp"
#include "sirocco/quant/iq_quants.hpp"
#include "sirocco/quant/k_quants.hpp"
#include "sirocco/quant/legacy_quants.hpp"
#include "sirocco/quant/mx_quants.hpp"

namespace sirocco {
namespace {

/// The rows of every family, by id.
const std::vector<Format>& table() {
  static const std::vector<Format> kTable = [] {
    std::vector<Format> rows;
    for (const std::span<const Format> family :
         {float_formats(), legacy_quants(), k_quants(), iq_quants(), mx_quants()})
      rows.insert(rows.end(), family.begin(), family.end());
    std::ranges::sort(rows, {}, &Format::id);
    return rows;
  }();
  return kTable;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::span<const Format> formats() { return table(); }

const Format* find_format(FormatId id) {
  const auto found = std::ranges::find(table(), id, &Format::id);
  return found == table().end() ? nullptr : &*found;
}

const Format* find_format(std::string_view name) {
  const auto found = std::ranges::find_if(
      table(), [&](const Format& format) { return equal_ignoring_case(format.name, name); });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace sirocco
