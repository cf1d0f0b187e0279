#include "sirocco/text/readers/tokenizer_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/json_node.hpp"
#include "sirocco/text/readers/tokenizer_json_parts.hpp"

// tokenizer.json as Hugging Face's `tokenizers` 0.23 reads it.
namespace sirocco {
namespace {

constexpr double kNoPiece = std::numeric_limits<double>::quiet_NaN();

enum class ModelKind : std::uint8_t { kBpe, kWordPiece, kUnigram };

ModelKind model_kind(const JsonNode& model) {
  constexpr std::pair<std::string_view, ModelKind> kKinds[] = {
      {"BPE", ModelKind::kBpe},
      {"WordPiece", ModelKind::kWordPiece},
      {"Unigram", ModelKind::kUnigram},
  };
  if (const auto type = model.find("type")) {
    for (const auto& [name, kind] : kKinds) {
      if (type->text() == name) return kind;
    }
    throw UnsupportedError("{}: the model {} isn't supported; known are BPE, WordPiece and Unigram",
                           type->where(), quoted(type->text()));
  }
  // Files of the first years don't say.
  if (model.find("merges")) return ModelKind::kBpe;
  if (model.find("max_input_chars_per_word")) return ModelKind::kWordPiece;
  const auto vocabulary = model.find("vocab");
  if (vocabulary && vocabulary->is_array()) return ModelKind::kUnigram;
  throw UnsupportedError("{}: a model without a type, and neither BPE, WordPiece nor Unigram",
                         model.where());
}

// A text and another value.
bool read_pair(const JsonNode& item, FunctionRef<bool(const JsonNode& first)> first,
               FunctionRef<bool(const JsonNode& second)> second) {
  if (!item.is_array()) return false;
  std::size_t index = 0;
  bool sound = true;
  item.for_each_item([&](const JsonNode& value) {
    sound = sound && index < 2 && (index == 0 ? first(value) : second(value));
    ++index;
  });
  return sound && index == 2;
}

// A score as the reference reads its decimal digits: the digits as one number, rounded, over a
// power of ten. The last bit decides between segmentations that tie.
double score_of_digits(double exact) {
  constexpr int kExactPowers = 22;  // of ten, in a double
  if (!std::isfinite(exact)) return exact;
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.begin(), text.end(), std::abs(exact), std::chars_format::scientific).ptr;
  std::uint64_t digits = 0;
  int exponent = 0;
  for (const char* c = text.begin(); c != end; ++c) {
    if (*c == 'e') {
      const char* const sign = c + 1;
      std::from_chars(*sign == '+' ? sign + 1 : sign, end, exponent);
      const auto point = std::find(text.begin(), text.begin() + (c - text.begin()), '.');
      if (point != c) exponent -= static_cast<int>(c - point - 1);
      break;
    }
    if (*c != '.') digits = digits * 10 + static_cast<std::uint64_t>(*c - '0');
  }
  if (exponent >= 0 || exponent < -kExactPowers) return exact;
  double power = 1;
  for (int i = 0; i < -exponent; ++i) power *= 10;
  return std::copysign(static_cast<double>(digits) / power, exact);
}

bool read_text(const JsonNode& node, std::string_view& out) {
  const auto text = node.as_text();
  if (text) out = *text;
  return text.has_value();
}

// [["text", score], …]
VocabularyDraft read_scored(const JsonNode& node, std::vector<double>& scores) {
  if (!node.is_array()) node.wrong("an array");
  VocabularyDraft vocabulary(node.where(), node.size());
  scores.reserve(vocabulary.model_tokens());
  node.for_each_item([&](const JsonNode& item) {
    const std::size_t id = scores.size();
    std::string_view text;
    std::optional<double> score;
    const bool sound = read_pair(
        item, [&](const JsonNode& first) { return read_text(first, text); },
        [&](const JsonNode& second) { return (score = second.as_number()).has_value(); });
    if (!sound) throw FormatError("{}: entry {} is not a text and its score", node.where(), id);
    vocabulary.put(text, id);
    scores.push_back(text.empty() ? kNoPiece : score_of_digits(*score));
  });
  return vocabulary;
}

// ["a b", …] or [["a", "b"], …]
std::vector<BpeModel::Merge> read_merges(const JsonNode& node) {
  std::vector<BpeModel::Merge> merges;
  node.for_each_item([&](const JsonNode& item) {
    BpeModel::Merge merge;
    bool sound = false;
    if (const auto text = item.as_text()) {
      const std::size_t space = text->find(' ');
      sound =
          space != std::string_view::npos && text->find(' ', space + 1) == std::string_view::npos;
      if (sound) merge = {text->substr(0, space), text->substr(space + 1)};
    } else {
      sound = read_pair(
          item, [&](const JsonNode& first) { return read_text(first, merge.left); },
          [&](const JsonNode& second) { return read_text(second, merge.right); });
    }
    if (!sound) {
      throw FormatError("{}: entry {} is not two tokens, with a space between or as a pair",
                        node.where(), merges.size());
    }
    merges.push_back(merge);
  });
  return merges;
}

BpeDraft read_bpe(const JsonNode& model) {
  if (const auto dropout = model.find("dropout")) {
    const auto probability = dropout->as_number();
    if (!probability) dropout->wrong("a number");
    if (*probability != 0) {
      throw UnsupportedError("{}: merges left out by chance aren't supported", dropout->where());
    }
  }
  BpeDraft draft;
  draft.options.fuse_unknown = model.flag_or("fuse_unk", false);
  draft.options.byte_fallback = model.flag_or("byte_fallback", false);
  draft.options.ignore_merges = model.flag_or("ignore_merges", false);
  draft.options.continuing_subword_prefix = model.text_or("continuing_subword_prefix", "");
  draft.options.end_of_word_suffix = model.text_or("end_of_word_suffix", "");
  draft.unknown = model.text_or("unk_token", "");
  draft.merges = read_merges(model.at("merges"));
  return draft;
}

WordPieceDraft read_wordpiece(const JsonNode& model) {
  WordPieceDraft draft;
  draft.options.continuing_prefix = model.text_or("continuing_subword_prefix", "##");
  if (const auto limit = model.find("max_input_chars_per_word")) {
    draft.options.max_word_characters = limit->count(std::numeric_limits<std::int32_t>::max());
  }
  if (const auto name = model.find("unk_token")) {
    draft.unknown = name->text();
    draft.unknown_where = name->where();
  }
  return draft;
}

UnigramModel::Options read_unigram(const JsonNode& model, std::size_t model_tokens) {
  UnigramModel::Options options;
  options.byte_fallback = model.flag_or("byte_fallback", false);
  if (const auto id = model.find("unk_id")) {
    if (model_tokens == 0) id->wrong("null, the vocabulary being empty");
    options.unknown = TokenId(static_cast<std::int32_t>(id->count(model_tokens - 1)));
  }
  return options;
}

std::vector<NumberedToken> read_added(const JsonNode& root) {
  std::vector<NumberedToken> added;
  const auto list = root.find("added_tokens");
  if (!list) return added;
  for (const JsonNode& node : list->items()) {
    AddedToken token = read_added_token(node);
    const std::size_t id = node.at("id").count(std::numeric_limits<std::int32_t>::max());
    added.push_back({std::move(token), static_cast<std::int32_t>(id)});
  }
  return added;
}

}  // namespace

