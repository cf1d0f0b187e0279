#include "sirocco/text/tokenizer_files.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters) {
  constexpr std::string_view kTokenizer = "tokenizer.json";
  const auto tokenizer = files.find(kTokenizer);
  if (!tokenizer) {
    throw NotFound(
        "{}: there is no such file, and sirocco reads no other form of a folder's tokenizer; save "
        "it as tokenizer.json",
        files.origin(kTokenizer));
  }
  const auto content = [&](std::string_view name) { return files.find(name).value_or(""); };
  TokenizerFiles all;
  all.origin = files.origin(kTokenizer);
  all.tokenizer = *tokenizer;
  all.tokenizer_config = content("tokenizer_config.json");
  all.special_tokens_map = content("special_tokens_map.json");
  all.generation_config = content("generation_config.json");
  all.config = content("config.json");
  all.letters = letters;
  return make_tokenizer(all);
}

}  // namespace sirocco
