#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/jinja/value.hpp"
#include "sirocco/server/sent_medium.hpp"

namespace sirocco {

/// A MessageContent is what a message says: texts, pictures and sounds, in their order. Texts that
/// follow each other are one, with a newline between them, as llama.cpp and vLLM join them.
class MessageContent {
 public:
  using Part = std::variant<std::string, SentMedium>;

  MessageContent() = default;
  explicit MessageContent(std::string text) { parts_.emplace_back(std::move(text)); }

  void add(std::string_view text);
  void add(SentMedium medium) { parts_.emplace_back(std::move(medium)); }

  std::span<const Part> parts() const { return parts_; }
  /// Whether it says anything but empty texts.
  bool says_anything() const;
  /// All of its text; newlines stand where pictures and sounds part it.
  std::string text() const;
  /// The first of its pictures and sounds; null where it shows none.
  const SentMedium* first_medium() const;
  void append_media(std::vector<SentMedium>& out) const;

  /// As chat templates take it: a text or, where it shows something, parts (text_part,
  /// medium_part).
  jinja::Value template_value() const;

  friend bool operator==(const MessageContent&, const MessageContent&) = default;

 private:
  std::vector<Part> parts_;
};

}  // namespace sirocco
