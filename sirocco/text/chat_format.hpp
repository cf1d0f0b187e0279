#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/tensor/metadata.hpp"
#include "sirocco/text/chat_template.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// How a model wants to be talked to: its template, and the texts of its own special tokens, which
/// the template may write as control tokens. Immutable; any number of threads may use one.
class ChatFormat {
 public:
  /// `special_tokens` by the names that templates know: bos_token, eos_token, …
  ChatFormat(ChatTemplate chat_template, std::map<std::string, std::string> special_tokens)
      : template_(std::move(chat_template)), special_tokens_(std::move(special_tokens)) {}

  /// The prompt of a conversation. Special tokens that `context` sets itself stay. Throws as
  /// ChatTemplate::render.
  RenderedPrompt render(ChatContext context) const;

  bool uses(std::string_view variable) const { return template_.uses(variable); }

 private:
  ChatTemplate template_;
  std::map<std::string, std::string> special_tokens_;
};

/// The format that a checkpoint describes (`tokenizer.chat_template`). Throws NotFound when it has
/// no template.
ChatFormat make_chat_format(const Metadata& metadata, const Tokenizer& tokenizer);

/// The format that this template makes with the tokenizer's special tokens. Throws NotFound without
/// a template, naming `origin`.
ChatFormat make_chat_format(std::optional<std::string_view> source, std::string_view origin,
                            const Tokenizer& tokenizer);

/// The tokens of a rendered conversation: control tokens only where the template wrote them, and
/// the BOS that the model adds to texts unless the template wrote one itself.
std::vector<TokenId> tokenize_prompt(const Tokenizer& tokenizer, const RenderedPrompt& prompt);

}  // namespace sirocco
