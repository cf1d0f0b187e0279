#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sirocco/models/prompt_mark.hpp"
#include "sirocco/nn/step_rows.hpp"

namespace sirocco {

/// A TiledPicture is what has to be known of an encoded picture to place its rows.
struct TiledPicture {
  int rows = 0;  ///< of tiles that are parts of it, from the top, each row from the left; 0: none
  int columns = 0;
  int whole = 0;  ///< the tile that shows all of it, or -1
  int width = 0;  ///< pixels, as it was
  int height = 0;
  std::vector<std::int64_t> first_rows = {};  ///< of each tile, and behind the last
  bool has_newline = false;                   ///< whether there is a row for the end of a row
  std::vector<PatchGrid> grids = {};          ///< of each tile: how its rows lie
};

/// PictureMarks are how the prompts of a family show pictures: a row of a table by the names of
/// projectors.
struct PictureMarks {
  std::string_view projector;
  std::string_view placeholder;  ///< of a picture, in what chat templates write
  std::string_view token;        ///< that stands for a row of a picture, where there is one
  bool mutual = false;           ///< whether the rows of a picture see each other
  std::vector<PromptMark> (*expand)(const TiledPicture& picture);
  /// Whether rotary encodings put the rows of a picture, which is one tile, into the plane: all at
  /// the time of the first, each in its row and column, and what follows behind all of them.
  bool in_plane = false;
  /// What templates write for a picture, where that is more than the placeholder in it.
  std::string_view shown = {};
};

/// The function gives the marks of a projector's family. Throws UnsupportedError for one that isn't
/// known.
const PictureMarks& picture_marks(std::string_view projector);

}  // namespace sirocco
