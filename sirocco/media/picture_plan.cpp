#include "sirocco/media/picture_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/media/plan_builder.hpp"

namespace sirocco {

PlanBuilder::PlanBuilder(PictureSize original) {
  plan_.layout.original = original;
  plan_.layout.resized = original;
  plan_.layout.canvas = original;
}

int PlanBuilder::add(PictureStep step, std::int64_t width, std::int64_t height) {
  const auto [from_width, from_height] = plan_.layout.original;
  if (width < 1 || height < 1) {
    throw InvalidArgument(
        "a picture of {} x {} pixels can't be prepared: a part of it would be {} x {}", from_width,
        from_height, width, height);
  }
  // Sides are held against the limit first, so that their product can't overflow.
  if (std::max(width, height) > kMaxPlannedPixels || width * height > kMaxPlannedPixels) {
    throw ResourceExhausted(
        "a picture of {} x {} pixels would become {} x {} on its way to the model; at most {} "
        "pixels are allowed: make its sides more alike, or it smaller",
        from_width, from_height, width, height, kMaxPlannedPixels);
  }
  step.size = {static_cast<int>(width), static_cast<int>(height)};
  plan_.steps.push_back(step);
  return static_cast<int>(plan_.steps.size());
}

int PlanBuilder::resize(int of, std::int64_t width, std::int64_t height) {
  const auto [from_width, from_height] = size_of(of);
  if (width == from_width && height == from_height) return of;
  PictureStep step;
  step.of = of;
  return add(step, width, height);
}

int PlanBuilder::crop(int of, std::int64_t left, std::int64_t top, std::int64_t width,
                      std::int64_t height, Color color) {
  const auto [from_width, from_height] = size_of(of);
  if (left == 0 && top == 0 && width == from_width && height == from_height) return of;
  PictureStep step;
  step.kind = PictureStep::Kind::kCrop;
  step.of = of;
  step.left = static_cast<int>(left);
  step.top = static_cast<int>(top);
  step.color = color;
  return add(step, width, height);
}

void PlanBuilder::add_tile(int picture) {
  const auto [width, height] = size_of(picture);
  tile_pixels_ += std::int64_t{width} * height;
  if (tile_pixels_ > kMaxPlannedPixels) {
    throw ResourceExhausted(
        "a picture of {} x {} pixels would become more than {} pixels in tiles, which is what is "
        "allowed",
        plan_.layout.original.width, plan_.layout.original.height, kMaxPlannedPixels);
  }
  if (plan_.tiles.size() == kMaxTiles) {
    throw ResourceExhausted("a picture of {} x {} pixels would become more than {} tiles",
                            plan_.layout.original.width, plan_.layout.original.height, kMaxTiles);
  }
  plan_.tiles.push_back(picture);
}

void PlanBuilder::cut(int picture, std::int64_t width, std::int64_t height) {
  const auto [from_width, from_height] = size_of(picture);
  for (std::int64_t top = 0; top < from_height; top += height) {
    for (std::int64_t left = 0; left < from_width; left += width) {
      add_tile(crop(picture, left, top, std::min<std::int64_t>(width, from_width - left),
                    std::min<std::int64_t>(height, from_height - top)));
    }
  }
  plan_.layout.columns = static_cast<int>((from_width + width - 1) / width);
  plan_.layout.rows = static_cast<int>((from_height + height - 1) / height);
}

std::int64_t PicturePlan::tile_pixels() const {
  std::int64_t sum = 0;
  for (const int tile : tiles) sum += std::int64_t{size_of(tile).width} * size_of(tile).height;
  return sum;
}

namespace {

/// The shorter side becomes `shortest`, the other keeps the proportion, rounded down.
PictureSize with_shortest(PictureSize size, std::int64_t shortest) {
  const auto longer = [shortest](std::int64_t from_long, std::int64_t from_short) {
    return static_cast<double>(shortest * from_long) / static_cast<double>(from_short);
  };
  // Beyond any limit, but still an int.
  const auto whole = [](double side) {
    return static_cast<int>(std::min(side, static_cast<double>(kMaxPlannedPixels) + 1));
  };
  const int side = whole(static_cast<double>(shortest));
  return size.width <= size.height ? PictureSize{side, whole(longer(size.height, size.width))}
                                   : PictureSize{whole(longer(size.width, size.height)), side};
}

/// The same, unless the longer side would become more than `longest`.
PictureSize with_both_edges(PictureSize size, std::int64_t shortest, std::int64_t longest) {
  const auto [width, height] = size;
  const double small = std::min(width, height);
  const double large = std::max(width, height);
  double exact = static_cast<double>(shortest);
  if (large / small * exact > static_cast<double>(longest)) {
    exact = static_cast<double>(longest) * small / large;
    shortest = static_cast<std::int64_t>(std::nearbyint(exact));
  }
  if ((height <= width && height == shortest) || (width <= height && width == shortest))
    return size;
  const auto whole = [](double side) {
    return static_cast<int>(std::min(side, static_cast<double>(kMaxPlannedPixels) + 1));
  };
  const int side = whole(static_cast<double>(shortest));
  return width < height ? PictureSize{side, whole(exact * height / width)}
                        : PictureSize{whole(exact * width / height), side};
}

PictureSize into_box(PictureSize size, std::int64_t max_width, std::int64_t max_height) {
  const double scale = std::min(static_cast<double>(max_height) / size.height,
                                static_cast<double>(max_width) / size.width);
  return {static_cast<int>(size.width * scale), static_cast<int>(size.height * scale)};
}

struct Scheme {
  PictureScheme scheme;
  void (*plan)(const PictureSettings&, PlanBuilder&);
};
constexpr std::array kSchemes = {
    Scheme{PictureScheme::kWhole, plan_whole},
    Scheme{PictureScheme::kAnyResolution, plan_any_resolution},
    Scheme{PictureScheme::kTiles, plan_tiles},
    Scheme{PictureScheme::kQuarters, plan_quarters},
    Scheme{PictureScheme::kPanAndScan, plan_pan_and_scan},
    Scheme{PictureScheme::kPixelBudget, plan_pixel_budget},
    Scheme{PictureScheme::kPatchRows, plan_patch_rows},
};

}  // namespace

PictureSize sized_by(const SizeRule& rule, PictureSize size) {
  if (rule.shortest_edge > 0 && rule.longest_edge > 0)
    return with_both_edges(size, rule.shortest_edge, rule.longest_edge);
  if (rule.shortest_edge > 0) return with_shortest(size, rule.shortest_edge);
  if (rule.max_height > 0 && rule.max_width > 0)
    return into_box(size, rule.max_width, rule.max_height);
  return {static_cast<int>(rule.width), static_cast<int>(rule.height)};
}

void add_resized_tile(PlanBuilder& plan, const PictureSettings& settings, int picture) {
  if (settings.do_resize) {
    const auto [width, height] = sized_by(settings.size, plan.size_of(picture));
    picture = plan.resize(picture, width, height);
  }
  if (settings.do_center_crop) {
    const auto [width, height] = settings.crop_size;
    const auto [from_width, from_height] = plan.size_of(picture);
    // Half of the difference, rounded down on both sides of 0.
    picture =
        plan.crop(picture, (from_width - width) >> 1, (from_height - height) >> 1, width, height);
  }
  plan.add_tile(picture);
}

void plan_whole(const PictureSettings& settings, PlanBuilder& plan) {
  int picture = 0;
  const auto [width, height] = plan.size_of(0);
  if (settings.pad_to_square) {
    Color color;
    for (std::size_t c = 0; c < 3; ++c)
      color[c] = static_cast<std::uint8_t>(settings.image_mean[c] * 255);
    const int side = std::max(width, height);
    picture = plan.crop(0, -((side - width) / 2), -((side - height) / 2), side, side, color);
    plan.layout().canvas = plan.size_of(picture);
  }
  add_resized_tile(plan, settings, picture);
}

PicturePlan plan_picture(const PictureSettings& settings, PictureSize size) {
  if (size.width < 1 || size.height < 1) {
    throw InvalidArgument("a picture of {} x {} pixels; both sides must be at least 1", size.width,
                          size.height);
  }
  const auto* const found = std::ranges::find(kSchemes, settings.scheme, &Scheme::scheme);
  SIROCCO_CHECK(found != kSchemes.end());
  PlanBuilder plan(size);
  found->plan(settings, plan);
  return std::move(plan).finish();
}

}  // namespace sirocco
