#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A SentencePieceFile is a model of SentencePiece: what a tokenizer.model, spiece.model or
/// sentencepiece.bpe.model holds. Texts are views of the file's bytes. Names and defaults are those
/// of sentencepiece_model.proto.
struct SentencePieceFile {
  struct Piece {
    std::string_view text;
    float score = 0;
    TokenKind kind = TokenKind::kNormal;
  };
  enum class Algorithm : std::uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

  std::vector<Piece> pieces;  ///< by id

  // trainer_spec
  Algorithm algorithm = Algorithm::kUnigram;
  bool names_algorithm = false;  ///< whether the file says so
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  std::int32_t unk_id = 0;
  std::int32_t bos_id = 1;
  std::int32_t eos_id = 2;
  std::string_view unk_piece = "<unk>";
  std::string_view bos_piece = "<s>";
  std::string_view eos_piece = "</s>";

  // normalizer_spec
  std::string_view precompiled_charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

/// Reads the protocol buffer; members that nothing here needs are passed over. `origin` names the
/// file in messages. Throws FormatError for bytes that are no such message: a field beyond the end
/// or of another type than its own, a text that isn't UTF-8, a piece without text or of over 1,024
/// bytes, a score that is no number, a type that there isn't.
SentencePieceFile read_sentencepiece(std::string_view bytes, std::string_view origin);

}  // namespace sirocco
