#pragma once

#include <string_view>
#include <vector>

#include "sirocco/text/readers/tokenizer_draft.hpp"
#include "sirocco/text/spelling/bpe_model.hpp"

namespace sirocco {

/// The merges of a merges.txt: two tokens a line with a space between, in order of rank; a line
/// that begins with "#version" is none. Views of `text`. Throws FormatError for another line.
std::vector<BpeModel::Merge> read_merge_lines(std::string_view text, std::string_view origin);

/// The vocabulary of a vocab.txt: a token a line, without the blanks behind it; the number of the
/// line is its id. Of two equal ones the later counts, as in the reference. Throws FormatError for
/// text that isn't UTF-8.
VocabularyDraft read_word_lines(std::string_view text, std::string_view origin);

}  // namespace sirocco
