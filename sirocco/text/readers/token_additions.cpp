#include "sirocco/text/readers/token_additions.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"

namespace sirocco {

void TokenAdditions::add(AddedToken token, std::optional<std::int64_t> file_id) {
  if (token.content.empty()) return;
  const auto [at, fresh] = by_text_.emplace(token.content, tokens_.size());
  if (fresh) {
    const auto own = vocabulary_.own_id(token.content);
    const std::int32_t id = own ? *own : next_id(file_id);
    last_ = std::max(last_.value_or(id), id);
    tokens_.push_back({std::move(token), id});
  } else {
    AddedToken& before = tokens_[at->second].token;
    token.special = token.special || before.special;
    before = std::move(token);
  }
  const NumberedToken& added = tokens_[at->second];
  if (!file_id || *file_id == added.id) return;
  if (!misnumbered_.empty()) {
    ++others_;
    return;
  }
  misnumbered_ = added.token.content;
  file_id_ = *file_id;
  given_id_ = added.id;
}

std::int32_t TokenAdditions::next_id(std::optional<std::int64_t> file_id) const {
  const auto model_tokens = static_cast<std::int32_t>(vocabulary_.model_tokens());
  const std::int32_t next = last_ && *last_ >= model_tokens ? *last_ + 1 : model_tokens;
  // A list of the model's own with gaps: the reference would give two tokens one id.
  const bool fits = file_id && vocabulary_.is_free(*file_id) && !vocabulary_.is_free(next);
  return fits ? static_cast<std::int32_t>(*file_id) : next;
}

void TokenAdditions::make_special(std::string_view text) {
  const auto at = by_text_.find(text);
  if (at != by_text_.end()) tokens_[at->second].token.special = true;
}

void TokenAdditions::finish(std::string_view origin) {
  for (const NumberedToken& added : tokens_) {
    const TokenKind kind = added.token.special ? TokenKind::kControl : TokenKind::kUserDefined;
    if (!vocabulary_.own_id(added.token.content)) {
      vocabulary_.put(added.token.content, static_cast<std::size_t>(added.id), kind);
    } else if (added.token.special) {
      // One that is the model's own stays within its reach unless it's special.
      vocabulary_.relabel(added.id, kind);
    }
  }
  if (misnumbered_.empty()) return;
  const std::string more = others_ == 0 ? "" : fmt::format(", and so do {} others", others_);
  log_warning(
      "{}: the added token {} has the id {} in its file and gets {}{}: as in transformers, added "
      "tokens are numbered in order behind the vocabulary",
      origin, quoted(misnumbered_), file_id_, given_id_, more);
}

}  // namespace sirocco
