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

/// The messages with the roles of the interface marked as the template's own words.
Value with_trusted_roles(const Value& messages) {
  std::vector<Value> marked;
  for (const Value& message : array(messages, "messages").items) {
    const jinja::Dict* fields = message.as_dict();
    if (fields == nullptr) {
      throw InvalidArgument("message {} is no JSON object, but of type {}", marked.size() + 1,
                            jinja::type_name(message));
    }
    const Value* role = fields->find("role");
    const jinja::Str* name = role == nullptr ? nullptr : role->as_str();
    if (name == nullptr ||
        std::find(kRoles.begin(), kRoles.end(), name->text.view()) == kRoles.end()) {
      marked.push_back(message);
      continue;
    }
    jinja::Dict copy = *fields;
    copy.set("role", Value::string(name->text.view(), Origin::kTemplate));
    marked.push_back(Value::dict(std::move(copy)));
  }
  return Value::list(std::move(marked));
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
                         with_trusted_roles(Value::from_json(context.messages, "messages")));
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
