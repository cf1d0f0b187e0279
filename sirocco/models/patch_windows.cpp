#include "sirocco/models/patch_windows.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace sirocco {
namespace {

/// body(row, column, extent) for each window, by where it begins.
template <class Body>
void each_window(PatchGrid grid, std::int32_t side, Body body) {
  for (std::int32_t row = 0; row < grid.rows; row += side)
    for (std::int32_t column = 0; column < grid.columns; column += side)
      body(row, column,
           PatchGrid{std::min(side, grid.rows - row), std::min(side, grid.columns - column)});
}

RotaryPositions places_by(PatchGrid grid, const std::vector<std::int32_t>& order) {
  std::vector<std::int32_t> places;
  for (const std::int32_t patch : order) {
    places.push_back(patch / grid.columns);
    places.push_back(patch % grid.columns);
  }
  return {2, std::move(places)};
}

}  // namespace

RotaryPositions places_of_patches(PatchGrid grid) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(grid.patches()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  return places_by(grid, order);
}

bool PatchWindows::apply_in(LayerIndex layer) const {
  return std::ranges::find(full_layers, layer.value()) == full_layers.end();
}

std::vector<std::int32_t> PatchWindows::order(PatchGrid grid) const {
  std::vector<std::int32_t> out;
  each_window(grid, side, [&](std::int32_t row, std::int32_t column, PatchGrid window) {
    for (std::int32_t r = row; r < row + window.rows; ++r)
      for (std::int32_t c = column; c < column + window.columns; ++c)
        out.push_back(r * grid.columns + c);
  });
  return out;
}

std::vector<std::int32_t> PatchWindows::sizes(PatchGrid grid) const {
  std::vector<std::int32_t> out;
  each_window(grid, side, [&](std::int32_t, std::int32_t, PatchGrid window) {
    out.push_back(static_cast<std::int32_t>(window.patches()));
  });
  return out;
}

std::int64_t PatchWindows::largest(PatchGrid grid) const {
  return PatchGrid{std::min(side, grid.rows), std::min(side, grid.columns)}.patches();
}

RotaryPositions PatchWindows::places(PatchGrid grid) const { return places_by(grid, order(grid)); }

}  // namespace sirocco
