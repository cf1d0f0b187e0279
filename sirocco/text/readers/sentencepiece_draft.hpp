#pragma once

#include <string_view>
#include <vector>

#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/sentencepiece_file.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"

namespace sirocco {

/// The pieces by their ids, closed.
VocabularyDraft vocabulary_of(const SentencePieceFile& file, std::string_view origin);

/// Byte-pair merges that lead to each piece, in the order of the ids: whatever two pieces make it
/// up. `vocabulary` is closed.
std::vector<BpeModel::Merge> merges_by_id(const VocabularyDraft& vocabulary);

/// The control and the user-defined pieces, as tokens that are looked for in the text itself.
std::vector<AddedToken> added_pieces(const SentencePieceFile& file, bool user_defined);

/// The tokenizer that does what the file itself says: its normalizer, merges in the order of the
/// scores or a unigram model, user-defined pieces whole. `tokens.listed` gives pieces other texts.
/// `prefix_each`: text behind an added token gets a space mark like one that begins (what is called
/// legacy). Throws UnsupportedError for what it can't be made of.
TokenizerDraft read_as_sentencepiece(const SentencePieceFile& file, const FolderTokens& tokens,
                                     bool prefix_each, std::string_view origin);

}  // namespace sirocco
