#include <algorithm>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/media/plan_builder.hpp"

/// The schemes that make a picture one tile of whole patches.
namespace sirocco {
namespace {

/// Sides of pictures, and numbers of pixels, in doubles, as Python's quotients are.
double real(std::int64_t value) { return static_cast<double>(value); }
std::int64_t whole(double value) { return static_cast<std::int64_t>(value); }

void set_patches(const PictureSettings& settings, PlanBuilder& plan, int picture) {
  const auto [width, height] = plan.size_of(picture);
  const auto [across, along] = settings.patch_size;
  plan.layout().resized = plan.layout().canvas = {width, height};
  plan.layout().patches = {width / across, height / along};
}

}  // namespace

void plan_pixel_budget(const PictureSettings& settings, PlanBuilder& plan) {
  constexpr double kMaxAspect = 200;
  const std::int64_t factor = settings.patch_size.width * settings.merge_size;
  const std::int64_t width = plan.size_of(0).width;
  const std::int64_t height = plan.size_of(0).height;
  if (!settings.do_resize) {
    if (width % factor != 0 || height % factor != 0) {
      throw InvalidArgument(
          "a picture of {} x {} pixels; this model resizes none, so both must be multiples of {}",
          width, height, factor);
    }
    set_patches(settings, plan, 0);
    plan.add_tile(0);
    return;
  }
  const double aspect = real(std::max(width, height)) / real(std::min(width, height));
  if (aspect > kMaxAspect) {
    throw InvalidArgument(
        "a picture of {} x {} pixels; one side may be at most {} times the other for this model",
        width, height, kMaxAspect);
  }
  // Python rounds half to even, as nearbyint does.
  const auto nearest = [factor](std::int64_t side) {
    return whole(std::nearbyint(real(side) / real(factor))) * factor;
  };
  const double pixels = real(width * height);
  std::int64_t to_width = nearest(width);
  std::int64_t to_height = nearest(height);
  if (to_width * to_height > settings.size.longest_edge) {
    const double shrink = std::sqrt(pixels / real(settings.size.longest_edge));
    const auto shrunk = [&](std::int64_t side) {
      return std::max(factor, whole(std::floor(real(side) / shrink / real(factor))) * factor);
    };
    to_width = shrunk(width);
    to_height = shrunk(height);
  } else if (to_width * to_height < settings.size.shortest_edge) {
    const double grow = std::sqrt(real(settings.size.shortest_edge) / pixels);
    const auto grown = [&](std::int64_t side) {
      return whole(std::ceil(real(side) * grow / real(factor))) * factor;
    };
    to_width = grown(width);
    to_height = grown(height);
  }
  const int picture = plan.resize(0, to_width, to_height);
  set_patches(settings, plan, picture);
  plan.add_tile(picture);
}

void plan_patch_rows(const PictureSettings& settings, PlanBuilder& plan) {
  int picture = 0;
  if (settings.do_resize) {
    const SizeRule& size = settings.size;
    const std::int64_t max_width = size.longest_edge > 0 ? size.longest_edge : size.width;
    const std::int64_t max_height = size.longest_edge > 0 ? size.longest_edge : size.height;
    std::int64_t width = plan.size_of(0).width;
    std::int64_t height = plan.size_of(0).height;
    const double ratio = std::max(real(height) / real(max_height), real(width) / real(max_width));
    if (ratio > 1) {
      height = whole(std::floor(real(height) / ratio));
      width = whole(std::floor(real(width) / ratio));
    }
    const auto up = [&](std::int64_t side, std::int64_t patch) {
      const std::int64_t step = patch * settings.merge_size;
      return (side + step - 1) / step * step;
    };
    picture = plan.resize(0, up(width, settings.patch_size.width),
                          up(height, settings.patch_size.height));
  }
  if (settings.do_center_crop) {
    const auto [width, height] = settings.crop_size;
    const auto [from_width, from_height] = plan.size_of(picture);
    picture =
        plan.crop(picture, (from_width - width) >> 1, (from_height - height) >> 1, width, height);
  }
  set_patches(settings, plan, picture);
  plan.add_tile(picture);
}

}  // namespace sirocco
