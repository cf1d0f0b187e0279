#include "sirocco/server/openai/responses/response_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::ListOf;
using json::Member;
using json::MemberReader;
using json::ObjectOf;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

// OpenAI's limits.
constexpr int kMaxAlternatives = 20;
constexpr std::size_t kMaxMetadata = 16;
constexpr std::size_t kMaxMetadataName = 64;
constexpr std::size_t kMaxMetadataValue = 512;

constexpr std::string_view kLogProbabilities = "message.output_text.logprobs";
// Of items that no response has.
constexpr std::array kOfOthers = {
    std::string_view("reasoning.encrypted_content"),
    std::string_view("file_search_call.results"),
    std::string_view("web_search_call.results"),
    std::string_view("web_search_call.action.sources"),
    std::string_view("code_interpreter_call.outputs"),
    std::string_view("computer_call_output.output.image_url"),
    std::string_view("message.input_image.image_url"),
};

/// What a body says before its members are seen together.
struct Body {
  std::vector<InputItem> input;
  std::vector<TemplateVariable> variables;
  ResponseTerms terms;
  bool log_probabilities = false;
  std::optional<int> alternatives;
};

void put_input(Body& out, const Field& field) { out.input = read_input(field); }

void put_variables(Body& out, const Field& field) {
  out.variables = read_template_variables(field);
}

void put_include(Body& out, const Field& field) {
  const json::Array& names = field.list({"names of what is to be told besides"});
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Field name = field.item(i);
    if (name.text() == kLogProbabilities) {
      out.log_probabilities = true;
    } else if (std::ranges::find(kOfOthers, name.text()) == kOfOthers.end()) {
      name.fail_expecting("invalid_value", fmt::format("'{}'", kLogProbabilities));
    }
  }
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void put_metadata(ResponseTerms& out, const Field& field) {
  const json::Object& members = field.object({"texts"});
  if (members.size() > kMaxMetadata)
    field.fail("invalid_value", fmt::format("there are more than {} members", kMaxMetadata));
  for (const auto& member : members) {
    const Field value = field.member(member);
    if (characters(member.first) > kMaxMetadataName) {
      value.fail("invalid_value",
                 fmt::format("the name has more than {} characters", kMaxMetadataName));
    }
    if (characters(value.text()) > kMaxMetadataValue) {
      value.fail("invalid_value",
                 fmt::format("there are more than {} characters", kMaxMetadataValue));
    }
    out.metadata.emplace_back(member.first, value.text());
  }
}

constexpr std::array kReasoning = {
    Member<ResponseTerms>{"effort", kReasoningEfforts, put<&ResponseTerms::reasoning_effort>,
                          "how hard the model thinks"},
};
constexpr std::array kUnheededOfReasoning = {
    UnheededMember{"summary", OneOf{R"(["auto"])"}, "thoughts aren't summarized"},
    UnheededMember{"generate_summary", OneOf{R"(["auto"])"}, "thoughts aren't summarized"},
};

void put_reasoning(ResponseTerms& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kReasoning);
  reader.pass(kUnheededOfReasoning);
  reader.finish();
}

void put_format(ResponseTerms&, const Field& field) { require_text_format(field); }

constexpr std::array kText = {
    Member<ResponseTerms>{"format", ObjectOf{"members"}, put_format, "{\"type\": \"text\"}"},
};
constexpr std::array kUnheededOfText = {
    UnheededMember{"verbosity", OneOf{R"(["medium"])"}, "models don't know it"},
};

void put_text(ResponseTerms& out, const Field& field) {
  MemberReader reader(field);
  reader.read(out, kText);
  reader.pass(kUnheededOfText);
  reader.finish();
}

constexpr std::array kUnheededStreamOptions = {
    UnheededMember{"include_obfuscation", Boolean(), "events are never padded"},
    UnheededMember{"include_usage", Boolean(), "the last event tells it in any case"},
};

void put_stream_options(Body&, const Field& field) {
  MemberReader reader(field);
  reader.pass(kUnheededStreamOptions);
  reader.finish();
}

constexpr std::array kLimits = {
    Member<Generation>{"max_output_tokens", Described{kMaxTokensWords}, put_max_tokens,
                       "tokens of an answer at most"},
};

constexpr std::array kBody = {
    Member<Body>{"input", Described{kInputWords}, put_input,
                 "what is to be answered: a user's message, or several"},
    Member<Body>{"include", ListOf{"names of what is to be told besides"}, put_include,
                 "message.output_text.logprobs: tell the log-probabilities of the answer's tokens"},
    Member<Body>{"top_logprobs", Integer{0, kMaxAlternatives}, put<&Body::alternatives>,
                 "tell those of so many likeliest tokens besides"},
    Member<Body>{"stream_options", ObjectOf{"members"}, put_stream_options,
                 "include_obfuscation, which changes nothing: events are never padded"},
    Member<Body>{"chat_template_kwargs", ObjectOf{"texts, numbers, true and false"}, put_variables,
                 "variables of the chat template, enable_thinking for example"},
};

