#include <cstddef>
#include <cstdint>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_processor.hpp"

/// Any preprocessor_config.json gives settings that pictures of any size can be planned by, or
/// throws an Error; what is planned is within the limits, and small plans are carried out.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  const MemoryFiles files(
      {{"preprocessor_config.json", std::string(reinterpret_cast<const char*>(data), size)},
       {"config.json", R"({"model_type": "smolvlm"})"}});
  try {
    const PictureProcessor processor(*find_picture_settings(files));
    for (const PictureSize picture : {PictureSize{1, 1}, PictureSize{37, 23}, PictureSize{3, 400},
                                      PictureSize{65535, 2}, PictureSize{4000, 3000}}) {
      try {
        const PicturePlan plan = processor.plan(picture);
        SIROCCO_CHECK(!plan.tiles.empty() && plan.tiles.size() <= kMaxTiles);
        SIROCCO_CHECK(plan.tile_pixels() <= kMaxPlannedPixels);
        std::int64_t work = plan.tile_pixels();
        for (const PictureStep& step : plan.steps)
          work += std::int64_t{step.size.width} * step.size.height;
        if (picture.width > 37 || work > 20000) continue;
        const PreparedPicture prepared = processor.prepare(Picture(picture, kWhite));
        SIROCCO_CHECK(prepared.tiles.size() == plan.tiles.size());
        for (std::size_t i = 0; i < plan.tiles.size(); ++i)
          SIROCCO_CHECK(prepared.tiles[i].size == plan.size_of(plan.tiles[i]));
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
