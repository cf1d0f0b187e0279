#pragma once

#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/tokenizer_documents.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// The tokenizer: the draft with the tokens that the folder's files add, numbered as `transformers`
/// 5.24 numbers them (a text that is there already keeps its id, another gets the next one, in the
/// order of `FolderTokens`; where that isn't the id that a file gives, a warning says so), the
/// roles that they name, and every token that ends an answer.
///
/// Throws FormatError for what contradicts itself, UnsupportedError for what this build can't do.
Tokenizer make_tokenizer(TokenizerDraft draft, FolderTokens tokens,
                         const TokenizerDocuments& documents);

}  // namespace sirocco
