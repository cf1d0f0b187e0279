#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sirocco/tensor/companion_files.hpp"

namespace sirocco {

/// SentenceModules are what a folder of sentence-transformers says of how its model makes
/// embeddings: modules.json and the files that it names, the prompts of
/// config_sentence_transformers.json, and how long a text may be, of sentence_bert_config.json or,
/// as newer versions have it, of tokenizer_config.json.
struct SentenceModules {
  std::optional<std::string> pooling;  ///< "mean", "cls" or "last"
  std::size_t dense = 0;               ///< projections behind it
  std::optional<bool> normalize;       ///< whether embeddings get a length of 1
  /// Tokens of a text that count; the rest is left out. 0: what the context holds.
  std::int64_t max_tokens = 0;
  bool lowercase = false;  ///< texts are lowered before the tokenizer's own rules apply
  std::map<std::string, std::string, std::less<>> prompts;  ///< by name, put before a text
  std::string default_prompt;  ///< the name of one of them; empty: none
};

/// The result is empty where there is no modules.json. Throws FormatError for files that aren't
/// what they should be, UnsupportedError for modules and kinds of pooling that this build doesn't
/// know, naming them.
SentenceModules read_sentence_modules(const CompanionFiles& files);

}  // namespace sirocco
