#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/text/readers/class_recipes.hpp"
#include "sirocco/text/readers/sentencepiece_draft.hpp"
#include "sirocco/text/readers/sentencepiece_file.hpp"
#include "sirocco/text/stages/charsmap.hpp"
#include "sirocco/text/unicode/char_class.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

using Prepend = MetaspaceStage::Prepend;

struct SentencePieceSource {
  SentencePieceFile file;
  std::string origin;
};

// "IQ== 0": a token in base64 and its rank.
bool is_tiktoken(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size()));
  const std::size_t space = line.find(' ');
  return space != std::string_view::npos && space != 0 && space % 4 == 0 &&
         line.find_first_not_of("0123456789\r", space + 1) == std::string_view::npos;
}

SentencePieceSource read_source(const Folder& folder, std::span<const std::string_view> names) {
  const auto name = std::find_if(names.begin(), names.end(),
                                 [&](std::string_view candidate) { return folder.has(candidate); });
  const NamedFile found = folder.file(name == names.end() ? names.front() : *name);
  if (is_tiktoken(found.bytes)) {
    throw UnsupportedError("{}: a list of tiktoken's, not a model of SentencePiece; {}",
                           found.origin, kSaveAsJson);
  }
  return {read_sentencepiece(found.bytes, found.origin), found.origin};
}

std::string_view name_of(SentencePieceFile::Algorithm algorithm) {
  constexpr std::string_view kNames[] = {"UNIGRAM", "BPE", "WORD", "CHAR"};
  return kNames[static_cast<std::size_t>(algorithm) - 1];
}

constexpr std::string_view kOtherwise =
    "set tokenizer_class in tokenizer_config.json to PreTrainedTokenizerFast to have it read as "
    "SentencePiece itself reads it";

void require_algorithm(const SentencePieceSource& source, SentencePieceFile::Algorithm algorithm,
                       const Folder& folder) {
  if (source.file.algorithm == algorithm || !source.file.names_algorithm) return;
  throw UnsupportedError(
      "{}: trainer_spec.model_type is {}, and {} makes a tokenizer of {} only; {}", source.origin,
      name_of(source.file.algorithm), folder.class_name, name_of(algorithm), kOtherwise);
}

// Classes with a normalizer of their own never look at the file's.
void warn_of_normalizer(const SentencePieceSource& source, const Folder& folder) {
  if (source.file.precompiled_charsmap.empty() && !source.file.remove_extra_whitespaces) return;
  log_warning("{}: its normalizer isn't applied, because {} of transformers 5 has none; {}",
              source.origin, folder.class_name, kOtherwise);
}

TokenizerDraft sentencepiece_bpe(const Folder& folder, std::string unknown,
                                 TextNormalizer normalizer, std::vector<WordSplitter::Stage> stages,
                                 bool strips) {
  const SentencePieceSource source = read_source(folder, kModelNames);
  require_algorithm(source, SentencePieceFile::Algorithm::kBpe, folder);
  warn_of_normalizer(source, folder);
  VocabularyDraft vocabulary = vocabulary_of(source.file, source.origin);
  BpeDraft bpe;
  bpe.merges = merges_by_id(vocabulary);
  bpe.options.fuse_unknown = true;
  bpe.options.byte_fallback = true;
  bpe.unknown = std::move(unknown);
  if (bpe.unknown.empty() && !vocabulary.own_id("<0x00>")) {
    log_warning(
        "{}: characters without a piece are left out of text, because the file has no byte pieces "
        "and {} of transformers 5 makes no unknown token of them; {}",
        source.origin, folder.class_name, kOtherwise);
  }
  std::vector<DecoderChain::Step> decoders;
  decoders.emplace_back(ReplaceDecoder{TextPattern(std::string(kSpaceMark)), " "});
  decoders.emplace_back(ByteFallbackDecoder{});
  decoders.emplace_back(FuseDecoder{});
  if (strips) decoders.emplace_back(StripDecoder{" ", 1, 0});
  TokenizerDraft draft{source.origin,
                       std::move(vocabulary),
                       std::move(bpe),
                       std::move(normalizer),
                       WordSplitter(std::move(stages)),
                       DecoderChain(std::move(decoders), source.origin)};
  draft.extra = added_pieces(source.file, true);
  return draft;
}

