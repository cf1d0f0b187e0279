#include "sirocco/text/readers/folder_tokens.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// The roles that every tokenizer has; others end in "_token" too.
constexpr std::array<std::string_view, 7> kRoles = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

bool is_role_of_its_own(std::string_view key) {
  return key.ends_with("_token") && std::find(kRoles.begin(), kRoles.end(), key) == kRoles.end();
}

// "<s>", or {"content": "<s>", …}. Some files write false for "none".
std::optional<AddedToken> read_named(const JsonNode& node) {
  if (node.is_flag()) return std::nullopt;
  AddedToken token;
  if (node.is_object()) {
    token = read_added_token(node);
  } else {
    token.content = node.text();
  }
  token.special = true;
  if (token.content.empty()) return std::nullopt;
  return token;
}

std::vector<AddedToken> read_list(const JsonNode& node) {
  std::vector<AddedToken> tokens;
  for (const JsonNode& item : node.items()) {
    AddedToken token;
    if (item.is_object()) {
      token = read_added_token(item);
      // Only newer files say what an object is; the older ones mean special tokens.
      token.special = item.flag_or("special", !item.has("__type"));
    } else {
      token.content = item.text();
      token.special = true;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

class Reader {
 public:
  Reader(const TokenizerDocuments& documents, std::span<const RoleDefault> defaults)
      : config_(documents.tokenizer_config), defaults_(defaults) {
    tokens_.listed_by_config = config_ && config_->find("added_tokens_decoder");
    if (!tokens_.listed_by_config) map_ = documents.special_tokens_map;
    read_roles();
    read_extra();
    if (tokens_.listed_by_config) {
      read_decoder(config_->at("added_tokens_decoder"));
    } else if (documents.added_tokens) {
      read_added(*documents.added_tokens);
    }
  }

  FolderTokens take() && { return std::move(tokens_); }

 private:
  // A later name replaces an earlier one, at its place.
  void name(std::string_view role, std::optional<AddedToken> token) {
    if (!token) return;
    for (NamedToken& known : tokens_.named) {
      if (known.role == role) {
        known.token = *std::move(token);
        return;
      }
    }
    tokens_.named.push_back({std::string(role), *std::move(token)});
  }

  // Whether there was one.
  bool name_own(const std::optional<JsonNode>& file, bool texts, bool objects) {
    bool any = false;
    if (!file) return any;
    file->for_each_member([&](std::string_view key, const JsonNode& value) {
      const bool wanted =
          (texts && value.as_text()) || (objects && value.is_object() && value.find("content"));
      if (!wanted || !is_role_of_its_own(key)) return;
      name(key, read_named(value));
      any = true;
    });
    return any;
  }

  // The reference compares texts before it has read the objects of tokenizer_config.json.
  void note_special(const JsonNode& node, bool objects_too) {
    if (const auto text = node.as_text()) special_texts_.insert(*text);
    if (objects_too && node.is_object()) special_texts_.insert(node.at("content").text());
  }

  void note_list(const std::optional<JsonNode>& file, std::string_view key, bool objects_too) {
    const auto list = file ? file->find(key) : std::nullopt;
    if (!list || !list->is_array()) return;
    for (const JsonNode& item : list->items()) note_special(item, objects_too);
  }

  static std::optional<JsonNode> object_member(const std::optional<JsonNode>& file,
                                               std::string_view key) {
    auto member = file ? file->find(key) : std::nullopt;
    if (member && !(member->is_object() && member->size() != 0)) member.reset();
    return member;
  }

  void name_members(const std::optional<JsonNode>& object) {
    if (!object) return;
    object->for_each_member(
        [&](std::string_view key, const JsonNode& value) { name(key, read_named(value)); });
  }

  void read_roles() {
    for (const std::string_view role : kRoles) {
      const JsonNode* const file = map_ && map_->has(role)         ? &*map_
                                   : config_ && config_->has(role) ? &*config_
                                                                   : nullptr;
      if (file != nullptr) {
        if (const auto node = file->find(role)) {
          name(role, read_named(*node));
          note_special(*node, map_ && map_->has(role));
        }
        continue;
      }
      for (const RoleDefault& fallback : defaults_) {
        if (fallback.role == role) name(role, special(fallback.text));
      }
    }
    for (const RoleDefault& fallback : defaults_) {
      if (is_role_of_its_own(fallback.role)) name(fallback.role, special(fallback.text));
    }
    name_own(config_, false, true);
    name_own(map_, true, true);
    const bool own = name_own(config_, true, false);
    const auto members = object_member(config_, "extra_special_tokens");
    name_members(members);
    if (!own && !members) name_members(object_member(config_, "model_specific_special_tokens"));
    name_members(object_member(map_, "extra_special_tokens"));
  }

  static std::optional<std::vector<AddedToken>> list_member(const std::optional<JsonNode>& file,
                                                            std::string_view key) {
    if (!file || !file->has(key)) return std::nullopt;
    const auto member = file->find(key);
    if (!member) return std::vector<AddedToken>();
    return member->is_object() ? std::nullopt : std::optional(read_list(*member));
  }

  void read_extra() {
    auto older = list_member(config_, "additional_special_tokens");
    if (object_member(config_, "extra_special_tokens")) {
      if (older) tokens_.additional = *std::move(older);
    } else {
      tokens_.extra = list_member(config_, "extra_special_tokens");
      const bool replaced = older && (!tokens_.extra || tokens_.extra->empty());
      note_list(config_, replaced ? "additional_special_tokens" : "extra_special_tokens", false);
      if (replaced) tokens_.extra = std::move(older);
    }
    if (auto mapped = list_member(map_, "additional_special_tokens")) {
      tokens_.additional = *std::move(mapped);
    }
    if (auto mapped = list_member(map_, "extra_special_tokens")) {
      if (!tokens_.extra) tokens_.extra.emplace();
      tokens_.extra->insert(tokens_.extra->end(), mapped->begin(), mapped->end());
      note_list(map_, "extra_special_tokens", true);
    }
  }

  // {"5": {"content": …}}
  void read_decoder(const JsonNode& node) {
    node.for_each_member([&](std::string_view key, const JsonNode& entry) {
      std::int32_t id = 0;
      const char* const end = key.data() + key.size();
      const auto [stop, error] = std::from_chars(key.data(), end, id);
      if (error != std::errc{} || stop != end || id < 0) {
        throw FormatError("{}: {} is no id", node.where(), quoted(key));
      }
      tokens_.listed.insert_or_assign(id, read_added_token(entry));
    });
  }

  // {"<tool>": 5}
  void read_added(const JsonNode& node) {
    node.for_each_member([&](std::string_view text, const JsonNode& value) {
      const auto id = value.as_integer();
      if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max()) {
        throw FormatError("{}: the id of {} is no number from 0 to {}", node.where(), quoted(text),
                          std::numeric_limits<std::int32_t>::max());
      }
      AddedToken token = special(text);
      token.special = special_texts_.contains(text);
      token.normalized = !token.special;
      tokens_.listed.insert_or_assign(*id, std::move(token));
    });
  }

  static AddedToken special(std::string_view text) {
    AddedToken token;
    token.content = text;
    token.special = true;
    return token;
  }

  std::optional<JsonNode> config_;
  std::optional<JsonNode> map_;
  std::span<const RoleDefault> defaults_;
  std::set<std::string_view> special_texts_;  // what added_tokens.json may list as special
  FolderTokens tokens_;
};

}  // namespace

const std::string* FolderTokens::find(std::string_view role) const noexcept {
  const auto at = std::find_if(named.begin(), named.end(),
                               [&](const NamedToken& token) { return token.role == role; });
  return at == named.end() ? nullptr : &at->token.content;
}

AddedToken read_added_token(const JsonNode& node) {
  AddedToken token;
  token.content = node.at("content").text();
  token.special = node.flag_or("special", false);
  token.single_word = node.flag_or("single_word", false);
  token.lstrip = node.flag_or("lstrip", false);
  token.rstrip = node.flag_or("rstrip", false);
  if (const auto normalized = node.find("normalized")) token.normalized = normalized->flag();
  return token;
}

FolderTokens read_folder_tokens(const TokenizerDocuments& documents,
                                std::span<const RoleDefault> defaults) {
  return Reader(documents, defaults).take();
}

}  // namespace sirocco
