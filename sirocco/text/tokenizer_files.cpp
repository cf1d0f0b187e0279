#include "sirocco/text/tokenizer_files.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/text/readers/finished_tokenizer.hpp"
#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/tokenizer_documents.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"
#include "sirocco/text/readers/tokenizer_json.hpp"
#include "sirocco/text/readers/vocabulary_files.hpp"

namespace sirocco {

namespace {

// A class adds nothing to a tokenizer.json: of the tokens that it would name, the special ones that
// are there.
std::vector<RoleDefault> roles_within(const TokenizerDraft& draft,
                                      const TokenizerDocuments& documents) {
  std::vector<RoleDefault> roles;
  std::ranges::copy_if(class_roles(documents), std::back_inserter(roles),
                       [&](const RoleDefault& role) {
                         return std::ranges::any_of(draft.added, [&](const NumberedToken& added) {
                           return added.token.special && added.token.content == role.text;
                         });
                       });
  return roles;
}

}  // namespace

Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters) {
  constexpr std::string_view kTokenizer = "tokenizer.json";
  const TokenizerDocuments documents(files);
  const auto read = [&]() -> FolderTokenizer {
    const auto json = files.find(kTokenizer);
    if (!json) return read_vocabulary_files(files, documents);
    TokenizerDraft draft =
        read_tokenizer_json(*json, files.origin(kTokenizer), documents.tokenizer_config);
    FolderTokens tokens = read_folder_tokens(documents, roles_within(draft, documents));
    return {std::move(draft), std::move(tokens)};
  };
  FolderTokenizer folder = read();
  if (letters == LetterCase::kLowered) folder.draft.normalizer.lower_first();
  return make_tokenizer(std::move(folder.draft), std::move(folder.tokens), documents);
}

}  // namespace sirocco
