#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/openai/chat_message.hpp"
#include "sirocco/server/openai/generation.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco::openai {

/// How the prompt ends that is made of a conversation.
enum class PromptEnd : std::uint8_t {
  kNewAnswer,       ///< where the assistant begins to speak
  kContinueAnswer,  ///< in the middle of the last message, an assistant's that says something
  kAsItStands,      ///< behind the last message
};

/// A variable of the chat template: its value is a text, a number, true or false.
using TemplateVariable = std::pair<std::string, json::Value>;

/// The values of reasoning_effort.
inline constexpr json::OneOf kReasoningEfforts{
    R"(["none", "minimal", "low", "medium", "high", "xhigh"])"};

/// Reads variables of the chat template, chat_template_kwargs. Throws InvalidRequest.
std::vector<TemplateVariable> read_template_variables(const json::Field& field);
/// The format of an answer: throws InvalidRequest for all but {"type": "text"}.
void require_text_format(const json::Field& field);

/// A request to /v1/chat/completions.
struct ChatRequest {
  Generation generation;
  std::vector<ChatMessage> messages;  ///< at least one
  PromptEnd end = PromptEnd::kNewAnswer;
  std::vector<TemplateVariable> variables;  ///< each name once
  /// none, minimal, low, medium, high or xhigh.
  std::optional<std::string> reasoning_effort;
};

/// Reads the body of a request. Throws InvalidRequest for what it can't be, and names the member
/// that is wrong, unknown or not supported.
ChatRequest read_chat_request(const json::Value& body);

/// The prompt that a request stands for.
struct ChatPrompt {
  RenderedPrompt rendered;
  std::vector<std::string> warnings;  ///< of what had no effect on it
};

/// The prompt, as the model's format makes it. Of the request's variables the template is given
/// those that it offers (ChatTemplate::variables). Messages may show pictures where the format is
/// one with pictures. `clock` is as ChatContext has it. Throws as
/// ChatFormat::render, and as continued_prompt where an answer is to be continued.
ChatPrompt chat_prompt(const ChatRequest& request, const ChatFormat& format,
                       std::function<std::tm()> clock = {});

/// All members of a request, for documentation.
std::vector<json::MemberDescription> describe_chat_members();

}  // namespace sirocco::openai
