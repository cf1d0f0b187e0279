#include "sirocco/server/openai/responses/message_item.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "sirocco/server/json/members.hpp"

namespace sirocco::openai {
namespace {

using json::Field;
using json::ListOf;
using json::Member;
using json::MemberReader;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::size_t kMaxParts = 4096;
constexpr Text kId{256};

// Parts of a content.

constexpr std::string_view kContentWords = "a text, or an array of parts";
constexpr std::string_view kPictureKind = "input_image";
constexpr std::string_view kSoundKind = "input_audio";
constexpr std::array kKinds = {std::string_view("input_text"), std::string_view("output_text"),
                               kPictureKind, kSoundKind};

void put_kind(std::string& out, const Field& field) {
  if (std::ranges::find(kKinds, field.text()) == kKinds.end()) {
    field.fail("unsupported_value",
               fmt::format("found {}; messages consist of parts of the types 'input_text', "
                           "'output_text', 'input_image' and 'input_audio'",
                           json::described(field.value())));
  }
  out = field.text();
}
constexpr std::array kPart = {
    Member<std::string>{"type", Text{64}, put_kind,
                        "input_text, output_text, input_image or input_audio"},
};

using OptionalText = std::optional<std::string>;
constexpr std::array kTextPart = {
    Member<OptionalText>{"text", Text(), json::store, "the text"},
};
// An answer is sent back as it came.
constexpr std::array kUnheededOfPart = {
    UnheededMember{"annotations", ListOf{"annotations"}, "models know none"},
    UnheededMember{"logprobs", ListOf{"tokens"}, "models aren't told"},
};

void put_url(ItemPicture& out, const Field& field) { out.picture = picture_in_url(field); }
constexpr std::array kPicturePart = {
    Member<ItemPicture>{"image_url", Text(), put_url, "a data: URL"},
    Member<ItemPicture>{"detail", OneOf{R"(["auto", "low", "high", "original"])"},
                        put<&ItemPicture::detail>, "has no effect"},
};
constexpr std::array kUnheededOfPicture = {
    UnheededMember{"file_id", OneOf{"[]"}, "there are no files"},
};

void put_sound_data(ItemSound& out, const Field& field) {
  out.sound = medium_in_base64(Medium::kSound, field);
}
constexpr std::array kSound = {
    Member<ItemSound>{"data", Text(), put_sound_data, "the file in base64"},
    Member<ItemSound>{"format", Text{64}, put<&ItemSound::format>, "has no effect"},
};
void put_sound(ItemSound& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kSound);
  reader.finish();
  if (!out.sound.source) field.fail("missing_required_parameter", "there are no data");
}
constexpr std::array kSoundPart = {
    Member<ItemSound>{"input_audio", json::ObjectOf{"members"}, put_sound, "the sound"},
};

ItemPart read_part(const Field& field) {
  MemberReader reader(field);
  // Other kinds of parts have other members: their kind is what to speak of.
  std::string kind;
  reader.read(kind, kPart);
  if (kind.empty()) field.fail("missing_required_parameter", "there is no type");
  if (kind == kPictureKind) {
    ItemPicture picture;
    reader.read(picture, kPicturePart);
    reader.pass(kUnheededOfPicture);
    reader.finish();
    if (!picture.picture.source) field.fail("missing_required_parameter", "there is no image_url");
    return picture;
  }
  if (kind == kSoundKind) {
    ItemSound sound;
    reader.read(sound, kSoundPart);
    reader.finish();
    if (!sound.sound.source) field.fail("missing_required_parameter", "there is no input_audio");
    return sound;
  }
  OptionalText text;
  reader.read(text, kTextPart);
  reader.pass(kUnheededOfPart);
  reader.finish();
  if (!text) field.fail("missing_required_parameter", "there is no text");
  return *std::move(text);
}

// Items.

struct ReadMessage {
  std::optional<Role> role;
  std::vector<ItemPart> parts;
};

void put_role(ReadMessage& out, const Field& field) {
  for (const Role role : {Role::kSystem, Role::kDeveloper, Role::kUser, Role::kAssistant})
    if (field.text() == role_name(role)) out.role = role;
  if (!out.role) field.fail_expecting("invalid_value", "system, developer, user or assistant");
}

void put_content(ReadMessage& out, const Field& field) {
  if (const auto* text = field.value().as<std::string>()) {
    out.parts.emplace_back(*text);
    return;
  }
  if (field.value().as<json::Array>() == nullptr)
    field.fail_expecting("invalid_type", kContentWords);
  const json::Array& parts = field.list({"parts", 1, kMaxParts});
  for (std::size_t i = 0; i < parts.size(); ++i) out.parts.push_back(read_part(field.item(i)));
}

constexpr std::array kMessage = {
    Member<ReadMessage>{"role", Text{64}, put_role, "who speaks"},
    Member<ReadMessage>{"content", json::Described{kContentWords}, put_content, "what is said"},
};
constexpr std::array kUnheededOfMessage = {
    UnheededMember{"type", OneOf{R"(["message"])"}, "it is a message"},
    UnheededMember{"id", kId, "the server gives it one"},
    UnheededMember{"status", OneOf{R"(["completed", "incomplete", "in_progress"])"},
                   "what was said counts"},
    UnheededMember{"phase", OneOf{R"(["commentary", "final_answer"])"}, "models know no phases"},
};

MessageItem read_message(MemberReader& reader, const Field& field) {
  ReadMessage read;
  reader.read(read, kMessage);
  reader.pass(kUnheededOfMessage);
  reader.finish();
  if (!read.role) field.fail("missing_required_parameter", "there is no role");
  if (read.parts.empty()) field.fail("missing_required_parameter", "there is no content");
  for (const ItemPart& part : read.parts) {
    const SentMedium* const shown = medium_of(part);
    if (shown != nullptr && read.role != Role::kUser)
      refuse(*shown, "unsupported_value", "only messages of the user have pictures and sounds");
  }
  return {{}, *read.role, std::move(read.parts)};
}

constexpr std::array kReference = {
    Member<ItemReference>{"id", kId, put<&ItemReference::id>, "of the item"},
};
constexpr std::array kUnheededOfReference = {
    UnheededMember{"type", OneOf{R"(["item_reference"])"}, "it is a reference"},
};

ItemReference read_reference(MemberReader& reader, const Field& field) {
  ItemReference out;
  reader.read(out, kReference);
  reader.pass(kUnheededOfReference);
  reader.finish();
  if (out.id.empty()) field.fail("missing_required_parameter", "there is no id");
  return out;
}

InputItem read_item(const Field& field) {
  MemberReader reader(field);
  const std::optional<Field> type = reader.find("type");
  // Either may leave it out.
  if (type ? type->text() == "item_reference" : reader.find("id") && !reader.find("role"))
    return read_reference(reader, field);
  if (type && type->text() != "message") {
    type->fail("unsupported_value",
               fmt::format("found {}; an input consists of items of the types 'message' and "
                           "'item_reference'",
                           json::described(type->value())));
  }
  return read_message(reader, field);
}

}  // namespace

