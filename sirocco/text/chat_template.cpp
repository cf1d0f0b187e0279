#include "sirocco/text/chat_template.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/text/jinja_ast.hpp"
#include "sirocco/text/jinja_fault.hpp"
#include "sirocco/text/jinja_interpreter.hpp"
#include "sirocco/text/jinja_native.hpp"
#include "sirocco/text/jinja_operators.hpp"
#include "sirocco/text/jinja_value.hpp"
#include "sirocco/text/jinja_variables.hpp"

namespace sirocco {
namespace {

using jinja::Origin;
using jinja::Value;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

constexpr std::array<std::string_view, 3> kConversation = {"messages", "tools",
                                                           "add_generation_prompt"};

std::tm system_clock() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

const jinja::List& array(const Value& value, std::string_view what) {
  const jinja::List* list = value.as_list();
  if (list == nullptr)
    throw InvalidArgument("{} is no JSON array, but of type {}", what, jinja::type_name(value));
  return *list;
}

/// The names that clients have for what a model thought before it spoke; templates read the first.
constexpr std::array<std::string_view, 3> kReasoning = {"reasoning_content", "thinking",
                                                        "reasoning"};
constexpr std::string_view kRole = "role";

bool is_interface_role(const jinja::Str* role) {
  return role != nullptr && std::ranges::find(kRoles, role->text.view()) != kRoles.end();
}

bool is_reasoning(const Value& name) {
  const jinja::Str* const text = name.as_str();
  return text != nullptr && std::ranges::find(kReasoning, text->text.view()) != kReasoning.end();
}

/// A message as transformers' apply_chat_template hands it to templates, with a role of the
/// interface marked as the template's own word.
Value prepared(const jinja::Dict& message) {
  const Value* reasoning = nullptr;
  for (const std::string_view name : kReasoning) {
    const Value* const said = message.find(name);
    if (reasoning == nullptr && said != nullptr && !said->is_none()) reasoning = said;
  }
  jinja::Dict fields;
  if (reasoning != nullptr) fields.set("thinking", *reasoning);
  for (const auto& [name, value] : message.entries()) {
    if (reasoning == nullptr || !value.is_none() || !is_reasoning(name)) fields.set(name, value);
  }
  if (reasoning != nullptr) fields.set("reasoning_content", *reasoning);
  const Value* const role = fields.find(kRole);
  if (const jinja::Str* const name = role == nullptr ? nullptr : role->as_str();
      is_interface_role(name))
    fields.set(kRole, Value::string(name->text.view(), Origin::kTemplate));
  return Value::dict(std::move(fields));
}

Value prepared_messages(const Value& messages) {
  std::vector<Value> out;
  for (const Value& message : array(messages, "messages").items) {
    const jinja::Dict* fields = message.as_dict();
    if (fields == nullptr) {
      throw InvalidArgument("message {} is no JSON object, but of type {}", out.size() + 1,
                            jinja::type_name(message));
    }
    out.push_back(prepared(*fields));
  }
  return Value::list(std::move(out));
}

[[noreturn]] void rethrow(const jinja::TemplateFault& fault, int line) {
  switch (fault.kind()) {
    case jinja::Fault::kLimit:
      throw ResourceExhausted("chat template, line {}: {}", line, fault.message());
    case jinja::Fault::kRaised:
      throw InvalidArgument("the chat template refuses these messages (line {}): {}", line,
                            fault.message());
    default:
      throw InvalidArgument("chat template, line {}: {}", line, fault.message());
  }
}

}  // namespace

std::vector<PromptSegment> RenderedPrompt::segments() const {
  std::vector<PromptSegment> out;
  const std::string_view all = text;
  std::size_t at = 0;
  for (const auto& [begin, end] : trusted) {
    if (begin > at) out.push_back({all.substr(at, begin - at), false});
    out.push_back({all.substr(begin, end - begin), true});
    at = end;
  }
  if (at < all.size()) out.push_back({all.substr(at), false});
  return out;
}

struct ChatTemplate::Impl {
  Impl(std::string_view source, const ChatTemplateLimits& given)
      : program(jinja::parse(source)),
        uses(jinja::name_uses(program)),
        limits{given.max_memory, given.max_output, given.max_steps} {}

  jinja::Program program;
  std::vector<jinja::NameUse> uses;  ///< by symbol
  jinja::Limits limits;
};

ChatTemplate::ChatTemplate(std::string_view source, ChatTemplateLimits limits)
    : impl_(std::make_unique<const Impl>(source, limits)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

bool ChatTemplate::uses(std::string_view variable) const {
  const auto& symbols = impl_->program.symbols;
  const auto found = std::ranges::find(symbols, variable);
  return found != symbols.end() &&
         impl_->uses[static_cast<std::size_t>(found - symbols.begin())].outside;
}

std::vector<std::string> ChatTemplate::variables() const {
  const auto functions = jinja::global_functions();
  std::vector<std::string> out;
  for (std::size_t i = 0; i < impl_->uses.size(); ++i) {
    const std::string& name = impl_->program.symbols[i];
    const jinja::NameUse& use = impl_->uses[i];
    if (!use.outside || (use.assigned && !use.asked)) continue;
    if (std::ranges::find(kConversation, name) != kConversation.end() || name.ends_with("_token"))
      continue;
    if (std::ranges::find(functions, name, [](const auto& f) { return f.first; }) ==
        functions.end())
      out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

RenderedPrompt ChatTemplate::render(const ChatContext& context) const {
  const auto optional = [](const std::optional<std::string>& json, std::string_view what) {
    return json ? Value::from_json(*json, what) : Value::none(Origin::kData);
  };
  std::vector<std::pair<std::string, Value>> variables;
  variables.emplace_back("messages",
                         prepared_messages(Value::from_json(context.messages, "messages")));
  const Value tools = optional(context.tools, "tools");
  if (!tools.is_none()) array(tools, "tools");
  variables.emplace_back("tools", tools);
  variables.emplace_back("documents", optional(context.documents, "documents"));
  variables.emplace_back("add_generation_prompt", Value::boolean(context.add_generation_prompt));
  for (const auto& [name, text] : context.special_tokens) {
    variables.emplace_back(name, Value::string(text, Origin::kTemplate));
  }
  for (const auto& [name, json] : context.variables) {
    variables.emplace_back(name, Value::from_json(json, fmt::format("variable {}", quoted(name))));
  }
  const jinja::Clock clock = context.clock ? context.clock : system_clock;
  jinja::Text text;
  {
    jinja::Interpreter interpreter(impl_->program, impl_->limits, clock, variables);
    try {
      text = interpreter.run();
    } catch (const jinja::TemplateFault& fault) {
      rethrow(fault, interpreter.line());
    }
  }
  RenderedPrompt prompt;
  prompt.text = text.bytes();
  std::size_t begin = 0;
  for (const auto& run : text.runs()) {
    if (run.origin == Origin::kTemplate) prompt.trusted.push_back({begin, run.end});
    begin = run.end;
  }
  return prompt;
}

}  // namespace sirocco
