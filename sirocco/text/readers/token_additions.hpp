#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/text/readers/tokenizer_draft.hpp"

namespace sirocco {

/// TokenAdditions are the tokens added to a vocabulary, with the ids that `tokenizers` 0.23 gives
/// them: a text that is there already keeps its id; another gets the one behind the last added
/// token, or behind as many as the model's own list has. The ids that files give are compared with
/// those, and serve only where that one is another token's.
class TokenAdditions {
 public:
  /// `vocabulary` is closed, and outlives this.
  explicit TokenAdditions(VocabularyDraft& vocabulary) : vocabulary_(vocabulary) {}

  /// Adds a token. The later of two with one text says how it matches; special is what one of them
  /// calls so. Empty ones are left out.
  void add(AddedToken token, std::optional<std::int64_t> file_id = std::nullopt);

  bool contains(std::string_view text) const { return by_text_.contains(text); }
  /// Whether a token of that text is among the first `count`.
  bool contains(std::string_view text, std::size_t count) const {
    const auto at = by_text_.find(text);
    return at != by_text_.end() && at->second < count;
  }
  void make_special(std::string_view text);

  /// Puts them into the vocabulary. Throws FormatError where one meets another token at its id.
  /// Logs a warning, once, where ids aren't those of the files; `origin` names them.
  void finish(std::string_view origin);

  /// The tokens in order, with their ids.
  std::span<const NumberedToken> tokens() const noexcept { return tokens_; }

 private:
  std::int32_t next_id(std::optional<std::int64_t> file_id) const;

  VocabularyDraft& vocabulary_;
  std::vector<NumberedToken> tokens_;
  std::map<std::string, std::size_t, std::less<>> by_text_;
  std::optional<std::int32_t> last_;  // the highest id of all

  std::string misnumbered_;  // the first whose id isn't the file's
  std::int64_t file_id_ = 0;
  std::int32_t given_id_ = 0;
  std::size_t others_ = 0;
};

}  // namespace sirocco