constexpr std::array kTerms = {
    Member<ResponseTerms>{"instructions", Text(), put<&ResponseTerms::instructions>,
                          "a system's message before all others, of this response alone"},
    Member<ResponseTerms>{"previous_response_id", Text{256},
                          put<&ResponseTerms::previous_response_id>,
                          "the response that was kept and whose conversation goes on"},
    Member<ResponseTerms>{"store", Boolean(), put<&ResponseTerms::store>,
                          "keep the response, to be gone on from and to be asked for"},
    Member<ResponseTerms>{"metadata", ObjectOf{"texts"}, put_metadata,
                          "returned with the response"},
    Member<ResponseTerms>{"reasoning", ObjectOf{"members"}, put_reasoning,
                          "effort, as reasoning_effort"},
    Member<ResponseTerms>{"text", ObjectOf{"members"}, put_text,
                          "{\"format\": {\"type\": \"text\"}}"},
    Member<ResponseTerms>{"tool_choice", OneOf{R"(["none", "auto"])"},
                          put<&ResponseTerms::tool_choice>,
                          "returned with the response; tools can't be called"},
    Member<ResponseTerms>{"parallel_tool_calls", Boolean(),
                          put<&ResponseTerms::parallel_tool_calls>,
                          "returned with the response; tools can't be called"},
};

constexpr std::array kUnheeded = {
    UnheededMember{"tools", OneOf{"[[]]"}, "tools can't be called"},
    UnheededMember{"max_tool_calls", Integer{1}, "tools can't be called"},
    UnheededMember{"truncation", OneOf{R"(["disabled"])"}, "a conversation is never cut"},
    UnheededMember{"background", OneOf{"[false]"}, "whoever asks waits for the answer"},
    UnheededMember{"conversation", OneOf{"[]"}, "conversations go on from previous_response_id"},
    UnheededMember{"prompt", OneOf{"[]"}, "no prompts are kept"},
    UnheededMember{"moderation", OneOf{"[]"}, "nothing is moderated"},
    UnheededMember{"context_management", OneOf{"[[]]"}, "a conversation is never cut"},
    UnheededMember{"n", OneOf{"[1]"}, "a response has one answer"},
};

std::optional<std::string> text_of(const MemberReader& reader, std::string_view name) {
  const auto field = reader.find(name);
  return field ? std::optional(field->text()) : std::nullopt;
}

}  // namespace

ResponseRequest read_response_request(const json::Value& body_value) {
  const Field whole(body_value);
  MemberReader reader(whole);
  ResponseRequest out;
  out.generation.limit_member = kLimits[0].name;
  reader.read(out.generation, kLimits);
  Body body;
  reader.read(body, kBody);
  reader.read(out.terms, kTerms);
  read_generation(reader, out.generation);
  reader.pass(kUnheeded);
  reader.finish();

  if (body.input.empty())
    throw InvalidRequest("input", "missing_required_parameter", "there is no input");
  // Without them, none are told: 0 is OpenAI's word for that.
  if (body.alternatives.value_or(0) > 0 && !body.log_probabilities) {
    reader.find("top_logprobs")
        ->fail("invalid_value",
               fmt::format("log-probabilities aren't told; expected include to have '{}'",
                           kLogProbabilities));
  }
  if (body.log_probabilities) out.generation.alternatives = body.alternatives.value_or(0);
  out.terms.alternatives = out.generation.alternatives;
  out.terms.max_output_tokens = out.generation.max_tokens;
  out.terms.user = text_of(reader, "user");
  out.terms.safety_identifier = text_of(reader, "safety_identifier");
  out.terms.prompt_cache_key = text_of(reader, "prompt_cache_key");
  out.input = std::move(body.input);
  out.variables = std::move(body.variables);
  return out;
}

std::vector<json::MemberDescription> describe_response_members() {
  std::vector<json::MemberDescription> out;
  json::describe(std::span<const Member<Body>>(kBody), out);
  json::describe(std::span<const Member<ResponseTerms>>(kTerms), out);
  json::describe(std::span<const Member<Generation>>(kLimits), out);
  describe_generation(out);
  json::describe(std::span<const UnheededMember>(kUnheeded), out);
  json::describe(unheeded_members(), out);
  return out;
}

}  // namespace sirocco::openai
