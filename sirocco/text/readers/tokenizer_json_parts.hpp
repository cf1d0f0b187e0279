#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/readers/json_node.hpp"
#include "sirocco/text/stages/decoder_chain.hpp"
#include "sirocco/text/stages/text_normalizer.hpp"
#include "sirocco/text/stages/word_splitter.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// Sequences within sequences.
inline constexpr int kMaxComponentDepth = 16;
/// What one component holds of anything: bytes of a text, tokens, pieces of a template.
inline constexpr std::size_t kMaxComponentContent = 1024;

// The components of a tokenizer.json, read from their places in it (nothing: null or missing
// there). Each throws FormatError for a component that is not what its kind allows, and
// UnsupportedError, naming it, for a kind that this build doesn't know.

/// `config` is tokenizer_config.json: what it says of BERT's normalizer counts more than the
/// component.
TextNormalizer read_normalizer(const std::optional<JsonNode>& node,
                               const std::optional<JsonNode>& config = std::nullopt);
WordSplitter read_splitter(const std::optional<JsonNode>& node);
DecoderChain read_decoder(const std::optional<JsonNode>& node, std::string_view origin);

/// Surroundings are what a post-processor puts around a text.
struct Surroundings {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};
Surroundings read_post_processor(const std::optional<JsonNode>& node, const Vocabulary& vocabulary);

}  // namespace sirocco
