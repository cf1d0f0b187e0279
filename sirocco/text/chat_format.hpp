#pragma once

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/text/chat_template.hpp"
#include "sirocco/text/chat_templates.hpp"
#include "sirocco/text/message_contents.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A ChatFormat is how a model wants to be talked to: its template, or one for conversations with
/// tools and one for those without, and the texts of its own special tokens, which a template may
/// write as control tokens. Immutable; any number of threads may use one.
class ChatFormat {
 public:
  /// TokenTexts are texts of tokens by the names that templates know: bos_token, eos_token, …
  using TokenTexts = std::map<std::string, std::string>;

  /// Takes one template for everything.
  ChatFormat(ChatTemplate chat_template, TokenTexts special_tokens)
      : plain_(std::move(chat_template)), special_tokens_(std::move(special_tokens)) {}
  /// Takes the templates that ChatTemplates::choose names. One that isn't there or can't be read is
  /// an error when it is wanted.
  ChatFormat(const ChatTemplates& templates, TokenTexts special_tokens);

  /// This format for a model that sees or hears: messages may consist of texts, pictures and sounds
  /// (text_part, medium_part), in whose places the prompt has the placeholders, as the template
  /// writes them or as texts that the template takes them for. Throws as `chosen`.
  ChatFormat with_media(MediaPlaceholders placeholders) &&;

  /// The template for a conversation like this one, which counts as one with tools where these are
  /// anything but null. Throws as ChatTemplates::choose and as ChatTemplate's constructor.
  const ChatTemplate& chosen(const ChatContext& context) const;

  /// The prompt of a conversation. Special tokens that `context` sets itself stay. Throws as
  /// `chosen` and ChatTemplate::render.
  RenderedPrompt render(ChatContext context) const;

 private:
  void add_special_tokens(ChatContext& context) const;

  /// A template, or why there is none.
  using Readable = std::variant<ChatTemplate, std::exception_ptr>;

  Readable plain_;
  std::optional<Readable> with_tools_;  ///< without: the same
  std::optional<MessageContents> contents_;
  TokenTexts special_tokens_;
};

/// The format that these templates make with the tokenizer's special tokens: the template `name`
/// for everything, or without one those that ChatFormat chooses. Throws NotFound when there is no
/// template, or none of that name.
ChatFormat make_chat_format(const ChatTemplates& templates, const Tokenizer& tokenizer,
                            std::optional<std::string_view> name = {});

}  // namespace sirocco
