#include "sirocco/text/readers/tokenizer_json_parts.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/char_class.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxComponents = 64;
constexpr int kMaxSequenceDepth = 16;
constexpr std::size_t kMaxContent = 1024;

/// A kind of component by its name in the file, and the function that reads one into a list: a
/// "Sequence" stands for its members, in order.
template <class Step>
struct Kind {
  std::string_view name;
  Step (*read)(const JsonNode& node);
};

template <class Step, std::size_t N>
void read_components(const JsonNode& node, std::string_view role, std::string_view members,
                     const Kind<Step> (&kinds)[N], std::vector<Step>& out, int depth = 0) {
  const std::string_view type = node.at("type").text();
  if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) {
      throw FormatError("{}: sequences within sequences, more than {} deep", node.where(), depth);
    }
    for (const JsonNode& member : node.at(members).items()) {
      read_components(member, role, members, kinds, out, depth + 1);
    }
    return;
  }
  const auto* const kind = std::find_if(std::begin(kinds), std::end(kinds),
                                        [&](const auto& known) { return known.name == type; });
  if (kind == std::end(kinds)) {
    std::string known = "Sequence";
    for (const auto& other : kinds) known.append(", ").append(other.name);
    throw UnsupportedError("{}: the {} {} isn't supported; known are {}", node.where(), role,
                           quoted(type), known);
  }
  if (out.size() == kMaxComponents) {
    throw FormatError("{}: more than {} components", node.where(), kMaxComponents);
  }
  out.push_back(kind->read(node));
}

std::string short_text(const JsonNode& node) {
  const std::string_view text = node.text();
  if (text.size() > kMaxContent) {
    throw FormatError("{}: has {} bytes of at most {}", node.where(), text.size(), kMaxContent);
  }
  return std::string(text);
}

char32_t single_character(const JsonNode& node) {
  const std::string_view text = node.text();
  const Utf8Unit unit = text.empty() ? Utf8Unit{} : decode_utf8(text, 0);
  if (text.empty() || unit.size != text.size()) node.wrong("a string of one character");
  return unit.value;
}

TextPattern read_pattern(const JsonNode& node) {
  if (const auto regex = node.find("Regex")) {
    return TextPattern(SplitPattern(regex->text(), RegexDialect::kOniguruma));
  }
  const JsonNode literal = node.at("String");
  std::string text = short_text(literal);
  if (text.empty()) {
    throw UnsupportedError("{}: an empty pattern isn't supported", literal.where());
  }
  return TextPattern(std::move(text));
}

std::string base64(const JsonNode& node) {
  const std::string_view text = node.text();
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int count = 0;
  const std::string_view body = text.substr(0, std::min(text.find('='), text.size()));
  for (const char c : body) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      throw FormatError("{}: not base64", node.where());
    }
    bits = (bits << 6U) | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU));
  }
  return bytes;
}

// ---------------------------------------------------------------- normalizers

using NormalizerStep = TextNormalizer::Step;

template <UnicodeForm F>
NormalizerStep unicode_form(const JsonNode& /*node*/) {
  return UnicodeNormalizer{F};
}

/// `config` may say otherwise, by members of its own.
NormalizerStep bert_normalizer(const JsonNode& node, const JsonNode& config) {
  BertNormalizer bert;
  bert.clean_text = node.at("clean_text").flag();
  bert.handle_chinese_chars =
      config.flag_or("tokenize_chinese_chars", node.at("handle_chinese_chars").flag());
  bert.lowercase = config.flag_or("do_lower_case", node.at("lowercase").flag());
  bert.strip_accents =
      config.flag_or("strip_accents", node.flag_or("strip_accents", bert.lowercase));
  return bert;
}

/// Classes that take tokenizer.json as it is.
bool is_generic_class(const JsonNode& config) {
  const std::string_view name = config.text_or("tokenizer_class", "");
  return name == "PreTrainedTokenizerFast" || name == "TokenizersBackend";
}

NormalizerStep replace_normalizer(const JsonNode& node) {
  return ReplaceNormalizer{read_pattern(node.at("pattern")), short_text(node.at("content"))};
}

NormalizerStep precompiled_normalizer(const JsonNode& node) {
  const JsonNode map = node.at("precompiled_charsmap");
  const std::string bytes = base64(map);
  return PrecompiledNormalizer{std::make_shared<const Charsmap>(bytes, map.where())};
}

