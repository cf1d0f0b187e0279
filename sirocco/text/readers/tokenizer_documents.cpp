#include "sirocco/text/readers/tokenizer_documents.hpp"

namespace sirocco {

TokenizerDocuments::TokenizerDocuments(const CompanionFiles& files) {
  tokenizer_config = read(files, "tokenizer_config.json");
  special_tokens_map = read(files, "special_tokens_map.json");
  added_tokens = read(files, "added_tokens.json");
  generation_config = read(files, "generation_config.json");
  model_config = read(files, "config.json");
}

std::optional<JsonNode> TokenizerDocuments::read(const CompanionFiles& files,
                                                 std::string_view name) {
  const auto bytes = files.find(name);
  if (!bytes || bytes->empty()) return std::nullopt;
  origins_.push_back(files.origin(name));
  documents_.emplace_back(*bytes, origins_.back());
  JsonNode root = documents_.back().root();
  if (!root.is_object()) root.wrong("an object");
  return root;
}

}  // namespace sirocco
