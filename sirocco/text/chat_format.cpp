#include "sirocco/text/chat_format.hpp"

#include <array>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

namespace {

bool has_tools(const ChatContext& context) {
  const auto variable = context.variables.find("tools");
  return !(variable != context.variables.end() ? variable->second : context.tools).is_none();
}

ChatFormat::TokenTexts texts_of_special_tokens(const Tokenizer& tokenizer) {
  const SpecialTokens& special = tokenizer.special();
  const std::array<std::pair<const char*, std::optional<TokenId>>, 6> named = {
      {{"bos_token", special.bos},
       {"eos_token", special.eos},
       {"unk_token", special.unknown},
       {"pad_token", special.padding},
       {"sep_token", special.separator},
       {"mask_token", special.mask}}};
  ChatFormat::TokenTexts texts;
  for (const auto& [name, id] : named) {
    if (id) texts.emplace(name, tokenizer.vocabulary().text(*id));
  }
  return texts;
}

ChatTemplate readable_template(std::string_view source) {
  if (source.empty()) {
    throw NotFound(
        "the model's chat template is empty, so it can't be chatted with; give one with "
        "--chat-template-file, or complete a text with --raw");
  }
  return ChatTemplate(source);
}

}  // namespace

ChatFormat::ChatFormat(const ChatTemplates& templates, TokenTexts special_tokens)
    : plain_(std::exception_ptr()), special_tokens_(std::move(special_tokens)) {
  const auto readable = [&](bool with_tools) -> Readable {
    try {
      return readable_template(templates.choose(with_tools));
    } catch (const Error&) {
      return std::current_exception();
    }
  };
  plain_ = readable(false);
  if (templates.distinguish_tools()) with_tools_ = readable(true);
}

const ChatTemplate& ChatFormat::chosen(const ChatContext& context) const {
  const Readable& readable = with_tools_ && has_tools(context) ? *with_tools_ : plain_;
  if (const auto* failure = std::get_if<std::exception_ptr>(&readable))
    std::rethrow_exception(*failure);
  return std::get<ChatTemplate>(readable);
}

ChatFormat ChatFormat::with_media(MediaPlaceholders placeholders) && {
  ChatContext like;
  add_special_tokens(like);
  contents_.emplace(chosen({}), std::move(placeholders), like);
  return std::move(*this);
}

void ChatFormat::add_special_tokens(ChatContext& context) const {
  for (const auto& [name, text] : special_tokens_) {
    if (!context.variables.contains(name)) context.special_tokens.try_emplace(name, text);
  }
}

RenderedPrompt ChatFormat::render(ChatContext context) const {
  add_special_tokens(context);
  if (contents_) context.messages = contents_->shaped(context.messages);
  return chosen(context).render(context);
}

ChatFormat make_chat_format(const ChatTemplates& templates, const Tokenizer& tokenizer,
                            std::optional<std::string_view> name) {
  ChatFormat::TokenTexts texts = texts_of_special_tokens(tokenizer);
  if (name) return {readable_template(templates.named(*name)), std::move(texts)};
  if (templates.empty()) templates.choose(false);
  return {templates, std::move(texts)};
}

}  // namespace sirocco
