#include "sirocco/text/conversation.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/jinja/objects.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::ordered_json;

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

/// Calls `take(role, content)` for each message, the system message first.
template <class Take>
void for_each_message(const Conversation& conversation, Take take) {
  if (!conversation.system.empty()) take("system", conversation.system);
  for (const ChatMessage& message : conversation.messages) take(message.role, message.content);
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
  for_each_message(*this, [&](std::string_view role, std::string_view content) {
    out.push_back(Json{{"role", role}, {"content", content}});
  });
  return out.dump(indent, ' ', false, Json::error_handler_t::replace);
}

jinja::Value messages_of(const Conversation& conversation) {
  std::vector<jinja::Value> messages;
  for_each_message(conversation, [&](std::string_view role, std::string_view content) {
    jinja::Dict fields;
    fields.set(text_value("role"), text_value(role));
    fields.set(text_value("content"), text_value(content));
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
    const std::string& content = text_field(message, "content", i, origin);
    if (role == "system" && i == 0) {
      out.system = content;
    } else if (role == "user" || role == "assistant") {
      out.messages.push_back({role, content});
    } else {
      throw FormatError(
          "{}: message {} has the role {}; expected user or assistant, or system for the first one",
          origin, i + 1, sirocco::quoted(role));
    }
  }
  return out;
}

}  // namespace sirocco
