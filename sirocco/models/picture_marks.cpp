#include "sirocco/models/picture_marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::vector<std::int32_t> rows_of_tile(const TiledPicture& picture, std::size_t tile) {
  const std::int64_t first = picture.first_rows[tile];
  std::vector<std::int32_t> rows(static_cast<std::size_t>(picture.first_rows[tile + 1] - first));
  std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first));
  return rows;
}

std::size_t whole_tile(const TiledPicture& picture) {
  SIROCCO_CHECK(picture.whole >= 0);
  return static_cast<std::size_t>(picture.whole);
}

/// Tiles with their places, and all of the picture behind them. (Idefics3, SmolVLM)
std::vector<PromptMark> idefics3(const TiledPicture& picture) {
  constexpr std::string_view kAround = "<fake_token_around_image>";
  std::vector<PromptMark> out;
  std::size_t tile = 0;
  std::string before;
  for (int r = 1; r <= picture.rows; ++r) {
    for (int c = 1; c <= picture.columns; ++c) {
      out.emplace_back(fmt::format("{}{}<row_{}_col_{}>", before, kAround, r, c));
      out.emplace_back(rows_of_tile(picture, tile++));
      before.clear();
    }
    before = "\n";
  }
  if (picture.rows > 0) before += "\n";
  out.emplace_back(fmt::format("{}{}<global-img>", before, kAround));
  out.emplace_back(rows_of_tile(picture, whole_tile(picture)));
  out.emplace_back(std::string(kAround));
  return out;
}

/// All of the picture; where slices of it were cut out too, a sentence about them.
std::vector<PromptMark> gemma3(const TiledPicture& picture) {
  constexpr std::string_view kBefore = "\n\n<start_of_image>";
  constexpr std::string_view kBehind = "<end_of_image>\n\n";
  const auto slices =
      static_cast<std::size_t>(picture.rows) * static_cast<std::size_t>(picture.columns);
  std::vector<PromptMark> out;
  if (slices == 0) {
    out.emplace_back(std::string(kBefore));
    out.emplace_back(rows_of_tile(picture, whole_tile(picture)));
    out.emplace_back(std::string(kBehind));
    return out;
  }
  out.emplace_back(fmt::format("Here is the original image {}", kBefore));
  out.emplace_back(rows_of_tile(picture, whole_tile(picture)));
  std::string between = fmt::format("{} and here are some crops to help you see better ", kBehind);
  for (std::size_t tile = 0; tile <= slices; ++tile) {
    if (tile == whole_tile(picture)) continue;
    out.emplace_back(between + std::string(kBefore));
    out.emplace_back(rows_of_tile(picture, tile));
    between = fmt::format("{} ", kBehind);
  }
  out.emplace_back(std::string(kBehind));
  return out;
}

/// The part of a field of rows that is the picture's own, where it was padded to keep its shape.
struct Unpadded {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t top;
  std::int64_t left;
};
Unpadded without_padding(std::int64_t rows, std::int64_t columns, const TiledPicture& picture) {
  // In Python's floats, and rounded as there to seven digits before the part behind the point goes.
  const auto whole = [](double x) {
    return static_cast<std::int64_t>(std::nearbyint(x * 1e7) / 1e7);
  };
  const double width = picture.width;
  const double height = picture.height;
  const auto w = static_cast<double>(columns);
  const auto h = static_cast<double>(rows);
  if (width / height > w / h) {
    const std::int64_t padding = (rows - whole(height * (w / width))) / 2;
    return {rows - 2 * padding, columns, padding, 0};
  }
  const std::int64_t padding = (columns - whole(width * (h / height))) / 2;
  return {rows, columns - 2 * padding, 0, padding};
}

/// All of the picture; then the tiles as one, without what pads it, and a row of the encoder's own
/// at the end of each of its rows. (LLaVA-1.5, LLaVA-NeXT)
std::vector<PromptMark> llava(const TiledPicture& picture) {
  std::vector<std::int32_t> rows =
      rows_of_tile(picture, picture.whole >= 0 ? whole_tile(picture) : 0);
  if (picture.rows == 0) {
    if (picture.has_newline) rows.push_back(kNewlineRow);
    return {std::move(rows)};
  }
  const auto in_tile = static_cast<std::int64_t>(rows.size());
  const auto side =
      static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(in_tile))));
  if (side * side != in_tile)
    throw UnsupportedError("tiles of {} rows, which make no square, can't be joined", in_tile);
  const std::size_t first = picture.whole == 0 ? 1 : 0;
  const Unpadded own = without_padding(picture.rows * side, picture.columns * side, picture);
  for (std::int64_t r = own.top; r < own.top + own.rows; ++r) {
    for (std::int64_t c = own.left; c < own.left + own.columns; ++c) {
      const auto tile = first + static_cast<std::size_t>(r / side * picture.columns + c / side);
      rows.push_back(
          static_cast<std::int32_t>(picture.first_rows[tile] + r % side * side + c % side));
    }
    if (picture.has_newline) rows.push_back(kNewlineRow);
  }
  return {std::move(rows)};
}

/// The text around it is the template's. (Qwen2-VL, Qwen2.5-VL, Qwen3-VL)
std::vector<PromptMark> qwen(const TiledPicture& picture) {
  return {rows_of_tile(picture, whole_tile(picture))};
}

constexpr PictureMarks qwen_marks(std::string_view projector) {
  return {.projector = projector,
          .placeholder = "<|image_pad|>",
          .token = "<|image_pad|>",
          .expand = qwen,
          .in_plane = true,
          .shown = "<|vision_start|><|image_pad|><|vision_end|>"};
}

/// Its lines, with a token behind each. (Pixtral, Mistral 3)
std::vector<PromptMark> pixtral(const TiledPicture& picture) {
  const std::vector<std::int32_t> rows = rows_of_tile(picture, whole_tile(picture));
  const PatchGrid& grid = picture.grids[whole_tile(picture)];
  SIROCCO_CHECK(std::ssize(rows) == grid.patches());
  std::vector<PromptMark> out;
  for (std::int32_t line = 0; line < grid.rows; ++line) {
    const auto begin = rows.begin() + std::ptrdiff_t{line} * grid.columns;
    out.emplace_back(std::vector(begin, begin + grid.columns));
    out.emplace_back(std::string(line + 1 < grid.rows ? "[IMG_BREAK]" : "[IMG_END]"));
  }
  return out;
}

constexpr std::array kMarks = {
    PictureMarks{"idefics3", "<image>", "<image>", false, idefics3},
    PictureMarks{"gemma3", "<start_of_image>", "<image_soft_token>", true, gemma3},
    PictureMarks{"mlp", "<image>", "<image>", false, llava},
    qwen_marks("qwen2vl_merger"),
    qwen_marks("qwen2.5vl_merger"),
    qwen_marks("qwen3vl_merger"),
    PictureMarks{"pixtral", "[IMG]", "[IMG]", false, pixtral},
};

}  // namespace

const PictureMarks& picture_marks(std::string_view projector) {
  const auto* const found = std::ranges::find(kMarks, projector, &PictureMarks::projector);
  if (found == kMarks.end())
    throw UnsupportedError("it isn't known how prompts show pictures of projector {}",
                           quoted(projector));
  return *found;
}

}  // namespace sirocco
