#pragma once

#include <span>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/tokenizer_documents.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"

namespace sirocco {

struct FolderTokenizer {
  TokenizerDraft draft;
  FolderTokens tokens;
};

/// The tokenizer of a folder without a tokenizer.json, as `transformers` 5.24 makes it: of
/// vocab.json and merges.txt, of vocab.txt, or of a model of SentencePiece, by the tokenizer class
/// that tokenizer_config.json or config.json names, or that config.json's `model_type` implies.
///
/// Throws NotFound, saying what is there and what to do, where the class's files aren't;
/// UnsupportedError for a class or a file that this build doesn't know, FormatError for files that
/// aren't what their kind allows.
FolderTokenizer read_vocabulary_files(const CompanionFiles& files,
                                      const TokenizerDocuments& documents);

/// The roles that the folder's tokenizer class gives to tokens where no file names one; none where
/// this build doesn't know the class.
std::span<const RoleDefault> class_roles(const TokenizerDocuments& documents);

}  // namespace sirocco
