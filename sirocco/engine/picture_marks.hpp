#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/media/picture_plan.hpp"

namespace sirocco {

/// What a picture's place in a prompt is made of: text of the family's own, and rows of the picture
/// (PictureRows::rows).
using PictureMark = std::variant<std::string, std::vector<std::int32_t>>;

/// What has to be known of an encoded picture to place its rows.
struct EncodedLayout {
  PictureLayout layout;
  std::vector<std::int64_t> first_rows;  ///< of each tile, and behind the last
  bool has_newline = false;              ///< of rows of tiles
};

/// How the prompts of a family show pictures: a row of a table by the names of projectors.
struct PictureMarks {
  std::string_view projector;
  std::string_view placeholder;  ///< what chat templates write for a picture
  std::string_view token;        ///< that stands for a row of a picture, where there is one
  bool mutual = false;           ///< whether the rows of a picture see each other
  std::vector<PictureMark> (*expand)(const EncodedLayout& picture);
};

/// The marks of a projector's family. Throws UnsupportedError for one that isn't known.
const PictureMarks& picture_marks(std::string_view projector);

}  // namespace sirocco
