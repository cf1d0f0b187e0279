#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "sirocco/media/resize.hpp"
#include "tests/golden/counted_values_testing.hpp"
#include "tests/support/paths_testing.hpp"

/// Pictures against Pillow and transformers, as tools/make_picture_golden.py recorded them.
namespace sirocco {
namespace {

using testing::CountedValues;
using Json = nlohmann::json;

const std::string kFolder = source_path("tests/golden/media/");

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

const Json& expected() {
  static const Json json = Json::parse(read_file(kFolder + "expected.json"));
  return json;
}

std::string digest(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", CountedValues::digest(bytes));
}
std::string digest(const Picture& picture) { return digest(std::as_bytes(picture.bytes())); }

PictureSize size_of(const Json& pair) { return {pair[0].get<int>(), pair[1].get<int>()}; }

Picture noise(PictureSize size, bool edges = false) {
  const CountedValues values(
      1, fmt::format("{}x{}{}", size.width, size.height, edges ? "/edges" : ""));
  Picture picture(size);
  std::uint64_t word = 0;
  std::uint64_t i = 0;
  for (int y = 0; y < size.height; ++y) {
    for (std::uint8_t& byte : picture.row(y)) {
      if (i % 8 == 0) word = values.word(i / 8);
      byte = static_cast<std::uint8_t>(word >> (i++ % 8 * 8));
      if (edges) byte = byte >= 128 ? 255 : 0;
    }
  }
  return picture;
}

TEST(PictureGolden, FilesAreDecodedAsPillowDoes) {
  ASSERT_GE(expected()["files"].size(), 80U);
  for (const Json& row : expected()["files"]) {
    SCOPED_TRACE(row["file"].get<std::string>());
    const std::string file = read_file(kFolder + "files/" + row["file"].get<std::string>());
    const auto bytes = std::as_bytes(std::span(file));
    const PictureSize size = size_of(row["size"]);
    EXPECT_EQ(read_picture_header(bytes).size, size);
    const Picture picture = decode_picture(bytes);
    EXPECT_EQ(picture.size(), size);
    EXPECT_EQ(digest(picture), row["pixels"].get<std::string>());
    EXPECT_EQ(digest(decode_picture(bytes, {}, kWhite)), row["over_white"].get<std::string>());
  }
}

TEST(PictureGolden, SizesAreMadeAsPillowDoes) {
  for (const Json& row : expected()["sizes"]) {
    const Picture picture = noise(size_of(row["from"]), row["edges"].get<bool>());
    for (int filter = 0; filter < 6; ++filter) {
      EXPECT_EQ(digest(resized(picture, size_of(row["to"]), Resampling(filter))),
                row["pixels"][static_cast<std::size_t>(filter)].get<std::string>())
          << row["from"] << " to " << row["to"] << " by filter " << filter;
    }
  }
}

void expect_prepared(const PictureProcessor& processor, const Json& row) {
  const PictureSize size = size_of(row["from"]);
  if (row.contains("error")) {
    EXPECT_THROW(processor.plan(size), InvalidArgument) << row["error"];
    return;
  }
  const PicturePlan plan = processor.plan(size);
  const PreparedPicture prepared = processor.prepare(noise(size));
  const Json& tiles = row["tiles"];
  ASSERT_EQ(prepared.tiles.size(), tiles.size());
  ASSERT_EQ(plan.tiles.size(), tiles.size());
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const PictureTile& tile = prepared.tiles[i];
    EXPECT_EQ(tile.size, size_of(tiles[i])) << "tile " << i;
    EXPECT_EQ(plan.size_of(plan.tiles[i]), tile.size);
    EXPECT_EQ(digest(std::as_bytes(std::span(tile.planes))), tiles[i][2].get<std::string>())
        << "tile " << i;
  }
  // Where digests differ, these say by how much.
  EXPECT_FLOAT_EQ(prepared.tiles.front().planes.front(), row["first"].get<float>());
  EXPECT_FLOAT_EQ(prepared.tiles.back().planes.back(), row["last"].get<float>());

  const PictureLayout& layout = prepared.layout;
  EXPECT_EQ(layout.original, size);
  EXPECT_EQ(static_cast<std::size_t>(layout.rows * layout.columns),
            layout.whole < 0 ? tiles.size() : tiles.size() - 1);
  if (row.contains("rows")) {
    EXPECT_EQ(layout.rows, row["rows"].get<int>());
    EXPECT_EQ(layout.columns, row["columns"].get<int>());
  }
  if (row.contains("parts")) {
    EXPECT_EQ(layout.rows * layout.columns, row["parts"].get<int>());
  }
  if (row.contains("patches")) {
    EXPECT_EQ(layout.patches, size_of(row["patches"]));
  }
}

TEST(PictureGolden, ProcessorsDoWhatTransformersDoes) {
  for (const Json& processor : expected()["processors"]) {
    SCOPED_TRACE(processor["name"].get<std::string>());
    const MemoryFiles files({{"preprocessor_config.json", processor["config"].dump()}});
    const auto settings = find_picture_settings(files);
    ASSERT_TRUE(settings);
    const PictureProcessor made(*settings);
    for (const Json& row : processor["made"]) {
      SCOPED_TRACE(row["from"].dump());
      expect_prepared(made, row);
    }
  }
}

}  // namespace
}  // namespace sirocco
