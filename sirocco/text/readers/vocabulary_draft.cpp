#include "sirocco/text/readers/vocabulary_draft.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// Ids that no token has, at most: a file can't ask for more memory than it is large.
constexpr std::size_t kMaxGaps = std::size_t{1} << 20U;

}  // namespace

VocabularyDraft::VocabularyDraft(std::string where, std::size_t tokens)
    : where_(std::move(where)), model_tokens_(tokens) {
  entries_.reserve(tokens);
  taken_.reserve(tokens);
}

void VocabularyDraft::put(std::string_view text, std::size_t id, TokenKind kind) {
  if (text.empty()) return;
  if (id >= model_tokens_ + kMaxGaps) {
    throw FormatError("{}: {} has the id {}, with {} tokens in the vocabulary", where_,
                      sirocco::quoted(text), id, model_tokens_);
  }
  if (id >= entries_.size()) {
    entries_.resize(id + 1, VocabularyEntry{{}, TokenKind::kUnused, 0});
    taken_.resize(id + 1);
  }
  if (!is_free(static_cast<std::int64_t>(id))) {
    throw FormatError("{}: {} and {} both have the id {}", where_,
                      sirocco::quoted(entries_[id].text), sirocco::quoted(text), id);
  }
  taken_[id] = true;
  entries_[id] = {text, kind, 0};
}

bool VocabularyDraft::is_free(std::int64_t id) const noexcept {
  const auto place = static_cast<std::size_t>(id);
  return id >= 0 && place < model_tokens_ + kMaxGaps && (place >= taken_.size() || !taken_[place]);
}

void VocabularyDraft::close() {
  own_ = FlatIndex(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!taken_[i]) continue;
    own_.insert(hash_bytes(entries_[i].text, own_.seed()), static_cast<std::int32_t>(i));
  }
}

std::optional<std::int32_t> VocabularyDraft::own_id(std::string_view text) const noexcept {
  const std::int32_t id = own_.find(hash_bytes(text, own_.seed()), [&](std::int32_t value) {
    return entries_[static_cast<std::size_t>(value)].text == text;
  });
  return id < 0 ? std::nullopt : std::optional(id);
}

}  // namespace sirocco
