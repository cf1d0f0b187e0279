#pragma once

#include "sirocco/media/picture_plan.hpp"

namespace sirocco {

/// A PlanBuilder puts a plan together, step by step, within its limits. Pictures have numbers, as
/// in PictureStep::of.
class PlanBuilder {
 public:
  explicit PlanBuilder(PictureSize original);

  PictureSize size_of(int picture) const { return plan_.size_of(picture); }
  PictureLayout& layout() { return plan_.layout; }

  /// Each gives the number of what it makes.
  int resize(int of, std::int64_t width, std::int64_t height);
  int crop(int of, std::int64_t left, std::int64_t top, std::int64_t width, std::int64_t height,
           Color color = kBlack);

  /// `picture` becomes the next tile.
  void add_tile(int picture);

  /// `picture` cut into tiles of that size; those at its right and bottom end where it ends. Sets
  /// the layout's rows and columns.
  void cut(int picture, std::int64_t width, std::int64_t height);

  PicturePlan finish() && { return std::move(plan_); }

 private:
  int add(PictureStep step, std::int64_t width, std::int64_t height);

  PicturePlan plan_;
  std::int64_t tile_pixels_ = 0;
};

/// The size that `rule` gives a picture, as most processors read it: shortest and longest edge,
/// shortest edge alone, a box to fit into, or height and width.
PictureSize sized_by(const SizeRule& rule, PictureSize size);

/// Resizes and crops `picture` as far as the settings ask for either, and makes it a tile.
void add_resized_tile(PlanBuilder& plan, const PictureSettings& settings, int picture);

// The schemes: each fills in an empty plan.
void plan_whole(const PictureSettings& settings, PlanBuilder& plan);
void plan_any_resolution(const PictureSettings& settings, PlanBuilder& plan);
void plan_tiles(const PictureSettings& settings, PlanBuilder& plan);
void plan_quarters(const PictureSettings& settings, PlanBuilder& plan);
void plan_pan_and_scan(const PictureSettings& settings, PlanBuilder& plan);
void plan_pixel_budget(const PictureSettings& settings, PlanBuilder& plan);
void plan_patch_rows(const PictureSettings& settings, PlanBuilder& plan);

}  // namespace sirocco
