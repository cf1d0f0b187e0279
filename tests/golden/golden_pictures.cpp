#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

fs::path recorded_path(const std::string& file) {
  return fs::path(source_path("tests/golden/pictures")) / file;
}

JsonValue read_description(const std::string& name) {
  const fs::path path = recorded_path(name + ".json");
  return parse_json(read_text(path), path.native());
}

/// The numbers of a model.
class Values : public RecordedValues {
 public:
  explicit Values(const JsonValue& model) : RecordedValues(recorded_path(text(model, "values"))) {}

  RecordedPixels read_pixels(const JsonValue& object) const {
    const JsonValue* const found = object.member("pixels");
    if (found == nullptr) return {};
    return {read(*found), number(member(*found, "sum")), text(*found, "digest")};
  }
};

struct Contents {
  std::vector<ContentPart> parts;
  std::vector<MadePicture> pictures;
};

Contents read_contents(const JsonValue& entry, const JsonValue& model) {
  Contents out;
  for (const JsonValue& message : array(entry, "messages")) {
    for (const JsonValue& part : array(message, "content")) {
      ContentPart& added = out.parts.emplace_back();
      if (text(part, "type") == "text") {
        added.text = text(part, "text");
      } else {
        added.picture = out.pictures.size();
        out.pictures.push_back(make_picture(model, text(part, "picture")));
      }
    }
  }
  return out;
}

PicturePrompt read_prompt(const JsonValue& entry, const JsonValue& model, const Values& values) {
  PicturePrompt out;
  out.name = text(entry, "name");
  Contents contents = read_contents(entry, model);
  out.contents = std::move(contents.parts);
  out.pictures = std::move(contents.pictures);
  out.rendered = text(entry, "prompt");
  out.ids = ids_member(entry, "ids");
  out.token_type_ids = ids_member(entry, "token_type_ids");
  out.pixels = values.read_pixels(entry);
  out.projector_input = values.read(entry, "projector_input");
  out.rows = values.read(entry, "rows");
  for (const JsonValue& axis : array(entry, "positions")) {
    std::vector<std::int32_t>& positions = out.positions.emplace_back();
    for (const std::int64_t position : whole_numbers(*axis.as<JsonValue::Array>()))
      positions.push_back(static_cast<std::int32_t>(position));
  }
  out.logits_at = places_member(entry, "logits_at");
  out.logits = values.read(member(entry, "logits"));
  out.all_logits = values.read(member(entry, "all_logits"));
  out.continuation = ids_member(entry, "continuation");
  for (const JsonValue& margin : array(entry, "margins"))
    out.margins.push_back(static_cast<float>(number(margin)));
  out.text = text(entry, "text");
  return out;
}

std::vector<std::string> described_with(std::string_view wanted) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(recorded_path(""))) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() == ".json" && read_description(name).member(wanted) != nullptr)
      out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

MadePicture make_picture(const JsonValue& model, std::string_view name) {
  for (const JsonValue& entry : array(model, "pictures")) {
    if (text(entry, "name") != name) continue;
    constexpr std::size_t kBlock = 8;
    MadePicture out{
        std::string(name), count_member(entry, "width"), count_member(entry, "height"), {}};
    const CountedValues coarse(1, out.name + " coarse");
    const CountedValues fine(1, out.name + " fine");
    const std::size_t across = (out.width + kBlock - 1) / kBlock;
    out.rgb.reserve(out.height * out.width * 3);
    for (std::size_t y = 0; y < out.height; ++y) {
      for (std::size_t x = 0; x < out.width; ++x) {
        for (std::size_t c = 0; c < 3; ++c) {
          const std::uint64_t block = coarse.word((y / kBlock * across + x / kBlock) * 3 + c) >> 56;
          const std::uint64_t own = fine.word((y * out.width + x) * 3 + c) >> 56;
          out.rgb.push_back(static_cast<std::uint8_t>((3 * block + own) >> 2));
        }
      }
    }
    const std::uint64_t digest = CountedValues::digest(std::as_bytes(std::span(out.rgb)));
    if (fmt::format("{:016x}", digest) != text(entry, "digest"))
      throw std::runtime_error(fmt::format("picture '{}' has other bytes than recorded", name));
    return out;
  }
  throw std::runtime_error(fmt::format("no picture '{}'", name));
}

std::vector<std::string> picture_models() { return described_with("image_token_id"); }

std::vector<std::string> picture_pairs() { return described_with("text_features"); }

PictureModel read_picture_model(const std::string& name) {
  const JsonValue model = read_description(name);
  PictureModel out;
  out.name = name;
  out.shows = text(model, "shows");
  out.folder = made_golden_path("pictures/" + text(model, "folder"));
  out.placeholder = text(model, "placeholder");
  out.image_token_id = static_cast<std::int32_t>(as<std::int64_t>(member(model, "image_token_id")));
  if (model.member("same_results_as") != nullptr) {
    PictureModel same = read_picture_model(text(model, "same_results_as"));
    out.tile_positions = std::move(same.tile_positions);
    out.prompts = std::move(same.prompts);
    out.typed = std::move(same.typed);
    return out;
  }
  out.tile_positions = places_member(model, "tile_positions");
  const Values values(model);
  for (const JsonValue& entry : array(model, "cases"))
    out.prompts.push_back(read_prompt(entry, model, values));
  if (const JsonValue* const typed = model.member("typed")) {
    Contents contents = read_contents(*typed, model);
    out.typed = TypedPlaceholder{std::move(contents.parts), std::move(contents.pictures),
                                 ids_member(member(*typed, "sanitized"), "ids")};
  }
  return out;
}

PicturePair read_picture_pair(const std::string& name) {
  const JsonValue model = read_description(name);
  const Values values(model);
  PicturePair out;
  out.name = name;
  out.shows = text(model, "shows");
  out.folder = made_golden_path("pictures/" + text(model, "folder"));
  for (const JsonValue& entry : array(model, "texts"))
    out.texts.push_back({text(entry, "text"), ids_member(entry, "ids")});
  for (const JsonValue& entry : array(model, "pictures"))
    out.pictures.push_back({make_picture(model, text(entry, "name")), values.read_pixels(entry)});
  out.text_features = values.read(member(model, "text_features"));
  out.picture_features = values.read(member(model, "picture_features"));
  out.text_embeddings = values.read(member(model, "text_embeddings"));
  out.picture_embeddings = values.read(member(model, "picture_embeddings"));
  out.logits_per_picture = values.read(member(model, "logits_per_picture"));
  return out;
}

}  // namespace sirocco::testing