constexpr Kind<NormalizerStep> kNormalizers[] = {
    {"BertNormalizer",
     [](const JsonNode& node) -> NormalizerStep { return bert_normalizer(node, node); }},
    {"NFC", unicode_form<UnicodeForm::kNfc>},
    {"NFD", unicode_form<UnicodeForm::kNfd>},
    {"NFKC", unicode_form<UnicodeForm::kNfkc>},
    {"NFKD", unicode_form<UnicodeForm::kNfkd>},
    {"Lowercase", [](const JsonNode&) -> NormalizerStep { return LowercaseNormalizer{}; }},
    {"Strip",
     [](const JsonNode& node) -> NormalizerStep {
       return StripNormalizer{node.at("strip_left").flag(), node.at("strip_right").flag()};
     }},
    {"StripAccents", [](const JsonNode&) -> NormalizerStep { return StripAccentsNormalizer{}; }},
    {"Nmt", [](const JsonNode&) -> NormalizerStep { return NmtNormalizer{}; }},
    {"Replace", replace_normalizer},
    {"Prepend",
     [](const JsonNode& node) -> NormalizerStep {
       const JsonNode prepend = node.at("prepend");
       std::string text = short_text(prepend);
       if (text.empty()) {
         throw UnsupportedError("{}: an empty text isn't supported", prepend.where());
       }
       return PrependNormalizer{std::move(text)};
     }},
    {"Precompiled", precompiled_normalizer},
    {"ByteLevel", [](const JsonNode&) -> NormalizerStep { return ByteLevelNormalizer{}; }},
};

// ---------------------------------------------------------------- pre-tokenizers

using SplitterStage = WordSplitter::Stage;

SplitBehavior read_behavior(const JsonNode& node) {
  constexpr std::pair<std::string_view, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  const std::string_view name = node.text();
  for (const auto& [known, behavior] : kBehaviors) {
    if (known == name) return behavior;
  }
  throw UnsupportedError("{}: the behavior {} isn't supported", node.where(), quoted(name));
}

struct Metaspace {
  std::string replacement;
  MetaspaceStage::Prepend prepend;
};

Metaspace read_metaspace(const JsonNode& node) {
  using Prepend = MetaspaceStage::Prepend;
  const JsonNode replacement = node.at("replacement");
  single_character(replacement);
  Metaspace metaspace{std::string(replacement.text()), Prepend::kAlways};
  const auto scheme = node.find("prepend_scheme");
  if (scheme) {
    const std::string_view name = scheme->text();
    if (name == "never") {
      metaspace.prepend = Prepend::kNever;
    } else if (name == "first") {
      metaspace.prepend = Prepend::kFirst;
    } else if (name != "always") {
      throw UnsupportedError("{}: {} isn't supported; known are always, never and first",
                             scheme->where(), quoted(name));
    }
  }
  // Older files say it this way.
  if (!node.flag_or("add_prefix_space", true)) {
    if (scheme && metaspace.prepend != Prepend::kNever) {
      throw FormatError("{}: is {}, but add_prefix_space is false", scheme->where(),
                        quoted(scheme->text()));
    }
    metaspace.prepend = Prepend::kNever;
  }
  return metaspace;
}

SplitterStage split_stage(const JsonNode& node) {
  return SplitStage{read_pattern(node.at("pattern")), read_behavior(node.at("behavior")),
                    node.at("invert").flag()};
}

SplitterStage metaspace_stage(const JsonNode& node) {
  Metaspace metaspace = read_metaspace(node);
  return MetaspaceStage{std::move(metaspace.replacement), metaspace.prepend,
                        node.flag_or("split", true)};
}

SplitterStage punctuation_stage(const JsonNode& node) {
  const auto behavior = node.find("behavior");
  return CharacterStage{is_punctuation,
                        behavior ? read_behavior(*behavior) : SplitBehavior::kIsolated};
}

SplitterStage digits_stage(const JsonNode& node) {
  const bool individual = node.at("individual_digits").flag();
  return CharacterStage{is_numeric,
                        individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous};
}

