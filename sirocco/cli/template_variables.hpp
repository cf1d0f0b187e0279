#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "sirocco/jinja/value.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco {

/// A TemplateVariable is a value for a chat template: the JSON that says it, and what templates
/// make of that. Cheap to copy.
class TemplateVariable {
 public:
  /// `name` is that of the variable, for messages. Throws InvalidArgument where `json` is none, or
  /// says what templates can't hold, an integer of over 128 bits for example.
  TemplateVariable(std::string_view name, std::string json);

  const std::string& json() const { return json_; }
  const jinja::Value& value() const { return value_; }
  friend bool operator==(const TemplateVariable& a, const TemplateVariable& b) {
    return a.json_ == b.json_;
  }

 private:
  std::string json_;
  jinja::Value value_;
};

/// Variables of a chat template as a person sets them, by name.
using TemplateVariables = std::map<std::string, TemplateVariable, std::less<>>;

/// How values are written, for --help.
inline constexpr std::string_view kTemplateValueRule =
    "VALUE is JSON; what isn't JSON and begins with a letter, or is a date, is a text";

/// Sets a variable to a value as it was typed: JSON as it stands, or else a date, or words that
/// begin with a letter, as a JSON text. Throws InvalidArgument that names the variable where the
/// value is neither, or a truth value in another spelling than JSON's ("False", "no"), which as a
/// text would count as true; as TemplateVariable does; and where the name can't be a variable's.
void set_variable(TemplateVariables& variables, std::string_view name, std::string_view value);

/// The same of one text, NAME=VALUE.
void set_variable(TemplateVariables& variables, std::string_view assignment);

/// The values, as templates take them.
std::map<std::string, jinja::Value> template_values(const TemplateVariables& variables);

/// Throws InvalidArgument for the name of what a conversation makes itself: messages, tools,
/// add_generation_prompt.
void refuse_conversation(std::string_view name);
/// The same of all their names.
void refuse_conversation(const TemplateVariables& variables);

/// "it uses a, b", or that it uses none: what a person may set, for messages.
std::string usable_variables(const ChatTemplate& chat_template);

/// What a person should know of variables that the template doesn't use; empty when it uses all.
std::string unused_variables_notice(const ChatTemplate& chat_template,
                                    const TemplateVariables& variables);

/// What set_thinking takes, in words.
inline constexpr std::string_view kThinkingLevels = "on, off, low, medium or high";
bool is_thinking_level(std::string_view level);

/// Sets the variables by which chat templates know whether a model thinks before it answers, and
/// how hard: enable_thinking and thinking (true or false), reasoning_effort (a text). A level true
/// or false counts as on or off. Throws InvalidArgument where the level is none, or the template
/// has no variable for it; nothing has changed then.
void set_thinking(TemplateVariables& variables, const ChatTemplate& chat_template,
                  std::string_view level);

/// Whether set_thinking can do anything with this template.
bool can_set_thinking(const ChatTemplate& chat_template);

}  // namespace sirocco
