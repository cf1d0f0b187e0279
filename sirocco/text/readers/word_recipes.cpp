#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/class_recipes.hpp"
#include "sirocco/text/readers/tokenizer_json.hpp"
#include "sirocco/text/readers/word_lists.hpp"

namespace sirocco {
namespace {

TokenizerDraft byte_level(const Folder& folder, TextNormalizer normalizer,
                          std::vector<WordSplitter::Stage> stages) {
  const NamedFile vocabulary = folder.file("vocab.json");
  const NamedFile merges = folder.file("merges.txt");
  const auto source = std::make_shared<JsonSource>(vocabulary.bytes, vocabulary.origin);
  BpeDraft bpe;
  bpe.merges = read_merge_lines(merges.bytes, merges.origin);
  std::vector<DecoderChain::Step> decoders;
  decoders.emplace_back(ByteLevelDecoder{});
  TokenizerDraft draft{vocabulary.origin,
                       read_token_ids(source->document.root()),
                       std::move(bpe),
                       std::move(normalizer),
                       WordSplitter(std::move(stages)),
                       DecoderChain(std::move(decoders), vocabulary.origin)};
  draft.source = source;
  return draft;
}

}  // namespace

NamedFile Folder::file(std::string_view name) const {
  const auto bytes = files.find(name);
  if (!bytes) throw NotFound("{}: there is no such file", files.origin(name));
  return {*bytes, files.origin(name)};
}

std::string text_of(const FolderTokens& tokens, std::string_view role) {
  const std::string* const text = tokens.find(role);
  return text == nullptr ? std::string() : *text;
}

std::function<Surroundings(const Vocabulary&)> put_around(const FolderTokens& tokens,
                                                          std::string_view before,
                                                          std::string_view after) {
  return [first = text_of(tokens, before),
          last = text_of(tokens, after)](const Vocabulary& vocabulary) {
    Surroundings around;
    if (const auto id = vocabulary.find(first)) around.before.push_back(*id);
    if (const auto id = vocabulary.find(last)) around.after.push_back(*id);
    return around;
  };
}

TokenizerDraft read_gpt2(const Folder& folder, FolderTokens& /*tokens*/) {
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(ByteLevelStage{folder.flag("add_prefix_space", false), true});
  return byte_level(folder, TextNormalizer({}), std::move(stages));
}

TokenizerDraft read_qwen2(const Folder& folder, FolderTokens& /*tokens*/) {
  constexpr std::string_view kWords =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
      R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
  std::vector<TextNormalizer::Step> steps;
  steps.emplace_back(UnicodeNormalizer{UnicodeForm::kNfc});
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(SplitStage{TextPattern(SplitPattern(kWords, RegexDialect::kOniguruma)),
                                 SplitBehavior::kIsolated, false});
  stages.emplace_back(ByteLevelStage{folder.flag("add_prefix_space", false), false});
  TokenizerDraft draft = byte_level(folder, TextNormalizer(std::move(steps)), std::move(stages));
  draft.plain_names = true;
  return draft;
}

// Words end in a mark, and spaces between them are left out.
TokenizerDraft read_clip(const Folder& folder, FolderTokens& tokens) {
  constexpr std::string_view kBlanks = R"(\s+)";
  constexpr std::string_view kWords =
      R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|)"
      R"([^\s\p{L}\p{N}]+)";
  std::vector<TextNormalizer::Step> steps;
  steps.emplace_back(UnicodeNormalizer{UnicodeForm::kNfc});
  steps.emplace_back(
      ReplaceNormalizer{TextPattern(SplitPattern(kBlanks, RegexDialect::kOniguruma)), " "});
  steps.emplace_back(LowercaseNormalizer{});
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(SplitStage{TextPattern(SplitPattern(kWords, RegexDialect::kOniguruma)),
                                 SplitBehavior::kRemoved, true});
  stages.emplace_back(ByteLevelStage{false, true});
  TokenizerDraft draft = byte_level(folder, TextNormalizer(std::move(steps)), std::move(stages));
  auto& bpe = std::get<BpeDraft>(draft.model);
  bpe.options.end_of_word_suffix = "</w>";
  bpe.unknown = text_of(tokens, "unk_token");
  draft.surroundings = put_around(tokens, "bos_token", "eos_token");
  draft.obeys_flags = false;
  return draft;
}

TokenizerDraft read_bert(const Folder& folder, FolderTokens& tokens) {
  const NamedFile words = folder.file("vocab.txt");
  BertNormalizer bert;
  bert.handle_chinese_chars = folder.flag("tokenize_chinese_chars", true);
  bert.lowercase = folder.flag("do_lower_case", true);
  bert.strip_accents = folder.flag("strip_accents", bert.lowercase);
  std::vector<TextNormalizer::Step> steps;
  steps.emplace_back(bert);
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(BertStage{});
  std::vector<DecoderChain::Step> decoders;
  decoders.emplace_back(WordPieceDecoder{"##", true});
  WordPieceDraft model;
  model.options.continuing_prefix = "##";
  if (const std::string* const unknown = tokens.find("unk_token")) model.unknown = *unknown;
  model.unknown_where = words.origin;
  TokenizerDraft draft{words.origin,
                       read_word_lines(words.bytes, words.origin),
                       std::move(model),
                       TextNormalizer(std::move(steps)),
                       WordSplitter(std::move(stages)),
                       DecoderChain(std::move(decoders), words.origin)};
  draft.surroundings = put_around(tokens, "cls_token", "sep_token");
  draft.obeys_flags = false;
  return draft;
}

}  // namespace sirocco
