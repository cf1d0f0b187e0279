#include "sirocco/text/chat_template.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/template.hpp"

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

}  // namespace

std::vector<TextSegment> RenderedPrompt::segments() const {
  std::vector<TextSegment> out;
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

ChatTemplate::ChatTemplate(std::string_view source, const ChatTemplateLimits& limits)
    : template_(std::make_unique<const jinja::Template>(source, limits)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

bool ChatTemplate::uses(std::string_view variable) const { return template_->uses(variable); }

std::vector<std::string> ChatTemplate::variables() const {
  std::vector<std::string> names = template_->variables();
  std::erase_if(names, [](const std::string& name) {
    return std::ranges::find(kConversation, name) != kConversation.end() ||
           name.ends_with("_token");
  });
  return names;
}

RenderedPrompt ChatTemplate::render(const ChatContext& context) const {
  jinja::Template::Variables variables;
  variables.emplace_back("messages", prepared_messages(context.messages));
  if (!context.tools.is_none()) array(context.tools, "tools");
  variables.emplace_back("tools", context.tools);
  variables.emplace_back("documents", context.documents);
  variables.emplace_back("add_generation_prompt", Value::boolean(context.add_generation_prompt));
  for (const auto& [name, text] : context.special_tokens) {
    variables.emplace_back(name, Value::string(text, Origin::kTemplate));
  }
  variables.insert(variables.end(), context.variables.begin(), context.variables.end());
  const jinja::Text text =
      template_->render(variables, context.clock ? context.clock : system_clock);
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
