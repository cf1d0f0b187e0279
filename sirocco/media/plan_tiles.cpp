#include <algorithm>
#include <cmath>
#include <limits>

#include "sirocco/base/error.hpp"
#include "sirocco/media/plan_builder.hpp"

/// The schemes that make several tiles of a picture. Products and quotients are of doubles, in the
/// order in which transformers has them, so that what is rounded down is the same.
namespace sirocco {
namespace {

double ratio(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}
std::int64_t down(double value) { return static_cast<std::int64_t>(value); }
/// The next multiple of `step`.
std::int64_t up_to_multiple(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

/// A size that may still be out of all limits.
struct Sides {
  std::int64_t width;
  std::int64_t height;
};

/// The grid that shows most of the picture's pixels and, of several, wastes fewest of its own.
PictureSize best_grid(const std::vector<PictureSize>& grids, PictureSize size) {
  const auto [width, height] = size;
  PictureSize best = grids.front();
  std::int64_t most = 0;
  std::int64_t least_waste = std::numeric_limits<std::int64_t>::max();
  for (const PictureSize grid : grids) {
    const double scale = std::min(ratio(grid.width, width), ratio(grid.height, height));
    const std::int64_t shown =
        std::min(down(width * scale) * down(height * scale), std::int64_t{width} * height);
    const std::int64_t waste = std::int64_t{grid.width} * grid.height - shown;
    if (shown < most || (shown == most && waste >= least_waste)) continue;
    most = shown;
    least_waste = waste;
    best = grid;
  }
  return best;
}

/// The largest size of the picture's proportion in `grid`, rounded up.
PictureSize fitted(PictureSize size, PictureSize grid) {
  const double across = ratio(grid.width, size.width);
  const double along = ratio(grid.height, size.height);
  const auto up = [](double side, int most) {
    return std::min(static_cast<int>(std::ceil(side)), most);
  };
  return across < along ? PictureSize{grid.width, up(size.height * across, grid.height)}
                        : PictureSize{up(size.width * along, grid.width), grid.height};
}

/// The longest edge becomes `longest`; the other keeps the proportion, rounded down and, where it
/// is odd, up by one.
Sides scaled_to(Sides size, std::int64_t longest) {
  const double aspect = ratio(size.width, size.height);
  const auto even = [](std::int64_t side) { return side + side % 2; };
  if (size.width >= size.height)
    return {longest, std::max<std::int64_t>(even(down(static_cast<double>(longest) / aspect)), 1)};
  return {std::max<std::int64_t>(even(down(static_cast<double>(longest) * aspect)), 1), longest};
}

Sides at_most(Sides size, std::int64_t longest) {
  const double aspect = ratio(size.width, size.height);
  if (size.width >= size.height && size.width > longest) {
    size = {longest, down(static_cast<double>(longest) / aspect)};
  } else if (size.height > size.width && size.height > longest) {
    size = {down(static_cast<double>(longest) * aspect), longest};
  }
  return {std::max<std::int64_t>(size.width, 1), std::max<std::int64_t>(size.height, 1)};
}

Sides whole_tiles(PictureSize size, std::int64_t side) {
  const double aspect = ratio(size.width, size.height);
  if (size.width >= size.height) {
    const std::int64_t width = up_to_multiple(size.width, side);
    return {width, up_to_multiple(down(static_cast<double>(width) / aspect), side)};
  }
  const std::int64_t height = up_to_multiple(size.height, side);
  return {up_to_multiple(down(static_cast<double>(height) * aspect), side), height};
}

/// Idefics2's own reading of both edges: the longest one first, and no side below the shortest.
Sides between_edges(const SizeRule& rule, PictureSize size) {
  const double aspect = ratio(size.width, size.height);
  Sides sides{size.width, size.height};
  if (size.width >= size.height && size.width > rule.longest_edge) {
    sides = {rule.longest_edge, down(static_cast<double>(rule.longest_edge) / aspect)};
  } else if (size.height > size.width && size.height > rule.longest_edge) {
    sides = {down(static_cast<double>(rule.longest_edge) * aspect), rule.longest_edge};
  }
  return {std::max(sides.width, rule.shortest_edge), std::max(sides.height, rule.shortest_edge)};
}

}  // namespace

void plan_any_resolution(const PictureSettings& settings, PlanBuilder& plan) {
  const SizeRule& size = settings.size;
  const bool box = size.height > 0 && size.width > 0;
  const int whole = box ? plan.resize(0, size.width, size.height)
                        : plan.resize(0, size.shortest_edge, size.shortest_edge);
  add_resized_tile(plan, settings, whole);

  const PictureSize grid = best_grid(settings.grid_pinpoints, plan.size_of(0));
  const PictureSize fit = fitted(plan.size_of(0), grid);
  const int resized = plan.resize(0, fit.width, fit.height);
  const int padded = plan.crop(resized, -((grid.width - fit.width) / 2),
                               -((grid.height - fit.height) / 2), grid.width, grid.height);
  const std::int64_t side = settings.crop_size.height > 0 ? settings.crop_size.height
                            : size.height > 0             ? size.height
                                                          : size.shortest_edge;
  for (std::int64_t top = 0; top < grid.height; top += side) {
    for (std::int64_t left = 0; left < grid.width; left += side) {
      add_resized_tile(plan, settings,
                       plan.crop(padded, left, top, std::min(side, grid.width - left),
                                 std::min(side, grid.height - top)));
    }
  }
  plan.layout().resized = fit;
  plan.layout().canvas = grid;
  plan.layout().columns = static_cast<int>((grid.width + side - 1) / side);
  plan.layout().rows = static_cast<int>((grid.height + side - 1) / side);
}

void plan_tiles(const PictureSettings& settings, PlanBuilder& plan) {
  constexpr std::int64_t kLongestEver = 4096;
  const std::int64_t side = settings.tile_side;
  int picture = 0;
  if (settings.do_resize) {
    const auto [width, height] = plan.size_of(0);
    const SizeRule& size = settings.size;
    const Sides to = size.longest_edge > 0
                         ? at_most(scaled_to({width, height}, size.longest_edge), kLongestEver)
                         : Sides{size.width, size.height};
    picture = plan.resize(0, to.width, to.height);
  }
  if (settings.do_image_splitting) {
    const Sides to = whole_tiles(plan.size_of(picture), side);
    picture = plan.resize(picture, to.width, to.height);
    plan.layout().resized = plan.layout().canvas = plan.size_of(picture);
    if (to.width > side || to.height > side) plan.cut(picture, side, side);
  }
  plan.layout().whole = plan.layout().rows * plan.layout().columns;
  plan.add_tile(plan.resize(picture, side, side));
}

void plan_quarters(const PictureSettings& settings, PlanBuilder& plan) {
  const auto add = [&](int picture) {
    if (settings.do_resize) {
      const SizeRule& size = settings.size;
      const Sides to = size.shortest_edge > 0 && size.longest_edge > 0
                           ? between_edges(size, plan.size_of(picture))
                           : Sides{size.width, size.height};
      picture = plan.resize(picture, to.width, to.height);
    }
    plan.add_tile(picture);
  };
  const auto [width, height] = plan.size_of(0);
  if (settings.do_image_splitting) {
    const int x = width / 2;
    const int y = height / 2;
    add(plan.crop(0, 0, 0, x, y));
    add(plan.crop(0, x, 0, width - x, y));
    add(plan.crop(0, 0, y, x, height - y));
    add(plan.crop(0, x, y, width - x, height - y));
    plan.layout().rows = plan.layout().columns = 2;
    plan.layout().whole = 4;
  }
  add(0);
}

void plan_pan_and_scan(const PictureSettings& settings, PlanBuilder& plan) {
  const auto add = [&](int picture) {
    if (settings.do_resize) {
      const auto [width, height] = sized_by(settings.size, plan.size_of(picture));
      picture = plan.resize(picture, width, height);
    }
    plan.add_tile(picture);
  };
  add(0);
  if (!settings.do_pan_and_scan) return;

  const auto [width, height] = plan.size_of(0);
  const bool wide = width >= height;
  const std::int64_t length = wide ? width : height;
  const std::int64_t breadth = wide ? height : width;
  if (ratio(length, breadth) < settings.pan_and_scan_min_ratio_to_activate) return;
  // Half is rounded up here.
  std::int64_t slices = down(std::floor(ratio(length, breadth) + 0.5));
  slices = std::min(length / settings.pan_and_scan_min_crop_size, slices);
  slices = std::min(settings.pan_and_scan_max_num_crops, std::max<std::int64_t>(2, slices));
  const std::int64_t slice = (length + slices - 1) / slices;
  if (std::min(slice, breadth) < settings.pan_and_scan_min_crop_size) return;
  for (std::int64_t i = 0; i < slices; ++i) {
    const std::int64_t at = i * slice;
    const std::int64_t size = std::min(slice, length - at);
    add(wide ? plan.crop(0, at, 0, size, height) : plan.crop(0, 0, at, width, size));
  }
  plan.layout().columns = static_cast<int>(wide ? slices : 1);
  plan.layout().rows = static_cast<int>(wide ? 1 : slices);
}

}  // namespace sirocco
