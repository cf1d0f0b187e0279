#include "sirocco/server/anthropic/messages_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/jinja/objects.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/thinking_variables.hpp"
#include "sirocco/text/continued_prompt.hpp"

namespace sirocco::anthropic {
namespace {

using json::Described;
using json::Field;
using json::Integer;
using json::ListOf;
using json::Member;
using json::MemberReader;
using json::Number;
using json::ObjectOf;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::size_t kMaxMessages = 100'000;
constexpr std::size_t kMaxBlocks = 4096;
constexpr std::string_view kContentWords = "a text, or an array of blocks";
constexpr std::string_view kSystemWords = "a text, or an array of blocks of text";
constexpr std::string_view kAssistant = "assistant";

// Contents.

void put_block_type(std::string& out, const Field& field) {
  out = field.text();
  if (out != "text" && out != "image") {
    field.fail("unsupported_value",
               fmt::format("found {}; contents consist of blocks of the types 'text' and 'image'",
                           json::described(field.value())));
  }
}
constexpr std::array kBlock = {
    Member<std::string>{"type", Text{64}, put_block_type, "text or image"},
};

using OptionalText = std::optional<std::string>;
constexpr std::array kTextBlock = {
    Member<OptionalText>{"text", Text(), json::store, "the text"},
};
constexpr UnheededMember kCacheControl{"cache_control", ObjectOf{"members"},
                                       "prompts are cached without being asked"};
constexpr std::array kUnheededOfBlock = {
    kCacheControl,
    UnheededMember{"citations", OneOf{"[[]]"}, "nothing is cited"},
};

struct Source {
  std::string type;
  std::optional<SentMedium> data;
  std::optional<SentMedium> url;
};
void put_source_type(Source& out, const Field& field) {
  out.type = field.text();
  if (out.type != "base64" && out.type != "url") {
    field.fail("unsupported_value",
               fmt::format("found {}; expected 'base64' or 'url'", json::described(field.value())));
  }
}
void put_data(Source& out, const Field& field) {
  out.data = medium_in_base64(Medium::kPicture, field);
}
void put_url(Source& out, const Field& field) { out.url = picture_in_url(field); }
constexpr std::array kSourceType = {
    // Other kinds of sources have other members: their kind is what to speak of.
    Member<Source>{"type", Text{64}, put_source_type, "base64 or url"},
};
constexpr std::array kDataSource = {
    Member<Source>{"data", Text(), put_data, "the file"},
};
constexpr std::array kUrlSource = {
    Member<Source>{"url", Text(), put_url, "its address"},
};
constexpr std::array kUnheededOfSource = {
    UnheededMember{"media_type", Text{256}, "a file's first bytes say what it is"},
};
void put_source(std::optional<SentMedium>& out, const Field& field) {
  MemberReader reader(field);
  Source source;
  reader.read(source, kSourceType);
  if (source.type.empty()) field.fail("missing_required_parameter", "there is no type");
  const bool by_url = source.type == "url";
  reader.read(source, by_url ? kUrlSource : kDataSource);
  reader.pass(kUnheededOfSource);
  reader.finish();
  out = by_url ? std::move(source.url) : std::move(source.data);
  if (!out)
    field.fail("missing_required_parameter", by_url ? "there is no url" : "there are no data");
}
constexpr std::array kPictureBlock = {
    Member<std::optional<SentMedium>>{"source", ObjectOf{"members"}, put_source, "the picture"},
};

void read_block(const Field& field, MessageContent& out) {
  MemberReader reader(field);
  // Other kinds of blocks have other members: their kind is what to speak of.
  std::string type;
  reader.read(type, kBlock);
  if (type.empty()) field.fail("missing_required_parameter", "there is no type");
  if (type == "text") {
    OptionalText text;
    reader.read(text, kTextBlock);
    reader.pass(kUnheededOfBlock);
    reader.finish();
    if (!text) field.fail("missing_required_parameter", "there is no text");
    out.add(*text);
    return;
  }
  std::optional<SentMedium> picture;
  reader.read(picture, kPictureBlock);
  reader.pass(std::span(&kCacheControl, 1));
  reader.finish();
  if (!picture) field.fail("missing_required_parameter", "there is no source");
  out.add(*std::move(picture));
}

MessageContent read_content(const Field& field, std::string_view expected) {
  if (const auto* text = field.value().as<std::string>()) return MessageContent(*text);
  if (field.value().as<json::Array>() == nullptr) field.fail_expecting("invalid_type", expected);
  const json::Array& blocks = field.list({"blocks", 0, kMaxBlocks});
  MessageContent content;
  for (std::size_t i = 0; i < blocks.size(); ++i) read_block(field.item(i), content);
  return content;
}

void refuse_pictures(const MessageContent& content) {
  const SentMedium* const picture = content.first_medium();
  if (picture == nullptr) return;
  refuse(*picture, "unsupported_value", "only messages of the user show pictures");
}

// Messages.

struct Message {
  std::string role;
  std::optional<MessageContent> content;
};

void put_role(Message& out, const Field& field) {
  out.role = field.text();
  if (out.role != "user" && out.role != kAssistant) {
    field.fail_expecting("invalid_value",
                         "user or assistant (how the model is to behave is said in system)");
  }
}

void put_content(Message& out, const Field& field) {
  out.content = read_content(field, kContentWords);
}

constexpr std::array kMessage = {
    Member<Message>{"role", Text{64}, put_role, "who speaks"},
    Member<Message>{"content", Described{kContentWords}, put_content, "what is said"},
};

Turn read_message(const Field& field) {
  MemberReader reader(field);
  Message message;
  reader.read(message, kMessage);
  reader.finish();
  if (!reader.find("role")) field.fail("missing_required_parameter", "there is no role");
  if (!message.content) field.fail("missing_required_parameter", "there is no content");
  if (message.role == kAssistant) refuse_pictures(*message.content);
  return {std::move(message.role), *std::move(message.content)};
}

void append_turn(std::vector<Turn>& turns, Turn message) {
  if (turns.empty() || turns.back().role != message.role) {
    turns.push_back(std::move(message));
    return;
  }
  MessageContent& said = turns.back().content;
  if (!message.content.says_anything()) return;
  if (!said.says_anything()) {
    said = std::move(message.content);
    return;
  }
  for (const MessageContent::Part& part : message.content.parts())
    std::visit([&](const auto& what) { said.add(what); }, part);
}

void put_messages(MessagesRequest& out, const Field& field) {
  const json::Array& messages = field.list({"messages", 1, kMaxMessages});
  std::vector<Turn>& turns = out.turns;
  for (std::size_t i = 0; i < messages.size(); ++i) append_turn(turns, read_message(field.item(i)));
  if (turns.back().role != kAssistant) return;
  const std::string begun = turns.back().content.text();
  if (begun.empty()) {
    turns.pop_back();
    if (turns.empty()) field.fail("invalid_value", "nothing is said");
    return;
  }
  // Templates take such blanks away, and a model goes on badly behind them.
  if (std::string_view(" \t\n\r\v\f").find(begun.back()) != std::string_view::npos) {
    field.item(messages.size() - 1)
        .fail("invalid_value", "the beginning of an answer can't end in white space");
  }
  out.continued = true;
}

void put_system(MessagesRequest& out, const Field& field) {
  const MessageContent content = read_content(field, kSystemWords);
  refuse_pictures(content);
  out.system = content.text();
}

// Members that ask for something only with values that aren't supported.

void put_thinking_type(std::string& out, const Field& field) {
  out = field.text();
  if (out != "disabled") {
    field.fail("unsupported_value",
               fmt::format("found {}; what a model thinks can't be told apart from its answer, so "
                           "that only 'disabled' is supported",
                           json::described(field.value())));
  }
}
constexpr std::array kThinking = {
    Member<std::string>{"type", Text{64}, put_thinking_type, "disabled"},
};

void put_thinking(MessagesRequest&, const Field& field) {
  MemberReader reader(field);
  std::string type;
  reader.read(type, kThinking);
  reader.finish();
  if (type.empty()) field.fail("missing_required_parameter", "there is no type");
}

constexpr std::array kMetadata = {
    UnheededMember{"user_id", Text(), "it is for statistics that nobody keeps"},
};

void put_metadata(Generation&, const Field& field) {
  MemberReader reader(field);
  reader.pass(kMetadata);
  reader.finish();
}

// Tables of requests.

constexpr std::array kPrompt = {
    Member<MessagesRequest>{"messages", ListOf{"messages", 1, kMaxMessages}, put_messages,
                            "the conversation"},
    Member<MessagesRequest>{"system", Described{kSystemWords}, put_system,
                            "how the model is to behave"},
    Member<MessagesRequest>{"thinking", ObjectOf{"members"}, put_thinking,
                            "{\"type\": \"disabled\"}"},
};

constexpr std::array kLimits = {
    Member<Generation>{"max_tokens", Integer{1, kMaxTokens}, put<&Generation::max_tokens>,
                       "tokens of the answer at most; it has to be there"},
    Member<Generation>{"stop_sequences",
                       ListOf{"texts of 1 to 1024 bytes", 0, StopMatcher::kMaxStrings}, put_stop,
                       "the answer ends before any of these texts"},
    Member<Generation>{"metadata", ObjectOf{"user_id"}, put_metadata,
                       "accepted, and nothing is done with it"},
};

constexpr std::array kSampling = {
    Member<AskedSampling>{"temperature", Number{0, 1}, put<&AskedSampling::temperature>,
                          "how freely tokens are chosen; 0: always the likeliest"},
};

constexpr std::array kUnheeded = {
    kCacheControl,
    UnheededMember{"tools", OneOf{"[[]]"}, "tools can't be called"},
    UnheededMember{"tool_choice", OneOf{R"([{"type": "auto"}, {"type": "none"}])"},
                   "tools can't be called"},
    UnheededMember{"output_config", OneOf{"[{}]"}, "answers aren't constrained"},
    UnheededMember{"output_format", OneOf{"[]"}, "answers aren't constrained"},
    UnheededMember{"mcp_servers", OneOf{"[[]]"}, "tools can't be called"},
    UnheededMember{"context_management", OneOf{"[{}]"}, "conversations are taken as they are"},
    UnheededMember{"speed", OneOf{R"(["standard"])"}, "there is one speed"},
};
constexpr std::array kUnheededOfAnswers = {
    UnheededMember{"service_tier", OneOf{R"(["auto", "standard_only"])"}, "there is one tier"},
    UnheededMember{"container", OneOf{"[]"}, "nothing is run"},
    UnheededMember{"inference_geo", OneOf{"[]"}, "the server is where it is"},
};

void read_prompt(MemberReader& reader, MessagesRequest& out) {
  reader.read(out, kPrompt);
  reader.pass(kUnheeded);
}

jinja::Value template_messages(const MessagesRequest& request) {
  std::vector<jinja::Value> out;
  const auto add = [&](const std::string& role, jinja::Value content) {
    jinja::Dict message;
    message.set("role", jinja::Value::string(role));
    message.set("content", std::move(content));
    out.push_back(jinja::Value::dict(std::move(message)));
  };
  if (!request.system.empty()) add("system", jinja::Value::string(request.system));
  for (const Turn& turn : request.turns) add(turn.role, turn.content.template_value());
  return jinja::Value::list(std::move(out));
}

void require_members(const MemberReader& reader, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (reader.find(name)) continue;
    throw InvalidRequest(std::string(name), "missing_required_parameter",
                         fmt::format("{}: it has to be there", name));
  }
}

}  // namespace

