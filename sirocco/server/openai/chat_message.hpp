#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/jinja/value.hpp"
#include "sirocco/server/json/field.hpp"
#include "sirocco/server/message_content.hpp"

namespace sirocco::openai {

enum class Role : std::uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };
std::string_view role_name(Role role);

/// A function that the model asked to be called, in an earlier turn.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON, or what the model wrote in its place
};

/// A message of a conversation.
struct ChatMessage {
  Role role = Role::kUser;
  /// Only an assistant's may be missing; only a user's shows pictures and sounds.
  std::optional<MessageContent> content;
  std::optional<std::string> name;
  std::optional<std::string> reasoning;     ///< assistant: what it thought before it spoke
  std::vector<ToolCall> tool_calls;         ///< assistant
  std::optional<std::string> tool_call_id;  ///< tool: the call that it answers
};

inline constexpr std::size_t kMaxMessages = std::size_t{1} << 16;

/// Reads an array of messages, at least one and at most kMaxMessages. Throws InvalidRequest that
/// names what is wrong: messages[2].role.
std::vector<ChatMessage> read_messages(const json::Field& messages);

/// The pictures and sounds of all messages, in their order.
std::vector<SentMedium> media_of(std::span<const ChatMessage> messages);

/// The messages as chat templates take them. Arguments that are a JSON object are one, as templates
/// of Hugging Face expect it; others are a text. A developer's message is a system's, as llama.cpp
/// has it, since few templates know developers.
jinja::Value template_messages(std::span<const ChatMessage> messages);

}  // namespace sirocco::openai
