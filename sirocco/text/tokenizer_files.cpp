#include "sirocco/text/tokenizer_files.hpp"

#include <string_view>
#include <utility>

#include "sirocco/text/folder_tokens.hpp"
#include "sirocco/text/tokenizer_documents.hpp"
#include "sirocco/text/tokenizer_draft.hpp"
#include "sirocco/text/tokenizer_json.hpp"
#include "sirocco/text/vocabulary_files.hpp"

namespace sirocco {

Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters) {
  constexpr std::string_view kTokenizer = "tokenizer.json";
  const TokenizerDocuments documents(files);
  const auto read = [&]() -> FolderTokenizer {
    const auto json = files.find(kTokenizer);
    if (!json) return read_vocabulary_files(files, documents);
    return {read_tokenizer_json(*json, files.origin(kTokenizer), documents.tokenizer_config),
            read_folder_tokens(documents, {})};
  };
  FolderTokenizer folder = read();
  if (letters == LetterCase::kLowered) folder.draft.normalizer.lower_first();
  return make_tokenizer(std::move(folder.draft), std::move(folder.tokens), documents);
}

}  // namespace sirocco
