#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// ChatTemplates are the chat templates of a checkpoint, by name. Most checkpoints have one, called
/// "default"; some have another for conversations with tools, "tool_use", and more for uses of
/// their own.
class ChatTemplates {
 public:
  /// `origin` is where they come from, for messages.
  explicit ChatTemplates(std::string origin) : origin_(std::move(origin)) {}

  /// Adds a template's source, in place of an earlier one of that name. Throws FormatError beyond
  /// 256 templates, or 64 MiB of all together.
  void add(std::string_view name, std::string_view source);

  bool empty() const { return sources_.empty(); }
  /// Whether conversations with tools have a template of their own.
  bool distinguish_tools() const;
  /// The names, in rising order.
  std::vector<std::string_view> names() const;

  /// The source of the template that conversations are rendered with, as transformers'
  /// apply_chat_template chooses it: "tool_use" where there are tools and such a template, else
  /// "default". Throws NotFound that lists the names when none is the default one.
  std::string_view choose(bool with_tools) const;
  /// The source of the template of that name. Throws NotFound that lists the names.
  std::string_view named(std::string_view name) const;

 private:
  [[noreturn]] void fail_without_any() const;

  std::string origin_;
  std::size_t bytes_ = 0;
  std::map<std::string, std::string, std::less<>> sources_;
};

/// The templates of a GGUF file: `tokenizer.chat_template` is the default one, and
/// `tokenizer.chat_template.NAME` each other one (`tokenizer.chat_templates` only lists these
/// names). Throws FormatError where one isn't a text.
ChatTemplates read_chat_templates(const Metadata& metadata);

/// The templates of a Hugging Face folder. They are those of one place, the first that has any, in
/// the order of transformers' tokenizers, and then of its processors:
///  1. files of their own: chat_template.jinja, the default one, and
///     additional_chat_templates/NAME.jinja (there, a file "default.jinja" comes first)
///  2. the member `chat_template` of tokenizer_config.json, of processor_config.json, of
///     chat_template.json: a text, or [{"name": …, "template": …}, …], or {NAME: text, …}
/// Throws FormatError where a file isn't JSON, or a template no text.
ChatTemplates read_chat_templates(const CompanionFiles& files);

}  // namespace sirocco
