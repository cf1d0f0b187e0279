#include "sirocco/server/openai/chat_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/server/json/members.hpp"

namespace sirocco::openai {
namespace {

using json::Field;
using json::Member;
using json::MemberReader;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::size_t kMaxParts = 4096;
constexpr std::size_t kMaxCalls = 1024;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

void put_role(ChatMessage& out, const Field& field) {
  const auto role = std::ranges::find(kRoles, field.text());
  if (role == kRoles.end())
    field.fail_expecting("invalid_value", "system, developer, user, assistant or tool");
  out.role = static_cast<Role>(role - kRoles.begin());
}

// Parts of a content.

constexpr std::string_view kContentWords = "a text, or an array of parts";

void put_part_type(std::string& out, const Field& field) {
  out = field.text();
  if (out != "text" && out != "image_url" && out != "input_audio") {
    field.fail("unsupported_value",
               fmt::format("found {}; a message consists of parts of the types 'text', "
                           "'image_url' and 'input_audio'",
                           json::described(field.value())));
  }
}
constexpr std::array kPart = {
    Member<std::string>{"type", Text{64}, put_part_type, "text, image_url or input_audio"},
};

using OptionalText = std::optional<std::string>;
constexpr std::array kTextPart = {
    Member<OptionalText>{"text", Text(), json::store, "the text"},
};

using OptionalMedium = std::optional<SentMedium>;
void put_url(OptionalMedium& out, const Field& field) { out = picture_in_url(field); }
constexpr std::array kPicture = {
    Member<OptionalMedium>{"url", Text(), put_url, "a data: URL"},
};
constexpr std::array kUnheededOfPicture = {
    UnheededMember{"detail", json::OneOf{R"(["auto", "low", "high", "original"])"},
                   "pictures are prepared as the model's family does it"},
};
void put_picture(OptionalMedium& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kPicture);
  reader.pass(kUnheededOfPicture);
  reader.finish();
  if (!out) field.fail("missing_required_parameter", "there is no url");
}
constexpr std::array kPicturePart = {
    Member<OptionalMedium>{"image_url", json::ObjectOf{"members"}, put_picture, "the picture"},
};

void put_sound_data(OptionalMedium& out, const Field& field) {
  out = medium_in_base64(Medium::kSound, field);
}
constexpr std::array kSound = {
    Member<OptionalMedium>{"data", Text(), put_sound_data, "the file in base64"},
};
constexpr std::array kUnheededOfSound = {
    UnheededMember{"format", Text{64}, "a file's content says what it is"},
};
void put_sound(OptionalMedium& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kSound);
  reader.pass(kUnheededOfSound);
  reader.finish();
  if (!out) field.fail("missing_required_parameter", "there are no data");
}
constexpr std::array kSoundPart = {
    Member<OptionalMedium>{"input_audio", json::ObjectOf{"members"}, put_sound, "the sound"},
};

void read_part(const Field& field, MessageContent& out) {
  MemberReader reader(field);
  // Other kinds of parts have other members: their kind is what to speak of.
  std::string type;
  reader.read(type, kPart);
  if (type.empty()) field.fail("missing_required_parameter", "there is no type");
  if (type == "text") {
    OptionalText text;
    reader.read(text, kTextPart);
    reader.finish();
    if (!text) field.fail("missing_required_parameter", "there is no text");
    out.add(*text);
    return;
  }
  OptionalMedium medium;
  if (type == "input_audio") {
    reader.read(medium, kSoundPart);
  } else {
    reader.read(medium, kPicturePart);
  }
  reader.finish();
  if (!medium) field.fail("missing_required_parameter", fmt::format("there is no {}", type));
  out.add(*std::move(medium));
}

void put_content(ChatMessage& out, const Field& field) {
  if (const auto* text = field.value().as<std::string>()) {
    out.content.emplace(*text);
    return;
  }
  if (field.value().as<json::Array>() == nullptr)
    field.fail_expecting("invalid_type", kContentWords);
  const json::Array& parts = field.list({"parts", 1, kMaxParts});
  MessageContent& content = out.content.emplace();
  for (std::size_t i = 0; i < parts.size(); ++i) read_part(field.item(i), content);
}

// Calls.

constexpr std::array kFunction = {
    Member<ToolCall>{"name", Text{256}, put<&ToolCall::name>, "which function"},
    Member<ToolCall>{"arguments", Text(), put<&ToolCall::arguments>, "JSON"},
};

void put_function(ToolCall& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kFunction);
  reader.finish();
  if (out.name.empty()) field.fail("missing_required_parameter", "there is no name");
}

constexpr std::array kCall = {
    Member<ToolCall>{"id", Text{256}, put<&ToolCall::id>, "by which the answer names the call"},
    Member<ToolCall>{"function", json::ObjectOf{"members"}, put_function, "name and arguments"},
};
constexpr std::array kUnheededOfCall = {
    UnheededMember{"type", json::OneOf{R"(["function"])"}, "calls are of functions"},
    UnheededMember{"index", json::Integer{0, 65535}, "calls stand in their order"},
};