constexpr Kind<SplitterStage> kSplitters[] = {
    {"ByteLevel",
     [](const JsonNode& node) -> SplitterStage {
       return ByteLevelStage{node.at("add_prefix_space").flag(), node.flag_or("use_regex", true)};
     }},
    {"Split", split_stage},
    {"Metaspace", metaspace_stage},
    {"Whitespace", [](const JsonNode&) -> SplitterStage { return WhitespaceStage{}; }},
    {"WhitespaceSplit",
     [](const JsonNode&) -> SplitterStage {
       return CharacterStage{is_white_space, SplitBehavior::kRemoved};
     }},
    {"BertPreTokenizer", [](const JsonNode&) -> SplitterStage { return BertStage{}; }},
    {"Punctuation", punctuation_stage},
    {"Digits", digits_stage},
    {"CharDelimiterSplit",
     [](const JsonNode& node) -> SplitterStage {
       return DelimiterStage{single_character(node.at("delimiter"))};
     }},
};

// ---------------------------------------------------------------- decoders

using DecoderStep = DecoderChain::Step;

DecoderStep metaspace_decoder(const JsonNode& node) {
  Metaspace metaspace = read_metaspace(node);
  return MetaspaceDecoder{std::move(metaspace.replacement),
                          metaspace.prepend != MetaspaceStage::Prepend::kNever};
}

DecoderStep strip_decoder(const JsonNode& node) {
  const JsonNode content = node.at("content");
  single_character(content);
  return StripDecoder{std::string(content.text()), node.at("start").count(kMaxContent),
                      node.at("stop").count(kMaxContent)};
}

DecoderStep replace_decoder(const JsonNode& node) {
  return ReplaceDecoder{read_pattern(node.at("pattern")), short_text(node.at("content"))};
}

DecoderStep ctc_decoder(const JsonNode& node) {
  return CtcDecoder{short_text(node.at("pad_token")), short_text(node.at("word_delimiter_token")),
                    node.at("cleanup").flag()};
}

constexpr Kind<DecoderStep> kDecoders[] = {
    {"ByteLevel", [](const JsonNode&) -> DecoderStep { return ByteLevelDecoder{}; }},
    {"Metaspace", metaspace_decoder},
    {"WordPiece",
     [](const JsonNode& node) -> DecoderStep {
       return WordPieceDecoder{short_text(node.at("prefix")), node.at("cleanup").flag()};
     }},
    {"ByteFallback", [](const JsonNode&) -> DecoderStep { return ByteFallbackDecoder{}; }},
    {"Fuse", [](const JsonNode&) -> DecoderStep { return FuseDecoder{}; }},
    {"Strip", strip_decoder},
    {"Replace", replace_decoder},
    {"BPEDecoder",
     [](const JsonNode& node) -> DecoderStep {
       return BpeSuffixDecoder{short_text(node.at("suffix"))};
     }},
    {"CTC", ctc_decoder},
};

// ---------------------------------------------------------------- post-processors

TokenId read_token_id(const JsonNode& node, const Vocabulary& vocabulary) {
  return TokenId(static_cast<std::int32_t>(node.count(vocabulary.size() - 1)));
}

Surroundings read_template(const JsonNode& node, const Vocabulary& vocabulary) {
  Surroundings around;
  bool text_seen = false;
  const std::vector<JsonNode> pieces = node.at("single").items();
  if (pieces.size() > kMaxContent) node.at("single").wrong("at most 1024 pieces");
  for (const JsonNode& piece : pieces) {
    if (const auto sequence = piece.find("Sequence")) {
      if (text_seen || sequence->at("id").text() != "A") {
        throw UnsupportedError("{}: only one place of the text A is supported", sequence->where());
      }
      text_seen = true;
      continue;
    }
    const std::string_view name = piece.at("SpecialToken").at("id").text();
    const JsonNode token = node.at("special_tokens").at(name);
    for (const JsonNode& id : token.at("ids").items()) {
      std::vector<TokenId>& side = text_seen ? around.after : around.before;
      if (side.size() == kMaxContent) id.wrong("at most 1024 tokens");
      side.push_back(read_token_id(id, vocabulary));
    }
  }
  if (!text_seen) throw FormatError("{}: has no place for the text", node.at("single").where());
  return around;
}

// ["[SEP]", 102]
TokenId read_named_id(const JsonNode& node, const Vocabulary& vocabulary) {
  const std::vector<JsonNode> pair = node.items();
  if (pair.size() != 2) node.wrong("a text and an id");
  return read_token_id(pair[1], vocabulary);
}

