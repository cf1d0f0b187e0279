#include "sirocco/media/picture_processor.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

PictureProcessor::PictureProcessor(PictureSettings settings) : settings_(std::move(settings)) {
  check_settings(settings_);
  for (std::size_t c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(settings_.image_mean[c]);
    const auto deviation = static_cast<float>(settings_.image_std[c]);
    for (int byte = 0; byte < 256; ++byte) {
      const double scaled = settings_.do_rescale ? byte * settings_.rescale_factor : byte;
      const auto value = static_cast<float>(scaled);
      values_[c][byte] = settings_.do_normalize ? (value - mean) / deviation : value;
    }
  }
}

PictureTile PictureProcessor::make_tile(const Picture& picture) const {
  PictureTile tile{picture.size(), {}};
  const auto width = static_cast<std::size_t>(picture.width());
  const std::size_t plane = width * static_cast<std::size_t>(picture.height());
  tile.planes.resize(plane * 3);
  for (int y = 0; y < picture.height(); ++y) {
    const auto row = picture.row(y);
    float* const to = tile.planes.data() + static_cast<std::size_t>(y) * width;
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t x = 0; x < width; ++x) to[c * plane + x] = values_[c][row[x * 3 + c]];
    }
  }
  return tile;
}

PreparedPicture PictureProcessor::prepare(const Picture& picture) const {
  const PicturePlan plan = this->plan(picture.size());
  PreparedPicture prepared{{}, plan.layout};
  prepared.tiles.resize(plan.tiles.size());

  // What a step makes is there as long as a later step needs it.
  std::vector<std::size_t> last_use(plan.steps.size() + 1, 0);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) last_use[plan.steps[i].of] = i + 1;
  std::vector<std::optional<Picture>> made(plan.steps.size() + 1);
  const auto finish = [&](std::size_t number, const Picture& whole) {
    for (std::size_t t = 0; t < plan.tiles.size(); ++t) {
      if (static_cast<std::size_t>(plan.tiles[t]) == number) prepared.tiles[t] = make_tile(whole);
    }
  };
  finish(0, picture);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const PictureStep& step = plan.steps[i];
    const auto of = static_cast<std::size_t>(step.of);
    const Picture& from = of == 0 ? picture : *made[of];
    Picture next = step.kind == PictureStep::Kind::kResize
                       ? resized(from, step.size, settings_.resample)
                       : cropped(from, step.left, step.top, step.size, step.color);
    finish(i + 1, next);
    if (of != 0 && last_use[of] == i + 1) made[of].reset();
    if (last_use[i + 1] > i + 1) made[i + 1].emplace(std::move(next));
  }
  return prepared;
}

}  // namespace sirocco
