#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/text/readers/json_node.hpp"
#include "sirocco/text/readers/tokenizer_documents.hpp"

namespace sirocco {

/// An AddedToken is a token as a file that adds it to a vocabulary describes it; the flags are
/// those of a tokenizer.json.
struct AddedToken {
  std::string content;
  bool special = false;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  std::optional<bool> normalized{};  ///< unless said: where it isn't special

  bool is_normalized() const { return normalized.value_or(!special); }
  /// Whether it is a special token by its text alone.
  bool is_plain() const { return special && !single_word && !lstrip && !rstrip && !normalized; }
};

/// A NamedToken is one that a file names for a role: "bos_token", "image_token"…
struct NamedToken {
  std::string role;
  AddedToken token;
};

/// A RoleDefault is the token that a role has where no file names one.
struct RoleDefault {
  std::string_view role;
  std::string_view text;
};

/// FolderTokens are the tokens that a folder names outside its vocabulary, in the order in which
/// `transformers` 5.24 comes to them.
struct FolderTokens {
  /// By the ids that the file gives: `added_tokens_decoder` of tokenizer_config.json, or else
  /// added_tokens.json.
  std::map<std::int64_t, AddedToken> listed;
  /// Whether it was `added_tokens_decoder`. Then special_tokens_map.json isn't looked at, nor
  /// added_tokens.json.
  bool listed_by_config = false;

  std::vector<NamedToken> named;  ///< special all of them

  /// `extra_special_tokens`, which used to be called `additional_special_tokens`; nothing where no
  /// file says, and then a vocabulary's file may have some.
  std::optional<std::vector<AddedToken>> extra;
  /// `additional_special_tokens` of special_tokens_map.json, for vocabularies without any.
  std::vector<AddedToken> additional;

  /// The text of the token named for `role`, or nothing.
  const std::string* find(std::string_view role) const noexcept;
};

/// The token that an object with `content` and flags describes.
AddedToken read_added_token(const JsonNode& node);

/// The tokens that the documents name. Throws FormatError for what isn't a token where one is due.
FolderTokens read_folder_tokens(const TokenizerDocuments& documents,
                                std::span<const RoleDefault> defaults);

}  // namespace sirocco