std::vector<InputItem> read_input(const Field& field) {
  std::vector<InputItem> out;
  if (const auto* text = field.value().as<std::string>()) {
    out.emplace_back(MessageItem{{}, Role::kUser, {ItemPart(*text)}});
    return out;
  }
  if (field.value().as<json::Array>() == nullptr) field.fail_expecting("invalid_type", kInputWords);
  const json::Array& items = field.list({"items", 1, kMaxItems});
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) out.push_back(read_item(field.item(i)));
  return out;
}

const SentMedium* medium_of(const ItemPart& part) {
  if (const auto* picture = std::get_if<ItemPicture>(&part)) return &picture->picture;
  if (const auto* sound = std::get_if<ItemSound>(&part)) return &sound->sound;
  return nullptr;
}

void move_media(MessageItem& item, const std::string& place) {
  for (ItemPart& part : item.parts) {
    if (auto* picture = std::get_if<ItemPicture>(&part)) picture->picture.place = place;
    if (auto* sound = std::get_if<ItemSound>(&part)) sound->sound.place = place;
  }
}

ChatMessage chat_message(const MessageItem& item) {
  ChatMessage out;
  out.role = item.role;
  MessageContent& content = out.content.emplace();
  for (const ItemPart& part : item.parts) {
    if (const SentMedium* const shown = medium_of(part)) {
      content.add(*shown);
    } else {
      content.add(std::get<std::string>(part));
    }
  }
  return out;
}

void write_item(json::Writer& out, const MessageItem& item) {
  const bool answer = item.role == Role::kAssistant;
  out.open_object().member("id", item.id).member("type", "message").member("status", "completed");
  out.member("role", role_name(item.role)).name("content").open_array();
  for (const ItemPart& part : item.parts) {
    if (const auto* picture = std::get_if<ItemPicture>(&part)) {
      out.open_object().member("type", kPictureKind).member("detail", picture->detail);
      out.member("image_url", *picture->picture.source).member("file_id", nullptr).close_object();
      continue;
    }
    if (const auto* sound = std::get_if<ItemSound>(&part)) {
      out.open_object().member("type", kSoundKind).name("input_audio").open_object();
      out.member("data", *sound->sound.source).member("format", sound->format).close_object();
      out.close_object();
      continue;
    }
    out.open_object().member("type", answer ? "output_text" : "input_text");
    out.member("text", std::get<std::string>(part));
    if (answer) out.name("annotations").open_array().close_array();
    out.close_object();
  }
  out.close_array().close_object();
}

}  // namespace sirocco::openai
