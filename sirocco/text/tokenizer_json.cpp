#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/json_node.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_json_parts.hpp"
#include "sirocco/text/tokenizer_parts.hpp"

// tokenizer.json as Hugging Face's `tokenizers` 0.23 reads it.
namespace sirocco {
namespace {

// Ids that no token has, at most: a file can't ask for more memory than it is large.
constexpr std::size_t kMostGaps = std::size_t{1} << 20U;
constexpr double kNoPiece = std::numeric_limits<double>::quiet_NaN();

struct AddedToken {
  std::string content;
  std::int32_t id = -1;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
};

/// The vocabulary of a file while it is put together.
struct Draft {
  std::vector<VocabularyEntry> entries;  // by id
  std::vector<bool> taken;
  std::vector<double> scores;  // of a unigram model
  std::size_t model_tokens = 0;

  void put(std::string_view text, std::size_t id, TokenKind kind, const JsonNode& node) {
    if (id >= model_tokens + kMostGaps) {
      throw FormatError("{}: {} has the id {}, with {} tokens in the vocabulary", node.where(),
                        quoted(text), id, model_tokens);
    }
    if (id >= entries.size()) {
      entries.resize(id + 1, VocabularyEntry{{}, TokenKind::kUnused, 0});
      taken.resize(id + 1);
    }
    if (taken[id]) {
      throw FormatError("{}: {} and {} both have the id {}", node.where(), quoted(entries[id].text),
                        quoted(text), id);
    }
    taken[id] = true;
    entries[id] = {text, kind, 0};
  }
};

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

// {"text": id, …}
void read_ids(const JsonNode& node, Draft& draft) {
  draft.model_tokens = node.size();
  draft.entries.reserve(draft.model_tokens);
  draft.taken.reserve(draft.model_tokens);
  node.for_each_member([&](std::string_view text, const JsonNode& value) {
    const auto id = value.as_integer();
    if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max()) {
      throw FormatError("{}: the id of {} is no number from 0 to {}", node.where(), quoted(text),
                        std::numeric_limits<std::int32_t>::max());
    }
    // A text without characters can't be looked for; the place stays empty.
    if (!text.empty()) draft.put(text, static_cast<std::size_t>(*id), TokenKind::kNormal, node);
  });
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
void read_scored(const JsonNode& node, Draft& draft) {
  if (!node.is_array()) node.wrong("an array");
  draft.model_tokens = node.size();
  draft.scores.reserve(draft.model_tokens);
  node.for_each_item([&](const JsonNode& item) {
    const std::size_t id = draft.scores.size();
    std::string_view text;
    std::optional<double> score;
    const bool sound = read_pair(
        item, [&](const JsonNode& first) { return read_text(first, text); },
        [&](const JsonNode& second) { return (score = second.as_number()).has_value(); });
    if (!sound) throw FormatError("{}: entry {} is not a text and its score", node.where(), id);
    if (!text.empty()) draft.put(text, id, TokenKind::kNormal, node);
    draft.scores.push_back(text.empty() ? kNoPiece : score_of_digits(*score));
  });
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

AddedToken read_added(const JsonNode& node) {
  AddedToken token;
  token.content = node.at("content").text();
  token.special = node.flag_or("special", false);
  token.single_word = node.flag_or("single_word", false);
  token.lstrip = node.flag_or("lstrip", false);
  token.rstrip = node.flag_or("rstrip", false);
  token.normalized = node.flag_or("normalized", !token.special);
  return token;
}

/// The added tokens of all files, by content.
class AddedList {
 public:
  /// A token that a file gives with its id. The later of two with one content says how it matches.
  void put(AddedToken token, const JsonNode& node) {
    if (token.content.empty()) return;
    const auto [at, fresh] = by_content_.emplace(token.content, tokens_.size());
    if (fresh) {
      tokens_.push_back(std::move(token));
      return;
    }
    AddedToken& before = tokens_[at->second];
    if (before.id != token.id) {
      throw FormatError("{}: {} has the ids {} and {}", node.where(),
                        sirocco::quoted(token.content), before.id, token.id);
    }
    before = std::move(token);
  }
  bool contains(std::string_view content) const { return by_content_.contains(content); }

  std::vector<AddedToken>& tokens() { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  std::map<std::string, std::size_t, std::less<>> by_content_;
};

std::int32_t read_id(const JsonNode& node) {
  return static_cast<std::int32_t>(node.count(std::numeric_limits<std::int32_t>::max()));
}

// tokenizer_config.json: {"added_tokens_decoder": {"5": {"content": …}}}
void read_added_decoder(const JsonNode& node, AddedList& added) {
  node.for_each_member([&](std::string_view key, const JsonNode& entry) {
    const bool number = !key.empty() && key.size() <= 9 &&
                        key.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) throw FormatError("{}: {} is no id", node.where(), quoted(key));
    AddedToken token = read_added(entry);
    token.id = static_cast<std::int32_t>(std::stol(std::string(key)));
    added.put(std::move(token), node);
  });
}

/// The roles that files name tokens for.
struct NamedRole {
  std::string_view name;
  std::optional<TokenId> SpecialTokens::*member;
};
constexpr NamedRole kRoles[] = {
    {"bos_token", &SpecialTokens::bos},     {"eos_token", &SpecialTokens::eos},
    {"unk_token", &SpecialTokens::unknown}, {"sep_token", &SpecialTokens::separator},
    {"pad_token", &SpecialTokens::padding}, {"mask_token", &SpecialTokens::mask},
    {"cls_token", &SpecialTokens::bos},
};

// "<s>", or {"content": "<s>", …}
std::optional<std::string> read_named(const std::optional<JsonNode>& file, std::string_view role) {
  if (!file) return std::nullopt;
  const auto node = file->find(role);
  // Some files write false for "none".
  if (!node || node->is_flag()) return std::nullopt;
  return std::string(node->is_object() ? node->at("content").text() : node->text());
}

// 2, or [2, 7]
void read_end_ids(const std::optional<JsonNode>& file, const Vocabulary& vocabulary,
                  std::vector<TokenId>& ends) {
  const auto node = file ? file->find("eos_token_id") : std::nullopt;
  if (!node) return;
  const auto take = [&](const JsonNode& id) {
    // Some models say -1 for "none", and have ids beyond the tokenizer's.
    const auto value = id.as_integer();
    if (!value) id.wrong("the id of a token");
    if (*value >= 0 && *value < static_cast<std::int64_t>(vocabulary.size())) {
      ends.emplace_back(static_cast<std::int32_t>(*value));
    }
  };
  if (!node->is_array()) {
    take(*node);
    return;
  }
  for (const JsonNode& id : node->items()) take(id);
}

std::optional<TokenId> own_token(const Vocabulary& vocabulary, std::string_view text) {
  const auto id = vocabulary.find(text);
  if (id && vocabulary.kind(*id) == TokenKind::kUserDefined) return std::nullopt;
  return id;
}

WordModel read_model(const JsonNode& model, ModelKind kind, const Vocabulary& vocabulary,
                     Draft&& draft, std::optional<TokenId>& unknown) {
  const std::string_view origin = model.origin();
  if (kind == ModelKind::kUnigram) {
    draft.scores.resize(vocabulary.size(), kNoPiece);
    UnigramModel::Options options;
    options.unknown = unknown;
    options.byte_fallback = model.flag_or("byte_fallback", false);
    return UnigramModel(vocabulary, std::move(draft.scores), options, origin);
  }
  if (kind == ModelKind::kWordPiece) {
    WordPieceModel::Options options;
    options.unknown = unknown;
    options.continuing_prefix = model.text_or("continuing_subword_prefix", "##");
    if (const auto most = model.find("max_input_chars_per_word")) {
      options.longest_word = most->count(std::numeric_limits<std::int32_t>::max());
    }
    return WordPieceModel(vocabulary, std::move(options), origin);
  }
  if (const auto dropout = model.find("dropout")) {
    const auto probability = dropout->as_number();
    if (!probability) dropout->wrong("a number");
    if (*probability != 0) {
      throw UnsupportedError("{}: merges left out by chance aren't supported", dropout->where());
    }
  }
  BpeModel::Options options;
  options.unknown = unknown;
  options.fuse_unknown = model.flag_or("fuse_unk", false);
  options.byte_fallback = model.flag_or("byte_fallback", false);
  options.ignore_merges = model.flag_or("ignore_merges", false);
  options.continuing_subword_prefix = model.text_or("continuing_subword_prefix", "");
  options.end_of_word_suffix = model.text_or("end_of_word_suffix", "");
  const std::vector<BpeModel::Merge> merges = read_merges(model.at("merges"));
  return BpeModel(vocabulary, merges, std::move(options), origin);
}

// The unknown token that the model names, among its own.
std::optional<TokenId> read_unknown(const JsonNode& model, ModelKind kind,
                                    const Vocabulary& vocabulary, std::size_t model_tokens) {
  if (kind == ModelKind::kUnigram) {
    const auto id = model.find("unk_id");
    if (!id) return std::nullopt;
    if (model_tokens == 0) id->wrong("null, the vocabulary being empty");
    return TokenId(static_cast<std::int32_t>(id->count(model_tokens - 1)));
  }
  const auto name = model.find("unk_token");
  if (!name) return std::nullopt;
  const auto id = own_token(vocabulary, name->text());
  if (!id && kind == ModelKind::kWordPiece) {
    throw FormatError("{}: {} is not in the vocabulary", name->where(), quoted(name->text()));
  }
  return id;
}

enum class Side : std::uint8_t { kFront, kBack };

/// tokenizer_config.json has the last word on whether `token` stands at the end of `tokens` that
/// faces away from the text: files are made whose post-processor doesn't know it.
void apply_flag(const JsonNode& config, std::string_view flag, std::optional<TokenId> token,
                std::vector<TokenId>& tokens, Side side) {
  const auto said = config.find(flag);
  if (!said || !token) return;
  const auto at = side == Side::kFront ? tokens.begin() : tokens.end();
  const bool there = !tokens.empty() && (side == Side::kFront ? *at : *(at - 1)) == *token;
  if (said->flag() && !there) tokens.insert(at, *token);
  if (!said->flag() && there) tokens.erase(side == Side::kFront ? at : at - 1);
}

}  // namespace

Tokenizer make_tokenizer(const TokenizerFiles& files) {
  const std::string& origin = files.origin;
  const std::string config_origin = origin + " (tokenizer_config.json)";
  const std::string map_origin = origin + " (special_tokens_map.json)";
  const std::string generation_origin = origin + " (generation_config.json)";
  const std::string model_origin = origin + " (config.json)";
  std::vector<JsonDocument> others;
  others.reserve(4);
  const auto parse = [&](std::string_view json, const std::string& name) {
    std::optional<JsonNode> root;
    if (json.empty()) return root;
    others.emplace_back(json, name);
    root = others.back().root();
    if (!root->is_object()) root->wrong("an object");
    return root;
  };
  const auto config = parse(files.tokenizer_config, config_origin);
  const auto special_map = parse(files.special_tokens_map, map_origin);
  const auto generation = parse(files.generation_config, generation_origin);
  const auto model_config = parse(files.config, model_origin);

  const JsonDocument document(files.tokenizer, origin);
  const JsonNode root = document.root();
  const JsonNode model = root.at("model");
  const ModelKind kind = model_kind(model);

  Draft draft;
  const JsonNode vocab = model.at("vocab");
  if (kind == ModelKind::kUnigram) {
    read_scored(vocab, draft);
  } else {
    read_ids(vocab, draft);
  }

  AddedList added;
  if (const auto list = root.find("added_tokens")) {
    for (const JsonNode& node : list->items()) {
      AddedToken token = read_added(node);
      token.id = read_id(node.at("id"));
      added.put(std::move(token), node);
    }
  }
  const auto decoder_map = config ? config->find("added_tokens_decoder") : std::nullopt;
  if (decoder_map) read_added_decoder(*decoder_map, added);

  // Texts of the model's own, before anything is added to it.
  FlatIndex own(draft.entries.size());
  for (std::size_t i = 0; i < draft.entries.size(); ++i) {
    if (!draft.taken[i]) continue;
    own.insert(hash_bytes(draft.entries[i].text, own.seed()), static_cast<std::int32_t>(i));
  }
  const auto own_id = [&](std::string_view text) {
    return own.find(hash_bytes(text, own.seed()), [&](std::int32_t id) {
      return draft.entries[static_cast<std::size_t>(id)].text == text;
    });
  };

  // A token that is named for a role is special, whether or not the list of added ones has it.
  std::map<std::string_view, std::string> named;
  for (const NamedRole& role : kRoles) {
    auto text = read_named(config, role.name);
    if (!text) text = read_named(special_map, role.name);
    if (!text || text->empty()) continue;
    if (!added.contains(*text) && own_id(*text) >= 0) {
      AddedToken token;
      token.content = *text;
      token.id = own_id(*text);
      token.special = true;
      added.put(std::move(token), root);
    }
    named.emplace(role.name, *std::move(text));
  }

  for (AddedToken& token : added.tokens()) {
    const std::int32_t before = own_id(token.content);
    const TokenKind label = token.special ? TokenKind::kControl : TokenKind::kUserDefined;
    if (before >= 0) {
      if (before != token.id) {
        throw FormatError("{}: the added token {} has the id {}, but the id {} in the vocabulary",
                          origin, sirocco::quoted(token.content), token.id, before);
      }
      // One that is the model's own stays within its reach unless it's special.
      if (token.special) draft.entries[static_cast<std::size_t>(before)].kind = label;
    } else {
      draft.put(token.content, static_cast<std::size_t>(token.id), label, root);
    }
  }
  Vocabulary vocabulary(draft.entries, origin);

  SpecialTokens special;
  for (const NamedRole& role : kRoles) {
    const auto text = named.find(role.name);
    if (text == named.end() || special.*role.member) continue;
    special.*role.member = vocabulary.find(text->second);
  }
  auto unknown = read_unknown(model, kind, vocabulary, draft.model_tokens);
  if (unknown) {
    special.unknown = unknown;
    if (vocabulary.kind(*unknown) != TokenKind::kControl) {
      vocabulary.relabel(*unknown, TokenKind::kUnknown);
    }
  }
  find_end_of_generation(special, vocabulary);
  std::vector<TokenId>& ends = special.end_of_generation;
  read_end_ids(generation, vocabulary, ends);
  read_end_ids(model_config, vocabulary, ends);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  TextNormalizer normalizer = read_normalizer(root.find("normalizer"), config);
  if (files.letters == LetterCase::kLowered) normalizer.lower_first();
  std::vector<AddedTokens::Token> raw;
  std::vector<AddedTokens::Token> normalized;
  std::map<TokenId, std::string> decoded_texts;
  TokenizeStats stats;
  for (const AddedToken& token : added.tokens()) {
    const TokenId id(token.id);
    const bool control = vocabulary.kind(id) == TokenKind::kControl;
    AddedTokens::Token entry{token.content,     id,           control,
                             token.single_word, token.lstrip, token.rstrip};
    if (!token.normalized) {
      raw.push_back(std::move(entry));
      continue;
    }
    SplitRun run(token.content.size(), stats);
    TextDraft text;
    text.text = token.content;
    text.at_origin = true;
    entry.text = normalizer.apply(std::move(text), run).text;
    if (entry.text.empty()) {
      throw UnsupportedError(
          "{}: the normalizer leaves nothing of the added token {}, which isn't "
          "supported",
          origin, sirocco::quoted(token.content));
    }
    // Decoders undo what the normalizer did, to these tokens as to text.
    if (entry.text != token.content) decoded_texts.emplace(id, entry.text);
    normalized.push_back(std::move(entry));
  }

  Surroundings around = read_post_processor(root.find("post_processor"), vocabulary);
  if (config) {
    if (named.contains("bos_token"))
      apply_flag(*config, "add_bos_token", special.bos, around.before, Side::kFront);
    if (named.contains("eos_token"))
      apply_flag(*config, "add_eos_token", special.eos, around.after, Side::kBack);
  }
  special.add_bos = special.bos && !around.before.empty() && around.before.front() == *special.bos;
  special.add_eos = special.eos && !around.after.empty() && around.after.back() == *special.eos;

  WordModel word_model = read_model(model, kind, vocabulary, std::move(draft), unknown);
  ComponentTokenizer algorithm({std::move(normalizer), AddedTokens(std::move(normalized), origin),
                                read_splitter(root.find("pre_tokenizer")), std::move(word_model),
                                read_decoder(root.find("decoder"), origin),
                                std::move(decoded_texts)});
  TokenizerParts parts{origin,
                       std::move(vocabulary),
                       std::move(algorithm),
                       std::move(special),
                       false,
                       AddedTokens(std::move(raw), origin),
                       std::move(around.before),
                       std::move(around.after)};
  return Tokenizer(std::move(parts));
}

}  // namespace sirocco