std::vector<WordSplitter::Stage> space_marks(Prepend prepend) {
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(MetaspaceStage{std::string(kSpaceMark), prepend, false});
  return stages;
}

}  // namespace

TokenizerDraft read_llama(const Folder& folder, FolderTokens& /*tokens*/) {
  const bool prefix = folder.flag("add_prefix_space", true);
  const Prepend prepend = !prefix                        ? Prepend::kNever
                          : folder.flag("legacy", false) ? Prepend::kAlways
                                                         : Prepend::kFirst;
  return sentencepiece_bpe(folder, "", TextNormalizer({}), space_marks(prepend), prefix);
}

TokenizerDraft read_code_llama(const Folder& folder, FolderTokens& tokens) {
  const Prepend prepend = folder.flag("add_prefix_space", true) ? Prepend::kFirst : Prepend::kNever;
  TokenizerDraft draft = sentencepiece_bpe(folder, text_of(tokens, "unk_token"), TextNormalizer({}),
                                           space_marks(prepend), true);
  draft.surroundings = put_around(tokens, "bos_token", "");
  // The class's own tokens are there even where a file names others for their roles.
  for (const RoleDefault& role : std::span(kCodeLlamaRoles).subspan(std::size(kLlamaRoles))) {
    AddedToken token;
    token.content = role.text;
    token.special = true;
    draft.extra.push_back(std::move(token));
  }
  return draft;
}

TokenizerDraft read_gemma(const Folder& folder, FolderTokens& tokens) {
  std::vector<TextNormalizer::Step> steps;
  steps.emplace_back(ReplaceNormalizer{TextPattern(" "), std::string(kSpaceMark)});
  return sentencepiece_bpe(folder, text_of(tokens, "unk_token"), TextNormalizer(std::move(steps)),
                           {}, false);
}

// The pieces from the fourth on, behind the tokens of four roles, with another at the end.
TokenizerDraft read_xlm_roberta(const Folder& folder, FolderTokens& tokens) {
  constexpr std::size_t kOwnPieces = 3;
  constexpr std::int32_t kUnknown = 3;
  const SentencePieceSource source = read_source(folder, kBpeModelNames);
  require_algorithm(source, SentencePieceFile::Algorithm::kUnigram, folder);
  const auto& pieces = source.file.pieces;
  VocabularyDraft vocabulary(source.origin, pieces.size() + 2);
  UnigramDraft unigram;
  const auto put = [&](std::string_view text, float score) {
    vocabulary.put(text, unigram.scores.size());
    unigram.scores.push_back(double{score});
  };
  for (const char* const role : {"bos_token", "pad_token", "eos_token", "unk_token"}) {
    put(vocabulary.keep(text_of(tokens, role)), 0);
  }
  for (std::size_t id = kOwnPieces; id < pieces.size(); ++id)
    put(pieces[id].text, pieces[id].score);
  put(vocabulary.keep(text_of(tokens, "mask_token")), 0);
  unigram.options.unknown = TokenId(kUnknown);

  std::vector<TextNormalizer::Step> steps;
  if (!source.file.precompiled_charsmap.empty()) {
    steps.emplace_back(PrecompiledNormalizer{
        std::make_shared<const Charsmap>(source.file.precompiled_charsmap, source.origin)});
  }
  const bool prefix = folder.flag("add_prefix_space", true);
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(CharacterStage{is_white_space, SplitBehavior::kRemoved});
  stages.emplace_back(
      MetaspaceStage{std::string(kSpaceMark), prefix ? Prepend::kAlways : Prepend::kNever, true});
  std::vector<DecoderChain::Step> decoders;
  decoders.emplace_back(MetaspaceDecoder{std::string(kSpaceMark), prefix});
  TokenizerDraft draft{source.origin,
                       std::move(vocabulary),
                       std::move(unigram),
                       TextNormalizer(std::move(steps)),
                       WordSplitter(std::move(stages)),
                       DecoderChain(std::move(decoders), source.origin)};
  draft.extra = added_pieces(source.file, true);
  draft.surroundings = put_around(tokens, "bos_token", "eos_token");
  draft.obeys_flags = false;
  return draft;
}

