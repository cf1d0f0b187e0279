#include "sirocco/text/chat_format.hpp"

#include <array>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

RenderedPrompt ChatFormat::render(ChatContext context) const {
  for (const auto& [name, text] : special_tokens_) {
    if (!context.variables.contains(name)) context.special_tokens.try_emplace(name, text);
  }
  return template_.render(context);
}

ChatFormat make_chat_format(const Metadata& metadata, const Tokenizer& tokenizer) {
  return make_chat_format(metadata.get<std::string_view>("tokenizer.chat_template"),
                          metadata.origin(), tokenizer);
}

ChatFormat make_chat_format(std::optional<std::string_view> source, std::string_view origin,
                            const Tokenizer& tokenizer) {
  if (!source) {
    throw NotFound(
        "{}: the model has no chat template, so it can't be chatted with; complete a text with "
        "--raw",
        origin);
  }
  const SpecialTokens& special = tokenizer.special();
  const std::array<std::pair<const char*, std::optional<TokenId>>, 6> named = {
      {{"bos_token", special.bos},
       {"eos_token", special.eos},
       {"unk_token", special.unknown},
       {"pad_token", special.padding},
       {"sep_token", special.separator},
       {"mask_token", special.mask}}};
  std::map<std::string, std::string> texts;
  for (const auto& [name, id] : named) {
    if (id) texts.emplace(name, tokenizer.vocabulary().text(*id));
  }
  return ChatFormat(ChatTemplate(*source), std::move(texts));
}

std::vector<TokenId> tokenize_prompt(const Tokenizer& tokenizer, const RenderedPrompt& prompt) {
  std::vector<TextSegment> segments;
  for (const PromptSegment& segment : prompt.segments())
    segments.push_back({segment.text, segment.trusted});
  std::vector<TokenId> tokens = tokenizer.tokenize(segments);
  const SpecialTokens& special = tokenizer.special();
  if (special.add_bos && special.bos && (tokens.empty() || tokens.front() != *special.bos)) {
    tokens.insert(tokens.begin(), *special.bos);
  }
  return tokens;
}

}  // namespace sirocco
