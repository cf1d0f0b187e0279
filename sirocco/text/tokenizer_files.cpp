#include "sirocco/text/tokenizer_files.hpp"

#include <utility>

#include "sirocco/text/folder_tokens.hpp"
#include "sirocco/text/json_node.hpp"
#include "sirocco/text/tokenizer_documents.hpp"
#include "sirocco/text/tokenizer_draft.hpp"
#include "sirocco/text/tokenizer_json.hpp"
#include "sirocco/text/vocabulary_files.hpp"

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

Tokenizer make_tokenizer(const CompanionFiles& files) {
  constexpr std::string_view kTokenizer = "tokenizer.json";
  const TokenizerDocuments documents(files);
  if (const auto json = files.find(kTokenizer)) {
    return make_tokenizer(
        read_tokenizer_json(*json, files.origin(kTokenizer), documents.tokenizer_config),
        read_folder_tokens(documents, {}), documents);
  }
  FolderTokenizer folder = read_vocabulary_files(files, documents);
  return make_tokenizer(std::move(folder.draft), std::move(folder.tokens), documents);
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
