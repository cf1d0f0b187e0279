#include "sirocco/server/openai/chat_request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/thinking_variables.hpp"
#include "sirocco/text/continued_prompt.hpp"

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
using json::UnheededMember;

constexpr int kMaxAlternatives = 20;
constexpr std::size_t kMaxVariables = 32;
constexpr std::size_t kMaxVariableBytes = 4096;

/// What a body says before its members are seen together.
struct Body {
  std::vector<ChatMessage> messages;
  std::vector<TemplateVariable> variables;
  std::optional<std::string> reasoning_effort;
  std::optional<bool> begin_answer;
  std::optional<bool> continue_last;
  bool log_probabilities = false;
  std::optional<int> alternatives;
};

void put_messages(Body& out, const Field& field) { out.messages = read_messages(field); }

void put_variables(Body& out, const Field& field) {
  out.variables = read_template_variables(field);
}

void put_response_format(Body&, const Field& field) { require_text_format(field); }

constexpr std::array kLimits = {
    Member<Generation>{"max_completion_tokens", Described{kMaxTokensWords}, put_max_tokens,
                       "tokens of an answer at most"},
    Member<Generation>{"max_tokens", Described{kMaxTokensWords}, put_max_tokens,
                       "another name for max_completion_tokens"},
    Member<Generation>{"n_predict", Described{kMaxTokensWords}, put_max_tokens,
                       "another name for max_completion_tokens"},
};

constexpr std::array kBody = {
    Member<Body>{"messages", ListOf{"messages", 1}, put_messages, "the conversation"},
    Member<Body>{"logprobs", Boolean(), put<&Body::log_probabilities>,
                 "tell the log-probabilities of the answer's tokens"},
    Member<Body>{"top_logprobs", Integer{0, kMaxAlternatives}, put<&Body::alternatives>,
                 "tell those of so many likeliest tokens besides"},
    Member<Body>{"response_format", ObjectOf{"members"}, put_response_format,
                 "{\"type\": \"text\"}"},
    Member<Body>{"chat_template_kwargs", ObjectOf{"texts, numbers, true and false"}, put_variables,
                 "variables of the chat template, enable_thinking for example"},
    Member<Body>{"reasoning_effort", kReasoningEfforts, put<&Body::reasoning_effort>,
                 "how hard the model thinks before it answers, where its chat template knows that"},
    Member<Body>{"add_generation_prompt", Boolean(), put<&Body::begin_answer>,
                 "false: the prompt ends behind the last message"},
    Member<Body>{"continue_final_message", Boolean(), put<&Body::continue_last>,
                 "the answer continues the last message; without a word on it, an assistant's is "
                 "continued"},
};

constexpr std::array kUnheeded = {
    UnheededMember{"best_of", OneOf{"[1]"}, "all answers are returned; ask for them with n"},
    UnheededMember{"tools", OneOf{"[[]]"}, "tools can't be called"},
    UnheededMember{"tool_choice", OneOf{R"(["none"])"}, "tools can't be called"},
    UnheededMember{"parallel_tool_calls", Boolean(), "tools can't be called"},
    UnheededMember{"functions", OneOf{"[[]]"}, "tools can't be called"},
    UnheededMember{"function_call", OneOf{R"(["none"])"}, "tools can't be called"},
    UnheededMember{"modalities", OneOf{R"([["text"]])"}, "answers are texts"},
    UnheededMember{"audio", OneOf{"[]"}, "answers are texts"},
    UnheededMember{"prediction", OneOf{"[]"}, "answers aren't predicted"},
    UnheededMember{"verbosity", OneOf{R"(["medium"])"}, "models don't know it"},
    UnheededMember{"web_search_options", OneOf{"[]"}, "nothing is looked up"},
    UnheededMember{"chat_template", OneOf{"[]"}, "the model's own is used"},
    UnheededMember{"documents", OneOf{"[[]]"}, "documents belong into messages"},
    UnheededMember{"echo", OneOf{"[false]"}, "the answer alone is returned"},
    UnheededMember{"add_special_tokens", OneOf{"[false]"}, "the chat template has written them"},
};

/// What becomes of a prompt's end.
PromptEnd prompt_end(const Body& body, const MemberReader& reader) {
  const ChatMessage& last = body.messages.back();
  const bool continuable =
      last.role == Role::kAssistant && last.tool_calls.empty() && last.content &&
      last.content->text().find_first_not_of(" \t\n\r\v\f") != std::string::npos;
  if (body.continue_last == true) {
    const Field asked = *reader.find("continue_final_message");
    if (!continuable)
      asked.fail("invalid_value", "the last message is not the assistant's, or says nothing");
    if (body.begin_answer == true)
      asked.fail("invalid_value", "it contradicts add_generation_prompt");
    return PromptEnd::kContinueAnswer;
  }
  if (body.begin_answer == false) return PromptEnd::kAsItStands;
  const bool unsaid = !body.continue_last && !body.begin_answer;
  return unsaid && continuable ? PromptEnd::kContinueAnswer : PromptEnd::kNewAnswer;
}

jinja::Value template_value(const json::Value& value) {
  using jinja::Origin;
  if (const auto* flag = value.as<bool>()) return jinja::Value::boolean(*flag, Origin::kData);
  if (const auto* integer = value.as<std::int64_t>())
    return jinja::Value::integer(*integer, Origin::kData);
  if (const auto* real = value.as<double>()) return jinja::Value::real(*real, Origin::kData);
  return jinja::Value::string(*value.as<std::string>());
}

