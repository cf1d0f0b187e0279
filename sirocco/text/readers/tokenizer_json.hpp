#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/text/readers/json_node.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"

namespace sirocco {

/// A JsonSource is a JSON document and the name that it refers to, for a draft whose views refer to
/// both.
struct JsonSource {
  JsonSource(std::string_view json, std::string_view origin) : name(origin), document(json, name) {}

  std::string name;
  JsonDocument document;
};

/// The tokenizer that a tokenizer.json describes by itself. `config` is tokenizer_config.json,
/// which has a say in some components. Throws FormatError for what isn't JSON, has the wrong type
/// or is beyond its bounds, and UnsupportedError for a component that this build doesn't know,
/// naming it.
TokenizerDraft read_tokenizer_json(std::string_view json, std::string_view origin,
                                   const std::optional<JsonNode>& config);

/// The vocabulary of an object of texts and their ids, as in a vocab.json.
VocabularyDraft read_token_ids(const JsonNode& node);

}  // namespace sirocco