MessagesRequest read_messages_request(const json::Value& body) {
  MemberReader reader{Field(body)};
  MessagesRequest out;
  read_prompt(reader, out);
  reader.read(out.generation, kLimits);
  reader.read(out.generation.sampling, kSampling);
  read_common_members(reader, out.generation);
  reader.pass(kUnheededOfAnswers);
  reader.finish();
  require_members(reader, {"messages", "max_tokens"});
  return out;
}

MessagesRequest read_count_request(const json::Value& body) {
  MemberReader reader{Field(body)};
  MessagesRequest out;
  read_prompt(reader, out);
  reader.read(out.generation, model_members());
  reader.finish();
  require_members(reader, {"messages"});
  return out;
}

std::vector<SentMedium> media_of(const MessagesRequest& request) {
  std::vector<SentMedium> out;
  for (const Turn& turn : request.turns) turn.content.append_media(out);
  return out;
}

RenderedPrompt messages_prompt(const MessagesRequest& request, const ChatFormat& format,
                               std::function<std::tm()> clock) {
  ChatContext context;
  context.messages = template_messages(request);
  context.add_generation_prompt = !request.continued;
  context.clock = std::move(clock);
  const std::vector<std::string> offered = format.chosen(context).variables();
  for (const std::string_view name : kThinkingVariables) {
    if (!std::ranges::binary_search(offered, name)) continue;
    context.variables.emplace(name, jinja::Value::boolean(false, jinja::Origin::kData));
  }
  RenderedPrompt rendered = format.render(std::move(context));
  if (!request.continued) return rendered;
  return continued_prompt(std::move(rendered), request.turns.back().content.text());
}

std::vector<json::MemberDescription> describe_messages_members() {
  std::vector<json::MemberDescription> out;
  json::describe(model_members(), out);
  json::describe(std::span<const Member<MessagesRequest>>(kPrompt), out);
  json::describe(std::span<const Member<Generation>>(kLimits), out);
  json::describe(std::span<const Member<AskedSampling>>(kSampling), out);
  json::describe(sampling_members(), out);
  json::describe(generation_members(), out);
  json::describe(std::span<const UnheededMember>(kUnheeded), out);
  json::describe(std::span<const UnheededMember>(kUnheededOfAnswers), out);
  return out;
}

std::vector<json::MemberDescription> describe_count_members() {
  std::vector<json::MemberDescription> out;
  json::describe(model_members(), out);
  json::describe(std::span<const Member<MessagesRequest>>(kPrompt), out);
  json::describe(std::span<const UnheededMember>(kUnheeded), out);
  return out;
}

}  // namespace sirocco::anthropic