/// The variables by which templates know how hard a model is to think. Those that know a degree
/// know three.
std::vector<TemplateVariable> effort_variables(const std::string& effort) {
  const bool thinks = effort != "none";
  std::vector<TemplateVariable> out;
  for (const std::string_view name : kThinkingVariables)
    out.emplace_back(name, json::Value(thinks));
  if (!thinks) return out;
  const std::string degree = effort == "minimal" ? "low" : effort == "xhigh" ? "high" : effort;
  out.emplace_back("reasoning_effort", json::Value(degree));
  return out;
}

/// Gives the template those of the request's variables that it offers.
void set_variables(const ChatRequest& request, const ChatTemplate& chat_template,
                   ChatContext& context, std::vector<std::string>& warnings) {
  const std::vector<std::string> offered = chat_template.variables();
  const auto set = [&](const TemplateVariable& variable) {
    const bool known = std::ranges::binary_search(offered, variable.first);
    if (known) {
      context.variables.insert_or_assign(variable.first, template_value(variable.second));
    }
    return known;
  };
  if (request.reasoning_effort) {
    bool used = false;
    for (const TemplateVariable& variable : effort_variables(*request.reasoning_effort))
      used = set(variable) || used;
    if (!used) {
      warnings.emplace_back(
          "reasoning_effort has no effect: the model's chat template has no variable for it");
    }
  }
  for (const TemplateVariable& variable : request.variables) {
    if (set(variable)) continue;
    warnings.push_back(fmt::format(
        "chat_template_kwargs: {} has no effect: the model's chat template has no such variable; "
        "it has {}",
        sirocco::quoted(variable.first),
        offered.empty() ? "none" : fmt::format("{}", fmt::join(offered, ", "))));
  }
}

}  // namespace

std::vector<TemplateVariable> read_template_variables(const Field& field) {
  std::vector<TemplateVariable> out;
  const json::Object& variables = field.object({"variables"});
  if (variables.size() > kMaxVariables)
    field.fail("invalid_value", fmt::format("there are more than {} variables", kMaxVariables));
  for (const auto& variable : variables) {
    const Field value = field.member(variable);
    if (value.value().is_null()) continue;
    if (value.value().as<json::Array>() != nullptr || value.value().as<json::Object>() != nullptr)
      value.fail_expecting("invalid_type", "a text, a number, true or false");
    if (value.value().as<std::string>() != nullptr) value.text({kMaxVariableBytes});
    out.push_back(variable);
  }
  return out;
}

void require_text_format(const Field& field) {
  const json::Object& format = field.object({"members"});
  const auto type = std::ranges::find(format, "type", &json::Object::value_type::first);
  if (type == format.end()) field.fail("missing_required_parameter", "there is no type");
  const Field kind = field.member(*type);
  if (kind.text() == "json_object" || kind.text() == "json_schema") {
    kind.fail("unsupported_value",
              fmt::format("found {}; answers aren't constrained, so that only 'text' is supported",
                          json::described(kind.value())));
  }
  kind.require(OneOf{R"(["text"])"});
  MemberReader reader(field);
  reader.pass(std::array{UnheededMember{"type", OneOf{R"(["text"])"}, ""}});
  reader.finish();
}

ChatRequest read_chat_request(const json::Value& body_value) {
  const Field whole(body_value);
  MemberReader reader(whole);
  ChatRequest out;
  reader.read(out.generation, kLimits);
  read_choices(reader, out.generation);
  read_generation(reader, out.generation);
  Body body;
  reader.read(body, kBody);
  reader.pass(kUnheeded);
  reader.finish();

  if (body.messages.empty()) {
    throw InvalidRequest("messages", "missing_required_parameter", "there are no messages");
  }
  if (body.alternatives && !body.log_probabilities) {
    reader.find("top_logprobs")
        ->fail("invalid_value", "there are no logprobs; expected logprobs to be true");
  }
  if (body.log_probabilities) out.generation.alternatives = body.alternatives.value_or(0);
  out.end = prompt_end(body, reader);
  out.messages = std::move(body.messages);
  out.variables = std::move(body.variables);
  out.reasoning_effort = std::move(body.reasoning_effort);
  return out;
}

ChatPrompt chat_prompt(const ChatRequest& request, const ChatFormat& format,
                       std::function<std::tm()> clock) {
  ChatPrompt out;
  ChatContext context;
  context.messages = template_messages(request.messages);
  context.add_generation_prompt = request.end == PromptEnd::kNewAnswer;
  context.clock = std::move(clock);
  set_variables(request, format.chosen(context), context, out.warnings);
  out.rendered = format.render(std::move(context));
  if (request.end == PromptEnd::kContinueAnswer) {
    out.rendered =
        continued_prompt(std::move(out.rendered), request.messages.back().content->text());
  }
  return out;
}

std::vector<json::MemberDescription> describe_chat_members() {
  std::vector<json::MemberDescription> out;
  json::describe(std::span<const Member<Body>>(kBody), out);
  json::describe(std::span<const Member<Generation>>(kLimits), out);
  json::describe(choice_members(), out);
  describe_generation(out);
  json::describe(std::span<const UnheededMember>(kUnheeded), out);
  json::describe(unkept_members(), out);
  json::describe(unheeded_members(), out);
  return out;
}

}  // namespace sirocco::openai