// Behind the pieces stand marks of places that the model fills, the last of them first.
TokenizerDraft read_t5(const Folder& folder, FolderTokens& tokens) {
  constexpr std::size_t kUsualMarks = 100;
  constexpr std::size_t kMaxMarks = 1 << 16;
  constexpr std::int32_t kUnknown = 2;
  const auto& config = folder.documents.tokenizer_config;
  const auto said = config ? config->find("extra_ids") : std::nullopt;
  const std::size_t marks = said ? said->count(kMaxMarks) : kUsualMarks;
  const SentencePieceSource source = read_source(folder, kUnigramModelNames);
  require_algorithm(source, SentencePieceFile::Algorithm::kUnigram, folder);
  const auto& pieces = source.file.pieces;
  if (std::cmp_less_equal(pieces.size(), kUnknown)) {
    throw FormatError("{}: {} pieces, of which number {} is to be the unknown one", source.origin,
                      pieces.size(), kUnknown);
  }
  VocabularyDraft vocabulary(source.origin, pieces.size() + marks);
  UnigramDraft unigram;
  unigram.options.unknown = TokenId(kUnknown);
  const auto put = [&](std::string_view text, float score) {
    vocabulary.put(text, unigram.scores.size());
    unigram.scores.push_back(double{score});
  };
  for (const SentencePieceFile::Piece& piece : pieces) put(piece.text, piece.score);
  std::vector<AddedToken> extra = added_pieces(source.file, true);
  for (std::size_t mark = marks; mark-- > 0;) {
    AddedToken token;
    token.content = fmt::format("<extra_id_{}>", mark);
    token.special = true;
    put(vocabulary.keep(token.content), 0);
    extra.push_back(std::move(token));
  }

  std::vector<TextNormalizer::Step> steps;
  if (!source.file.precompiled_charsmap.empty()) {
    steps.emplace_back(PrecompiledNormalizer{
        std::make_shared<const Charsmap>(source.file.precompiled_charsmap, source.origin)});
  }
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(CharacterStage{is_white_space, SplitBehavior::kRemoved});
  stages.emplace_back(MetaspaceStage{std::string(kSpaceMark), Prepend::kAlways, true});
  std::vector<DecoderChain::Step> decoders;
  decoders.emplace_back(MetaspaceDecoder{std::string(kSpaceMark), true});
  TokenizerDraft draft{source.origin,
                       std::move(vocabulary),
                       std::move(unigram),
                       TextNormalizer(std::move(steps)),
                       WordSplitter(std::move(stages)),
                       DecoderChain(std::move(decoders), source.origin)};
  draft.extra = std::move(extra);
  draft.surroundings = put_around(tokens, "", "eos_token");
  draft.obeys_flags = false;
  return draft;
}

// What no class has a say in.
TokenizerDraft read_any(const Folder& folder, FolderTokens& tokens) {
  const SentencePieceSource source = read_source(folder, kModelNames);
  const SentencePieceFile& file = source.file;
  // What the file itself calls by these names.
  std::vector<RoleDefault> roles;
  const auto role = [&](std::string_view name, std::int32_t id, std::string_view piece) {
    if (id >= 0 && !piece.empty()) roles.push_back({name, piece});
  };
  role("bos_token", file.bos_id, file.bos_piece);
  role("eos_token", file.eos_id, file.eos_piece);
  role("unk_token", file.unk_id, file.unk_piece);
  tokens = read_folder_tokens(folder.documents, roles);
  return read_as_sentencepiece(file, tokens, folder.flag_unless_null("legacy", true),
                               source.origin);
}

}  // namespace sirocco
