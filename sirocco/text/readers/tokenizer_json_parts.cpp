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
    if (depth == kMaxComponentDepth) {
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
  if (text.size() > kMaxComponentContent) {
    throw FormatError("{}: has {} bytes of at most {}", node.where(), text.size(),
                      kMaxComponentContent);
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
  return StripDecoder{std::string(content.text()), node.at("start").count(kMaxComponentContent),
                      node.at("stop").count(kMaxComponentContent)};
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

}  // namespace sirocco
