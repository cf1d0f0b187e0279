#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sirocco {

enum class ChatCommandKind {
  kHelp,
  kClear,
  kSystem,
  kSet,
  kWrap,
  kSave,
  kLoad,
  kImage,
  kAudio,
  kStats,
  kLeave
};

/// What can be typed at the prompt beside messages: a row of the table that parsing, /help and
/// error texts come from.
struct ChatCommand {
  std::string_view name;  ///< with its slash
  enum class Takes { kNothing, kSomething, kText } takes;
  ChatCommandKind kind;
  std::string_view usage;
  std::string_view help;
};

std::span<const ChatCommand> chat_commands();

/// A command as it was typed.
struct TypedCommand {
  ChatCommandKind kind;
  std::string argument;  ///< without blanks around it; empty where it may be left out
};

/// Whether a line means a command: its first character is a slash. (A message that begins with one
/// gets a blank before it.)
bool is_chat_command(std::string_view line);

/// Throws InvalidArgument that names the known commands, or how this one is used.
TypedCommand parse_chat_command(std::string_view line);

/// What /help prints about commands and keys.
std::string chat_help();

}  // namespace sirocco