VocabularyDraft read_token_ids(const JsonNode& node) {
  VocabularyDraft vocabulary(node.where(), node.size());
  node.for_each_member([&](std::string_view text, const JsonNode& value) {
    const auto id = value.as_integer();
    if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max()) {
      throw FormatError("{}: the id of {} is no number from 0 to {}", node.where(), quoted(text),
                        std::numeric_limits<std::int32_t>::max());
    }
    vocabulary.put(text, static_cast<std::size_t>(*id));
  });
  return vocabulary;
}

TokenizerDraft read_tokenizer_json(std::string_view json, std::string_view origin,
                                   const std::optional<JsonNode>& config) {
  const auto source = std::make_shared<JsonSource>(json, origin);
  const JsonNode root = source->document.root();
  const JsonNode model = root.at("model");
  const ModelKind kind = model_kind(model);
  const JsonNode vocab = model.at("vocab");
  std::vector<double> scores;
  VocabularyDraft vocabulary =
      kind == ModelKind::kUnigram ? read_scored(vocab, scores) : read_token_ids(vocab);
  const std::size_t model_tokens = vocabulary.model_tokens();
  const auto read_model = [&]() -> ModelDraft {
    if (kind == ModelKind::kUnigram) {
      return UnigramDraft{std::move(scores), read_unigram(model, model_tokens)};
    }
    if (kind == ModelKind::kWordPiece) return read_wordpiece(model);
    return read_bpe(model);
  };

  TokenizerDraft draft{std::string(origin),
                       std::move(vocabulary),
                       read_model(),
                       read_normalizer(root.find("normalizer"), config),
                       read_splitter(root.find("pre_tokenizer")),
                       read_decoder(root.find("decoder"), origin)};
  draft.surroundings = [post_processor = root.find("post_processor")](const Vocabulary& complete) {
    return read_post_processor(post_processor, complete);
  };
  draft.added = read_added(root);
  draft.source = source;
  return draft;
}

}  // namespace sirocco
