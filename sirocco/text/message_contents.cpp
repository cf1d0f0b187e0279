#include "sirocco/text/message_contents.hpp"

#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/objects.hpp"

namespace sirocco {
namespace {

using jinja::Dict;
using jinja::Origin;
using jinja::Value;

constexpr std::string_view kProbe = "qwzx";

constexpr std::string_view kSoundType = "audio";

/// A message of one of each that the model takes, and a word.
Value probe_messages(const MediaPlaceholders& placeholders) {
  std::vector<Value> parts;
  if (placeholders.picture) parts.push_back(medium_part(Medium::kPicture));
  if (placeholders.sound) parts.push_back(medium_part(Medium::kSound));
  parts.push_back(text_part(kProbe));
  Dict message;
  message.set("role", Value::string("user"));
  message.set("content", Value::list(std::move(parts)));
  return Value::list({Value::dict(std::move(message))});
}

/// What the template makes of that message; nothing where it can't.
std::string rendered(const ChatTemplate& chat_template, const ChatContext& like,
                     const MediaPlaceholders& placeholders) {
  ChatContext context = like;
  context.messages = probe_messages(placeholders);
  try {
    return chat_template.render(context).text;
  } catch (const Error&) {
    return "";
  }
}

Value member(const Value& dict, std::string_view name) {
  const Dict* const entries = dict.as_dict();
  const Value* const found = entries == nullptr ? nullptr : entries->find(name);
  return found == nullptr ? Value::none() : *found;
}

bool is_text(const Value& part) {
  const jinja::Str* const type = member(part, "type").as_str();
  return type == nullptr || type->text.view() == "text";
}

/// A string of text that knows who wrote its bytes.
Value string_of(jinja::Text text) {
  const Value plain = Value::string(text.view());
  auto str = std::make_shared<jinja::Str>();
  str->length = plain.as_str()->length;
  str->text = std::move(text);
  return {Value::Storage(std::shared_ptr<const jinja::Str>(std::move(str))), Origin::kData};
}

}  // namespace

Value text_part(std::string_view text) {
  Dict part;
  part.set("type", Value::string("text", Origin::kTemplate));
  part.set("text", Value::string(text));
  return Value::dict(std::move(part));
}

Value medium_part(Medium medium) {
  Dict part;
  part.set("type",
           Value::string(medium == Medium::kPicture ? "image" : kSoundType, Origin::kTemplate));
  return Value::dict(std::move(part));
}

MessageContents::MessageContents(const ChatTemplate& chat_template, MediaPlaceholders placeholders,
                                 const ChatContext& like)
    : placeholders_(std::move(placeholders)) {
  const std::string in_parts = rendered(chat_template, like, placeholders_);
  const auto shows = [&](const std::optional<MediaPlaceholder>& medium) {
    return !medium || in_parts.find(medium->found) != std::string::npos;
  };
  // A template that takes contents for texts prints the list as it is spelled, or nothing of it.
  const bool shows_all = in_parts.find(kProbe) != std::string::npos &&
                         shows(placeholders_.picture) && shows(placeholders_.sound) &&
                         in_parts.find("'type'") == std::string::npos &&
                         in_parts.find("\"type\"") == std::string::npos;
  if (shows_all) shape_ = ContentShape::kParts;
}

Value MessageContents::shaped_content(const Value& content) const {
  const jinja::List* const parts = content.as_list();
  if (shape_ == ContentShape::kParts) {
    const jinja::Str* const text = content.as_str();
    return text == nullptr ? content : Value::list({text_part(text->text.view())});
  }
  if (parts == nullptr) return content;
  jinja::Text text;
  bool behind_text = false;
  for (const Value& part : parts->items) {
    if (!is_text(part)) {
      const bool heard = member(part, "type").as_str()->text.view() == kSoundType;
      const auto& medium = heard ? placeholders_.sound : placeholders_.picture;
      if (medium) text.append(medium->written, Origin::kTemplate);
      behind_text = false;
      continue;
    }
    if (behind_text) text.append("\n", Origin::kTemplate);
    const Value said = member(part, "text");
    if (const jinja::Str* const str = said.as_str()) text.append(str->text);
    behind_text = true;
  }
  return string_of(std::move(text));
}

Value MessageContents::shaped(const Value& messages) const {
  const jinja::List* const list = messages.as_list();
  if (list == nullptr) return messages;
  std::vector<Value> out;
  for (const Value& message : list->items) {
    const Dict* const entries = message.as_dict();
    if (entries == nullptr) {
      out.push_back(message);
      continue;
    }
    Dict shaped;
    for (const auto& [key, value] : entries->entries()) {
      const jinja::Str* const name = key.as_str();
      const bool is_content = name != nullptr && name->text.view() == "content";
      shaped.set(key, is_content ? shaped_content(value) : value);
    }
    out.push_back(Value::dict(std::move(shaped)));
  }
  return Value::list(std::move(out));
}

}  // namespace sirocco
