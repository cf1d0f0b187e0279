#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/description_testing.hpp"

/// What another implementation made of prompts with pictures; tests/golden/pictures/README.md says
/// what each member is. Functions throw std::runtime_error for a record that isn't as expected.
namespace sirocco::testing {

/// Recorded numbers of an array, row after row: elements 0, `every`, 2 * `every` and so on.
struct RecordedArray {
  Shape shape;
  std::size_t every = 1;
  std::vector<float> values;
};

/// The largest distance of a whole array from what was recorded of it, over the largest number that
/// was recorded; infinity where it has another size or holds a NaN.
double largest_difference(const RecordedArray& recorded, std::span<const float> computed);

/// A picture whose bytes are made (tools/golden_picture_results.py has the formula).
struct MadePicture {
  std::string name;
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<std::uint8_t> rgb;  ///< [height, width, 3]
};

/// Makes the picture that a description's member `pictures` has under `name`, and compares the
/// digest of its bytes with the one recorded.
MadePicture make_picture(const JsonValue& model, std::string_view name);

/// A text, or a picture by its place in the prompt's pictures.
struct ContentPart {
  std::string text;
  std::optional<std::size_t> picture;
};

/// Preprocessed pixels: [tiles or pictures, 3, height, width], in some families behind a 1; in
/// those whose pictures keep their shape all one after another, each [3, height, width].
struct RecordedPixels {
  RecordedArray values;
  double sum = 0.0;
  std::string digest;  ///< of all little-endian floats: CountedValues::digest in 16 hex digits
};

/// One prompt: a message of the user, and what came of it.
struct PicturePrompt {
  std::string name;
  std::vector<ContentPart> contents;
  std::vector<MadePicture> pictures;
  std::string rendered;  ///< by the template, a placeholder for each picture
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t>
      token_type_ids;             ///< 1 for a row of a picture; empty where there are none
  RecordedPixels pixels;          ///< this and the next two: empty without pictures
  RecordedArray projector_input;  ///< [tiles or pictures, patches, D of the tower]
  RecordedArray rows;  ///< [rows of all pictures, D of the text, or with deep-stack rows behind
                       ///< them D (1 + layers)]
  std::vector<std::vector<std::int32_t>>
      positions;  ///< [3, T]: times, rows and columns; empty where a token has one position
  std::vector<std::size_t> logits_at;      ///< tokens of which all logits are there
  RecordedArray logits;                    ///< [logits_at, V]
  RecordedArray all_logits;                ///< [T, V]
  std::vector<std::int32_t> continuation;  ///< greedy
  std::vector<float> margins;              ///< of each token's logit over the second best
  std::string text;                        ///< of the continuation
};

/// A message whose text holds what a template writes for a picture; it stays text.
struct TypedPlaceholder {
  std::vector<ContentPart> contents;
  std::vector<MadePicture> pictures;
  std::vector<std::int32_t> ids;  ///< empty where the other implementation can't keep it text
};

/// A model that writes about pictures.
struct PictureModel {
  std::string name;
  std::string shows;
  std::filesystem::path folder;  ///< made by the build
  std::string placeholder;       ///< what a template writes for a picture
  std::int32_t image_token_id = 0;
  std::vector<std::size_t>
      tile_positions;  ///< rows of the position table; empty where not recorded
  /// Those of the model whose weights it has, where its own are the same; so is `typed`.
  std::vector<PicturePrompt> prompts;
  std::optional<TypedPlaceholder> typed;
};

/// A text with what it became, of a model of texts and pictures side by side.
struct EmbeddedText {
  std::string text;
  std::vector<std::int32_t> ids;
};

/// A picture with what it became.
struct EmbeddedPicture {
  MadePicture picture;
  RecordedPixels pixels;
};

/// A model of texts and pictures side by side; rows in the order of `texts` and `pictures`.
struct PicturePair {
  std::string name;
  std::string shows;
  std::filesystem::path folder;  ///< made by the build
  std::vector<EmbeddedText> texts;
  std::vector<EmbeddedPicture> pictures;
  RecordedArray text_features;       ///< [texts, D], before they are normalized
  RecordedArray picture_features;    ///< [pictures, D]
  RecordedArray text_embeddings;     ///< of length 1
  RecordedArray picture_embeddings;  ///< of length 1
  RecordedArray logits_per_picture;  ///< [pictures, texts]
};

/// The names of all models of the one kind, or of the other.
std::vector<std::string> picture_models();
std::vector<std::string> picture_pairs();

/// What is recorded under that name.
PictureModel read_picture_model(const std::string& name);
PicturePair read_picture_pair(const std::string& name);

}  // namespace sirocco::testing
