#pragma once

#include <string>
#include <variant>
#include <vector>

#include "sirocco/server/json/field.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/openai/chat_message.hpp"

namespace sirocco::openai {

/// A picture of a message, as it was sent.
struct ItemPicture {
  SentMedium picture;
  std::string detail = "auto";  ///< has no effect; told as it was sent
  friend bool operator==(const ItemPicture&, const ItemPicture&) = default;
};
/// A sound of a message, as it was sent.
struct ItemSound {
  SentMedium sound;
  std::string format = {};  ///< has no effect; told as it was sent
  friend bool operator==(const ItemSound&, const ItemSound&) = default;
};
using ItemPart = std::variant<std::string, ItemPicture, ItemSound>;

/// What it was sent as; null where it is a text.
const SentMedium* medium_of(const ItemPart& part);

/// A message of a response's input or output.
struct MessageItem {
  std::string id;               ///< "msg_…"; empty until the server gives it one
  Role role = Role::kUser;      ///< any but kTool
  std::vector<ItemPart> parts;  ///< at least one; only a user's has pictures and sounds
};

/// An item of a response that was kept, in the place of the item itself.
struct ItemReference {
  std::string id;
};

using InputItem = std::variant<MessageItem, ItemReference>;

inline constexpr std::size_t kMaxItems = std::size_t{1} << 16;
inline constexpr std::string_view kInputWords = "a text, or an array of messages";

/// Reads the input of a request: a text, which is a user's message, or an array of items. Throws
/// InvalidRequest that names what is wrong: input[2].role.
std::vector<InputItem> read_input(const json::Field& field);

/// What goes wrong with the message's pictures and sounds is told of this place in the body from
/// now on: it was sent with another one.
void move_media(MessageItem& item, const std::string& place);

/// The message as conversations have it.
ChatMessage chat_message(const MessageItem& item);

/// A whole message as JSON. Its texts are output_text in an assistant's, else input_text.
void write_item(json::Writer& out, const MessageItem& item);

}  // namespace sirocco::openai