void put_calls(ChatMessage& out, const Field& field) {
  const json::Array& calls = field.list({"calls", 0, kMaxCalls});
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Field call = field.item(i);
    MemberReader reader(call);
    ToolCall& read = out.tool_calls.emplace_back();
    reader.read(read, kCall);
    reader.pass(kUnheededOfCall);
    reader.finish();
    if (read.name.empty()) call.fail("missing_required_parameter", "there is no function");
  }
}

constexpr std::array kMessage = {
    Member<ChatMessage>{"role", Text{64}, put_role, "who speaks"},
    Member<ChatMessage>{"content", json::Described{kContentWords}, put_content, "what is said"},
    Member<ChatMessage>{"name", Text{256}, put<&ChatMessage::name>, "the speaker's name"},
};
constexpr std::array kAssistant = {
    Member<ChatMessage>{"tool_calls", json::ListOf{"calls", 0, kMaxCalls}, put_calls,
                        "what the model wanted to be called"},
    Member<ChatMessage>{"reasoning_content", Text(), put<&ChatMessage::reasoning>,
                        "what the model thought before it spoke"},
    Member<ChatMessage>{"reasoning", Text(), put<&ChatMessage::reasoning>,
                        "another name for reasoning_content"},
};
constexpr std::array kUnheededOfAssistant = {
    UnheededMember{"refusal", json::OneOf{R"([""])"}, "refusals are plain text"},
    UnheededMember{"annotations", json::ListOf{"annotations"}, "templates know none"},
    UnheededMember{"function_call", json::OneOf{"[]"}, "calls stand in tool_calls"},
    UnheededMember{"audio", json::OneOf{"[]"}, "messages consist of text"},
};
constexpr std::array kTool = {
    Member<ChatMessage>{"tool_call_id", Text{256}, put<&ChatMessage::tool_call_id>,
                        "the call that this answers"},
};

ChatMessage read_message(const Field& field) {
  MemberReader reader(field);
  ChatMessage out;
  reader.read(out, kMessage);
  if (!reader.find("role")) field.fail("missing_required_parameter", "there is no role");
  if (out.role == Role::kAssistant) {
    reader.read(out, kAssistant);
    reader.pass(kUnheededOfAssistant);
  }
  if (out.role == Role::kTool) reader.read(out, kTool);
  reader.finish();
  if (!out.content && out.role != Role::kAssistant)
    field.fail("missing_required_parameter", "there is no content");
  const SentMedium* const shown = out.content ? out.content->first_medium() : nullptr;
  if (shown != nullptr && out.role != Role::kUser)
    refuse(*shown, "unsupported_value", "only messages of the user have pictures and sounds");
  return out;
}

// As templates take them.

jinja::Value text_value(const std::string& text) { return jinja::Value::string(text); }

jinja::Value arguments_value(const std::string& arguments) {
  try {
    jinja::Value value = jinja::Value::from_json(arguments);
    if (value.as_dict() != nullptr) return value;
  } catch (const Error&) {  // what the model wrote is a text then
  }
  return text_value(arguments);
}

jinja::Value call_value(const ToolCall& call) {
  jinja::Dict function;
  function.set("name", text_value(call.name));
  function.set("arguments", arguments_value(call.arguments));
  jinja::Dict out;
  if (!call.id.empty()) out.set("id", text_value(call.id));
  out.set("type", text_value("function"));
  out.set("function", jinja::Value::dict(std::move(function)));
  return jinja::Value::dict(std::move(out));
}

jinja::Value message_value(const ChatMessage& message) {
  jinja::Dict out;
  const Role role = message.role == Role::kDeveloper ? Role::kSystem : message.role;
  out.set("role", text_value(std::string(role_name(role))));
  // Templates know by a content of None that a message consists of calls.
  const bool only_calls = !message.content && !message.tool_calls.empty();
  out.set("content", only_calls        ? jinja::Value::none(jinja::Origin::kData)
                     : message.content ? message.content->template_value()
                                       : text_value(""));
  if (message.name) out.set("name", text_value(*message.name));
  if (message.reasoning) out.set("reasoning_content", text_value(*message.reasoning));
  if (!message.tool_calls.empty()) {
    std::vector<jinja::Value> calls;
    calls.reserve(message.tool_calls.size());
    for (const ToolCall& call : message.tool_calls) calls.push_back(call_value(call));
    out.set("tool_calls", jinja::Value::list(std::move(calls)));
  }
  if (message.tool_call_id) out.set("tool_call_id", text_value(*message.tool_call_id));
  return jinja::Value::dict(std::move(out));
}

}  // namespace

std::string_view role_name(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

std::vector<ChatMessage> read_messages(const Field& messages) {
  const json::Array& list = messages.list({"messages", 1, kMaxMessages});
  std::vector<ChatMessage> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) out.push_back(read_message(messages.item(i)));
  return out;
}

std::vector<SentMedium> media_of(std::span<const ChatMessage> messages) {
  std::vector<SentMedium> out;
  for (const ChatMessage& message : messages)
    if (message.content) message.content->append_media(out);
  return out;
}

jinja::Value template_messages(std::span<const ChatMessage> messages) {
  std::vector<jinja::Value> out;
  out.reserve(messages.size());
  for (const ChatMessage& message : messages) out.push_back(message_value(message));
  return jinja::Value::list(std::move(out));
}

}  // namespace sirocco::openai
