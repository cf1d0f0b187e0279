#include "sirocco/text/readers/finished_tokenizer.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/token_additions.hpp"
#include "sirocco/text/tokenizer_parts.hpp"

namespace sirocco {
namespace {

struct RoleMember {
  std::string_view role;
  std::optional<TokenId> SpecialTokens::*member;
};
// Of two with one member the first that is named counts.
constexpr RoleMember kRoleMembers[] = {
    {"bos_token", &SpecialTokens::bos},     {"eos_token", &SpecialTokens::eos},
    {"pad_token", &SpecialTokens::padding}, {"sep_token", &SpecialTokens::separator},
    {"mask_token", &SpecialTokens::mask},   {"cls_token", &SpecialTokens::bos},
};

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

// The unknown token that the model names, among its own.
std::optional<TokenId> find_unknown(const BpeDraft& model, const Vocabulary& vocabulary,
                                    const VocabularyDraft& /*own*/) {
  const auto id = vocabulary.find(model.unknown);
  if (id && vocabulary.kind(*id) == TokenKind::kUserDefined) return std::nullopt;
  return id;
}

std::optional<TokenId> find_unknown(const WordPieceDraft& model, const Vocabulary& /*vocabulary*/,
                                    const VocabularyDraft& own) {
  if (model.unknown.empty()) return std::nullopt;
  const auto id = own.own_id(model.unknown);
  if (!id) {
    throw FormatError("{}: {} is not in the vocabulary", model.unknown_where,
                      sirocco::quoted(model.unknown));
  }
  return TokenId(*id);
}

std::optional<TokenId> find_unknown(const UnigramDraft& model, const Vocabulary& /*vocabulary*/,
                                    const VocabularyDraft& /*own*/) {
  return model.options.unknown;
}

WordModel finish_model(BpeDraft& draft, const Vocabulary& vocabulary, std::string_view origin) {
  return BpeModel(vocabulary, draft.merges, std::move(draft.options), origin);
}

WordModel finish_model(WordPieceDraft& draft, const Vocabulary& vocabulary,
                       std::string_view origin) {
  return WordPieceModel(vocabulary, std::move(draft.options), origin);
}

WordModel finish_model(UnigramDraft& draft, const Vocabulary& vocabulary, std::string_view origin) {
  draft.scores.resize(vocabulary.size(), std::numeric_limits<double>::quiet_NaN());
  return UnigramModel(vocabulary, std::move(draft.scores), draft.options, origin);
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

// A list that gives one text two ids, or an id that another token has, is no list to go by.
void check_ids(const TokenizerDraft& draft) {
  std::map<std::string_view, std::int32_t> ids;
  for (const NumberedToken& added : draft.added) {
    const std::string& text = added.token.content;
    const auto [at, fresh] = ids.emplace(text, added.id);
    if (!fresh && at->second != added.id) {
      throw FormatError("{}: {} has the ids {} and {}", draft.origin, sirocco::quoted(text),
                        at->second, added.id);
    }
    if (text.empty()) continue;
    const auto own = draft.vocabulary.own_id(text);
    if (own && *own != added.id) {
      throw FormatError("{}: the added token {} has the id {}, but the id {} in the vocabulary",
                        draft.origin, sirocco::quoted(text), added.id, *own);
    }
    const auto entries = draft.vocabulary.entries();
    const auto id = static_cast<std::size_t>(added.id);
    if (!own && id < entries.size() && !draft.vocabulary.is_free(added.id)) {
      throw FormatError("{}: {} and {} both have the id {}", draft.origin,
                        sirocco::quoted(entries[id].text), sirocco::quoted(text), id);
    }
  }
}

void add_all(const TokenizerDraft& draft, FolderTokens& tokens, TokenAdditions& additions) {
  const auto is_named = [&](std::string_view text) {
    return std::any_of(tokens.named.begin(), tokens.named.end(),
                       [&](const NamedToken& named) { return named.token.content == text; });
  };
  for (const NumberedToken& added : draft.added) {
    additions.add(added.token, added.id);
    if (tokens.listed_by_config) continue;
    tokens.listed.erase(added.id);
    if (is_named(added.token.content)) additions.make_special(added.token.content);
  }
  for (auto& [id, token] : tokens.listed) {
    token.special = token.special || is_named(token.content);
    if (draft.raw_additions) token.normalized = false;
    additions.add(std::move(token), id);
  }
  // Of those that are named or called special several times the last counts, texts alone once.
  const std::size_t listed = additions.tokens().size();
  std::set<std::string_view> plain_texts;
  const auto add_unlisted = [&](const AddedToken& token) {
    if (additions.contains(token.content, listed)) return;
    if (!token.is_plain() || plain_texts.insert(token.content).second) additions.add(token);
  };
  for (const NamedToken& named : tokens.named) add_unlisted(named.token);
  const std::vector<AddedToken>& others = tokens.extra          ? *tokens.extra
                                          : draft.extra.empty() ? tokens.additional
                                                                : draft.extra;
  for (const AddedToken& token : others) add_unlisted(token);
  if (!draft.plain_names) return;
  const auto plain = [&](const AddedToken& token) {
    AddedToken again;
    again.content = token.content;
    again.special = true;
    additions.add(std::move(again));
  };
  for (const NamedToken& named : tokens.named) plain(named.token);
  for (const AddedToken& token : others) plain(token);
}

/// The added tokens, by the text in which they are looked for.
struct SplitAdditions {
  std::vector<AddedTokens::Token> raw;
  std::vector<AddedTokens::Token> normalized;
  std::map<TokenId, std::string> decoded_texts;
};

SplitAdditions split_additions(const TokenAdditions& additions, const Vocabulary& vocabulary,
                               const TextNormalizer& normalizer, std::string_view origin) {
  SplitAdditions split;
  TokenizeStats stats;
  for (const NumberedToken& added : additions.tokens()) {
    const AddedToken& token = added.token;
    const TokenId id(added.id);
    const bool control = vocabulary.kind(id) == TokenKind::kControl;
    AddedTokens::Token entry{token.content,     id,           control,
                             token.single_word, token.lstrip, token.rstrip};
    if (!token.is_normalized()) {
      split.raw.push_back(std::move(entry));
      continue;
    }
    SplitRun run(token.content.size(), stats);
    TextDraft text;
    text.text = token.content;
    text.at_origin = true;
    entry.text = normalizer.apply(std::move(text), run).text;
    if (entry.text.empty()) {
      throw UnsupportedError(
          "{}: the normalizer leaves nothing of the added token {}, which isn't supported", origin,
          sirocco::quoted(token.content));
    }
    // Decoders undo what the normalizer did, to these tokens as to text.
    if (entry.text != token.content) split.decoded_texts.emplace(id, entry.text);
    split.normalized.push_back(std::move(entry));
  }
  return split;
}

/// The tokens that the folder names for roles.
SpecialTokens find_roles(const FolderTokens& tokens, const Vocabulary& vocabulary) {
  SpecialTokens special;
  for (const RoleMember& role : kRoleMembers) {
    const std::string* const text = tokens.find(role.role);
    if (text != nullptr && !(special.*role.member)) {
      special.*role.member = vocabulary.find(*text);
    }
  }
  return special;
}

/// The unknown token is the model's, wherever it is named.
void settle_unknown(TokenizerDraft& draft, Vocabulary& vocabulary, SpecialTokens& special) {
  const auto unknown = std::visit(
      [&](const auto& model) { return find_unknown(model, vocabulary, draft.vocabulary); },
      draft.model);
  std::visit([&](auto& model) { model.options.unknown = unknown; }, draft.model);
  if (!unknown) return;
  special.unknown = unknown;
  if (vocabulary.kind(*unknown) != TokenKind::kControl) {
    vocabulary.relabel(*unknown, TokenKind::kUnknown);
  }
}

/// What ends an answer: by its name or role, and by the ids of the folder's configurations.
void find_ends(const TokenizerDocuments& documents, SpecialTokens& special,
               Vocabulary& vocabulary) {
  find_end_of_generation(special, vocabulary);
  find_infill(special, vocabulary);
  std::vector<TokenId>& ends = special.end_of_generation;
  read_end_ids(documents.generation_config, vocabulary, ends);
  read_end_ids(documents.model_config, vocabulary, ends);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

/// What ends an answer is for templates to write, wherever the file has it.
void add_ends(const TokenAdditions& additions, const Vocabulary& vocabulary,
              std::span<const TokenId> ends, std::vector<AddedTokens::Token>& raw) {
  for (const TokenId id : ends) {
    const std::string_view text = vocabulary.text(id);
    if (vocabulary.kind(id) == TokenKind::kControl && !additions.contains(text)) {
      raw.push_back({std::string(text), id, true});
    }
  }
}

/// What stands around a text; says in `special` what of it is BOS and EOS.
Surroundings find_surroundings(const TokenizerDraft& draft, const FolderTokens& tokens,
                               const TokenizerDocuments& documents, const Vocabulary& vocabulary,
                               SpecialTokens& special) {
  Surroundings around = draft.surroundings ? draft.surroundings(vocabulary) : Surroundings{};
  const auto& config = documents.tokenizer_config;
  if (config && draft.obeys_flags) {
    if (tokens.find("bos_token") != nullptr) {
      apply_flag(*config, "add_bos_token", special.bos, around.before, Side::kFront);
    }
    if (tokens.find("eos_token") != nullptr) {
      apply_flag(*config, "add_eos_token", special.eos, around.after, Side::kBack);
    }
  }
  special.add_bos = special.bos && !around.before.empty() && around.before.front() == *special.bos;
  special.add_eos = special.eos && !around.after.empty() && around.after.back() == *special.eos;
  return around;
}

}  // namespace

Tokenizer make_tokenizer(TokenizerDraft draft, FolderTokens tokens,
                         const TokenizerDocuments& documents) {
  const std::string& origin = draft.origin;
  draft.vocabulary.close();
  check_ids(draft);
  TokenAdditions additions(draft.vocabulary);
  add_all(draft, tokens, additions);
  additions.finish(origin);
  Vocabulary vocabulary(draft.vocabulary.entries(), origin);

  SpecialTokens special = find_roles(tokens, vocabulary);
  settle_unknown(draft, vocabulary, special);
  find_ends(documents, special, vocabulary);
  SplitAdditions split = split_additions(additions, vocabulary, draft.normalizer, origin);
  add_ends(additions, vocabulary, special.end_of_generation, split.raw);
  Surroundings around = find_surroundings(draft, tokens, documents, vocabulary, special);

  WordModel model =
      std::visit([&](auto& parts) { return finish_model(parts, vocabulary, origin); }, draft.model);
  ComponentTokenizer algorithm({std::move(draft.normalizer),
                                AddedTokens(std::move(split.normalized), origin),
                                std::move(draft.splitter), std::move(model),
                                std::move(draft.decoder), std::move(split.decoded_texts)});
  TokenizerParts parts{origin,
                       std::move(vocabulary),
                       std::move(algorithm),
                       std::move(special),
                       false,
                       AddedTokens(std::move(split.raw), origin),
                       std::move(around.before),
                       std::move(around.after)};
  return Tokenizer(std::move(parts));
}

}  // namespace sirocco
