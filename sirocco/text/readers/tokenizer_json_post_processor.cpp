#include <algorithm>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/tokenizer_json_parts.hpp"

namespace sirocco {
namespace {

TokenId read_token_id(const JsonNode& node, const Vocabulary& vocabulary) {
  return TokenId(static_cast<std::int32_t>(node.count(vocabulary.size() - 1)));
}

Surroundings read_template(const JsonNode& node, const Vocabulary& vocabulary) {
  Surroundings around;
  bool text_seen = false;
  const std::vector<JsonNode> pieces = node.at("single").items();
  if (pieces.size() > kMaxComponentContent) node.at("single").wrong("at most 1024 pieces");
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
      if (side.size() == kMaxComponentContent) id.wrong("at most 1024 tokens");
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
    if (depth == kMaxComponentDepth) {
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
      if (all.before.size() + all.after.size() > kMaxComponentContent) {
        throw FormatError("{}: adds more than {} tokens", node.where(), kMaxComponentContent);
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

Surroundings read_post_processor(const std::optional<JsonNode>& node,
                                 const Vocabulary& vocabulary) {
  return node ? post_processor(*node, vocabulary, 0) : Surroundings{};
}

}  // namespace sirocco
