#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/readers/json_node.hpp"

namespace sirocco {

/// TokenizerDocuments are the JSON files of a Hugging Face folder that speak of its tokenizer,
/// besides those that hold a vocabulary. Each is nothing where the folder has no such file, or an
/// empty one.
class TokenizerDocuments {
 public:
  /// Throws FormatError for a file that is no JSON object.
  explicit TokenizerDocuments(const CompanionFiles& files);

  std::optional<JsonNode> tokenizer_config;    ///< tokenizer_config.json
  std::optional<JsonNode> special_tokens_map;  ///< special_tokens_map.json
  std::optional<JsonNode> added_tokens;        ///< added_tokens.json
  std::optional<JsonNode> generation_config;   ///< generation_config.json
  std::optional<JsonNode> model_config;        ///< config.json

 private:
  std::optional<JsonNode> read(const CompanionFiles& files, std::string_view name);

  std::deque<std::string> origins_;  // the documents refer to them
  std::deque<JsonDocument> documents_;
};

}  // namespace sirocco