Surroundings read_bert(const JsonNode& node, const Vocabulary& vocabulary) {
  return {{read_named_id(node.at("cls"), vocabulary)}, {read_named_id(node.at("sep"), vocabulary)}};
}

struct PostProcessorKind {
  std::string_view name;
  Surroundings (*read)(const JsonNode& node, const Vocabulary& vocabulary);
};

constexpr PostProcessorKind kPostProcessors[] = {
    {"TemplateProcessing", read_template},
    {"BertProcessing", read_bert},
    {"RobertaProcessing", read_bert},
    {"ByteLevel", [](const JsonNode&, const Vocabulary&) -> Surroundings { return {}; }},
};

// The reference's templates make a list of sequences; whatever comes next adds to each of them.
bool leaves_apart(const JsonNode& node) {
  const std::string_view type = node.at("type").text();
  if (type != "Sequence") return type == "TemplateProcessing";
  const std::vector<JsonNode> members = node.at("processors").items();
  return std::any_of(members.begin(), members.end(), leaves_apart);
}

Surroundings post_processor(const JsonNode& node, const Vocabulary& vocabulary, int depth) {
  const std::string_view type = node.at("type").text();
  if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) {
      throw FormatError("{}: sequences within sequences, more than {} deep", node.where(), depth);
    }
    Surroundings all;
    bool apart = false;
    for (const JsonNode& member : node.at("processors").items()) {
      Surroundings outer = post_processor(member, vocabulary, depth + 1);
      const bool adds = !outer.before.empty() || !outer.after.empty();
      if (apart && adds) {
        throw UnsupportedError(
            "{}: {} behind a TemplateProcessing, which leaves the tokens it added apart from the "
            "text, isn't supported",
            member.where(), member.at("type").text());
      }
      apart = apart || (adds && leaves_apart(member));
      all.before.insert(all.before.begin(), outer.before.begin(), outer.before.end());
      all.after.insert(all.after.end(), outer.after.begin(), outer.after.end());
      if (all.before.size() + all.after.size() > kMaxContent) {
        throw FormatError("{}: adds more than {} tokens", node.where(), kMaxContent);
      }
    }
    return all;
  }
  for (const PostProcessorKind& kind : kPostProcessors) {
    if (kind.name == type) return kind.read(node, vocabulary);
  }
  std::string known = "Sequence";
  for (const PostProcessorKind& kind : kPostProcessors) known.append(", ").append(kind.name);
  throw UnsupportedError("{}: the post-processor {} isn't supported; known are {}", node.where(),
                         quoted(type), known);
}

}  // namespace

TextNormalizer read_normalizer(const std::optional<JsonNode>& node,
                               const std::optional<JsonNode>& config) {
  std::vector<NormalizerStep> steps;
  if (node && config && node->at("type").text() == "BertNormalizer" && !is_generic_class(*config)) {
    steps.emplace_back(bert_normalizer(*node, *config));
    return TextNormalizer(std::move(steps));
  }
  if (node) read_components(*node, "normalizer", "normalizers", kNormalizers, steps);
  return TextNormalizer(std::move(steps));
}

WordSplitter read_splitter(const std::optional<JsonNode>& node) {
  std::vector<SplitterStage> stages;
  if (node) read_components(*node, "pre-tokenizer", "pretokenizers", kSplitters, stages);
  const auto spells = std::count_if(stages.begin(), stages.end(), [](const SplitterStage& stage) {
    return std::holds_alternative<ByteLevelStage>(stage);
  });
  if (spells > 1) {
    throw UnsupportedError("{}: ByteLevel twice, which would spell the spelling, isn't supported",
                           node->where());
  }
  return WordSplitter(std::move(stages));
}

DecoderChain read_decoder(const std::optional<JsonNode>& node, std::string_view origin) {
  std::vector<DecoderStep> steps;
  if (node) {
    read_components(*node, "decoder", "decoders", kDecoders, steps);
  } else {
    steps.emplace_back(SpaceJoinDecoder{});
  }
  return {std::move(steps), origin};
}

Surroundings read_post_processor(const std::optional<JsonNode>& node,
                                 const Vocabulary& vocabulary) {
  return node ? post_processor(*node, vocabulary, 0) : Surroundings{};
}

}  // namespace sirocco
