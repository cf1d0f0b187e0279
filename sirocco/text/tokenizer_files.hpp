#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// Whether text is lowered before it is normalized, as sentence-transformers' do_lower_case has it:
/// character by character, and special tokens are looked for before.
enum class LetterCase : std::uint8_t { kKept, kLowered };

/// The files of a Hugging Face folder that describe its tokenizer, as bytes. All but the first may
/// be empty: absent.
struct TokenizerFiles {
  std::string origin = "tokenizer.json";  ///< for messages; the others are named by it
  std::string_view tokenizer;             ///< tokenizer.json
  std::string_view tokenizer_config;      ///< tokenizer_config.json
  std::string_view special_tokens_map;    ///< special_tokens_map.json
  std::string_view generation_config;     ///< generation_config.json
  std::string_view config;                ///< config.json
  LetterCase letters = LetterCase::kKept;
};

/// The tokenizer that these files describe: the components that tokenizer.json names, put together
/// as Hugging Face's `tokenizers` does; the special tokens that the other files name, as
/// `transformers` reads them; and every token there that ends an answer. Truncation and padding,
/// which a tokenizer.json may hold too, are left to who calls.
///
/// Throws FormatError for what isn't JSON, has the wrong type, contradicts itself or is beyond its
/// bounds, and UnsupportedError for a component that this build doesn't know, naming it.
Tokenizer make_tokenizer(const TokenizerFiles& files);

/// The same for the files beside a checkpoint. Throws NotFound without a tokenizer.json.
Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters = LetterCase::kKept);

}  // namespace sirocco
