#include "sirocco/models/patch_windows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace sirocco {
namespace {

TEST(PatchWindows, HoldEachPatchOnceAndOnlyNeighbours) {
  for (const std::int32_t side : {1, 2, 6, 8}) {
    for (const PatchGrid grid :
         {PatchGrid{1, 1}, PatchGrid{6, 18}, PatchGrid{7, 5}, PatchGrid{2, 40}}) {
      const PatchWindows windows{side};
      const std::vector<std::int32_t> order = windows.order(grid);
      const std::vector<std::int32_t> sizes = windows.sizes(grid);
      std::vector<std::int32_t> sorted = order;
      std::ranges::sort(sorted);
      std::vector<std::int32_t> all(static_cast<std::size_t>(grid.patches()));
      std::iota(all.begin(), all.end(), 0);
      EXPECT_EQ(sorted, all);
      EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), 0), grid.patches());
      EXPECT_EQ(*std::ranges::max_element(sizes), windows.largest(grid));
      auto patch = order.begin();
      for (const std::int32_t size : sizes) {
        const auto cell = [&](std::int32_t p) {
          return std::pair(p / grid.columns / side, p % grid.columns / side);
        };
        EXPECT_TRUE(std::all_of(patch, patch + size,
                                [&](std::int32_t p) { return cell(p) == cell(*patch); }));
        patch += size;
      }
    }
  }
}

TEST(PatchWindows, PlaceRowsByTheirPatches) {
  const PatchWindows windows{2};
  const PatchGrid grid{3, 3};
  EXPECT_EQ(windows.order(grid), (std::vector<std::int32_t>{0, 1, 3, 4, 2, 5, 6, 7, 8}));
  EXPECT_EQ(windows.sizes(grid), (std::vector<std::int32_t>{4, 2, 2, 1}));
  const RotaryPositions places = windows.places(grid);
  EXPECT_EQ(places.axes(), 2);
  const std::vector<std::int32_t> numbers(places.numbers().begin(), places.numbers().end());
  EXPECT_EQ(numbers,
            (std::vector<std::int32_t>{0, 0, 0, 1, 1, 0, 1, 1, 0, 2, 1, 2, 2, 0, 2, 1, 2, 2}));
}

TEST(PatchWindows, DontApplyInTheLayersThatSeeAll) {
  const PatchWindows windows{2, {1, 3}};
  EXPECT_TRUE(windows.apply_in(LayerIndex(0)));
  EXPECT_FALSE(windows.apply_in(LayerIndex(1)));
  EXPECT_FALSE(windows.apply_in(LayerIndex(3)));
}

}  // namespace
}  // namespace sirocco
