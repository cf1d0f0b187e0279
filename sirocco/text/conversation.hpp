#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sirocco/text/medium.hpp"

namespace sirocco {

namespace jinja {
class Value;
}  // namespace jinja

/// A ShownFile is a picture or a sound that a message shows.
struct ShownFile {
  Medium medium;
  std::string path;
  friend bool operator==(const ShownFile&, const ShownFile&) = default;
};

struct ChatMessage {
  std::string role;  ///< "user" or "assistant"
  std::string content;
  std::vector<ShownFile> shown = {};  ///< before it
  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

/// A Conversation is what was said so far, and how the model was told to behave.
struct Conversation {
  std::string system;  ///< empty: none
  std::vector<ChatMessage> messages;

  /// The messages as a JSON array of objects with role and content, the system message first.
  /// Bytes that are not UTF-8 become U+FFFD.
  std::string json(int indent = -1) const;

  friend bool operator==(const Conversation&, const Conversation&) = default;
};

/// The messages as chat templates take them, for ChatContext: what their JSON would say.
jinja::Value messages_of(const Conversation& conversation);

/// Reads what `Conversation::json` writes, or an object that holds it under "messages". `origin`
/// names the text in errors. Throws FormatError that says which message is wrong.
Conversation parse_conversation(std::string_view json, std::string_view origin);

}  // namespace sirocco
