#include "sirocco/text/conversation.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/text/message_contents.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::ordered_json;

/// Types of parts, in the order of Medium.
constexpr std::array<std::string_view, 2> kTypes = {"image", "audio"};

const std::string& text_field(const Json& message, const char* name, std::size_t index,
                              std::string_view origin) {
  const auto field = message.find(name);
  if (field == message.end())
    throw FormatError("{}: message {} has no \"{}\"", origin, index + 1, name);
  if (!field->is_string()) {
    throw FormatError("{}: \"{}\" of message {} is of type {}; expected a string", origin, name,
                      index + 1, field->type_name());
  }
  return field->get_ref<const std::string&>();
}

/// Of {"type": "image", "path": FILE}, the same of "audio" and, behind them, {"type": "text",
/// "text": …}.
void read_parts(const Json& parts, std::size_t index, std::string_view origin, ChatMessage& out) {
  for (const Json& part : parts) {
    if (!part.is_object()) {
      throw FormatError("{}: a part of message {} is of type {}; expected an object", origin,
                        index + 1, part.type_name());
    }
    const std::string& type = text_field(part, "type", index, origin);
    const bool behind_text = !out.content.empty();
    const auto* const medium = std::ranges::find(kTypes, type);
    if (medium != kTypes.end() && !behind_text) {
      out.shown.push_back(
          {static_cast<Medium>(medium - kTypes.begin()), text_field(part, "path", index, origin)});
    } else if (type == "text" && !behind_text) {
      out.content = text_field(part, "text", index, origin);
    } else {
      throw FormatError(
          "{}: message {} has a part of type {}; expected pictures (\"image\"), sounds (\"audio\") "
          "and one text behind them",
          origin, index + 1, sirocco::quoted(type));
    }
  }
}

/// Calls `take(message)` for each message, the system message first.
template <class Take>
void for_each_message(const Conversation& conversation, Take take) {
  if (!conversation.system.empty()) take(ChatMessage{"system", conversation.system});
  for (const ChatMessage& message : conversation.messages) take(message);
}

jinja::Value text_value(std::string_view bytes) {
  std::string text;
  Utf8Assembler assembler;
  assembler.push(bytes, text);
  assembler.finish(text);
  return jinja::Value::string(text);
}

}  // namespace

std::string Conversation::json(int indent) const {
  Json out = Json::array();
  for_each_message(*this, [&](const ChatMessage& message) {
    Json content = message.content;
    if (!message.shown.empty()) {
      content = Json::array();
      for (const auto& [medium, path] : message.shown)
        content.push_back(Json{{"type", kTypes[static_cast<std::size_t>(medium)]}, {"path", path}});
      content.push_back(Json{{"type", "text"}, {"text", message.content}});
    }
    out.push_back(Json{{"role", message.role}, {"content", std::move(content)}});
  });
  return out.dump(indent, ' ', false, Json::error_handler_t::replace);
}

jinja::Value messages_of(const Conversation& conversation) {
  std::vector<jinja::Value> messages;
  for_each_message(conversation, [&](const ChatMessage& message) {
    jinja::Dict fields;
    fields.set(text_value("role"), text_value(message.role));
    jinja::Value content = text_value(message.content);
    if (!message.shown.empty()) {
      std::vector<jinja::Value> parts;
      for (const ShownFile& file : message.shown) parts.push_back(medium_part(file.medium));
      jinja::Dict text;
      text.set("type", jinja::Value::string("text", jinja::Origin::kTemplate));
      text.set("text", std::move(content));
      parts.push_back(jinja::Value::dict(std::move(text)));
      content = jinja::Value::list(std::move(parts));
    }
    fields.set(text_value("content"), std::move(content));
    messages.push_back(jinja::Value::dict(std::move(fields)));
  });
  return jinja::Value::list(std::move(messages));
}

Conversation parse_conversation(std::string_view json, std::string_view origin) {
  // The library's own messages may quote raw bytes of the text.
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded())
    throw FormatError("{} isn't JSON; expected an array of messages", origin);
  const Json* list = &parsed;
  if (parsed.is_object()) {
    const auto inner = parsed.find("messages");
    if (inner == parsed.end()) {
      throw FormatError("{}: an object without \"messages\"; expected an array of messages",
                        origin);
    }
    list = &*inner;
  }
  if (!list->is_array()) {
    throw FormatError("{}: found a value of type {}; expected an array of messages", origin,
                      list->type_name());
  }
  Conversation out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& message = (*list)[i];
    if (!message.is_object()) {
      throw FormatError("{}: message {} is of type {}; expected an object", origin, i + 1,
                        message.type_name());
    }
    const std::string& role = text_field(message, "role", i, origin);
    ChatMessage read{role, {}};
    if (const auto parts = message.find("content");
        parts != message.end() && parts->is_array() && !parts->empty())
      read_parts(*parts, i, origin, read);
    else
      read.content = text_field(message, "content", i, origin);
    if (role == "system" && i == 0 && read.shown.empty()) {
      out.system = std::move(read.content);
    } else if (role == "user" || role == "assistant") {
      out.messages.push_back(std::move(read));
    } else {
      throw FormatError(
          "{}: message {} has the role {}; expected user or assistant, or system for the first one",
          origin, i + 1, sirocco::quoted(role));
    }
  }
  return out;
}

}  // namespace sirocco
