#include "sirocco/text/tokenizer_files.hpp"

#include "sirocco/base/error.hpp"
#include "sirocco/text/json_node.hpp"

namespace sirocco {
namespace {

// "…", or [{"name": "default", "template": "…"}, …]
std::optional<std::string> read_template(const JsonNode& node) {
  if (!node.is_array()) return std::string(node.text());
  std::optional<std::string> first;
  for (const JsonNode& entry : node.items()) {
    std::string text(entry.at("template").text());
    if (entry.at("name").text() == "default") return text;
    if (!first) first = std::move(text);
  }
  return first;
}

std::optional<std::string> template_member(const CompanionFiles& files, std::string_view name) {
  const auto json = files.find(name);
  if (!json) return std::nullopt;
  const std::string origin = files.origin(name);
  const JsonDocument document(*json, origin);
  const auto member = document.root().find("chat_template");
  return member ? read_template(*member) : std::nullopt;
}

}  // namespace

Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters) {
  constexpr std::string_view kTokenizer = "tokenizer.json";
  const auto tokenizer = files.find(kTokenizer);
  if (!tokenizer) {
    throw NotFound(
        "{}: there is no such file, and sirocco reads no other form of a folder's tokenizer; save "
        "it as tokenizer.json",
        files.origin(kTokenizer));
  }
  const auto content = [&](std::string_view name) { return files.find(name).value_or(""); };
  TokenizerFiles all;
  all.origin = files.origin(kTokenizer);
  all.tokenizer = *tokenizer;
  all.tokenizer_config = content("tokenizer_config.json");
  all.special_tokens_map = content("special_tokens_map.json");
  all.generation_config = content("generation_config.json");
  all.config = content("config.json");
  all.letters = letters;
  return make_tokenizer(all);
}

std::optional<std::string> find_chat_template(const CompanionFiles& files) {
  if (const auto jinja = files.find("chat_template.jinja")) return std::string(*jinja);
  if (auto text = template_member(files, "chat_template.json")) return text;
  return template_member(files, "tokenizer_config.json");
}

ChatFormat make_chat_format(const CompanionFiles& files, const Tokenizer& tokenizer) {
  const auto source = find_chat_template(files);
  return make_chat_format(source, files.origin(""), tokenizer);
}

}  // namespace sirocco
