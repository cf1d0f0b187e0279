#include "sirocco/cli/run_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Takes = ChatCommand::Takes;

constexpr std::array kCommands = {
    ChatCommand{"/help", Takes::kNothing, ChatCommandKind::kHelp, "/help", "show this"},
    ChatCommand{"/clear", Takes::kNothing, ChatCommandKind::kClear, "/clear",
                "begin a new conversation"},
    ChatCommand{"/system", Takes::kText, ChatCommandKind::kSystem, "/system [TEXT]",
                "tell the model how to behave; \"\" takes it back; show it without TEXT"},
    ChatCommand{"/set", Takes::kText, ChatCommandKind::kSet, "/set [NAME VALUE]",
                "change a setting or a variable of the chat template; show all without NAME"},
    ChatCommand{"/wrap", Takes::kText, ChatCommandKind::kWrap, "/wrap [on|off]",
                "break the lines of answers between words, or leave them to the terminal"},
    ChatCommand{"/save", Takes::kSomething, ChatCommandKind::kSave, "/save FILE",
                "write the conversation to a file, as JSON"},
    ChatCommand{"/load", Takes::kSomething, ChatCommandKind::kLoad, "/load FILE",
                "go on with a conversation that was saved"},
    ChatCommand{"/image", Takes::kSomething, ChatCommandKind::kImage, "/image FILE",
                "show a picture with the next message"},
    ChatCommand{"/audio", Takes::kSomething, ChatCommandKind::kAudio, "/audio FILE",
                "let a sound be heard with the next message"},
    ChatCommand{"/stats", Takes::kNothing, ChatCommandKind::kStats, "/stats",
                "show the model, the context and the speed"},
    ChatCommand{"/bye", Takes::kNothing, ChatCommandKind::kLeave, "/bye", "leave, as Ctrl-D does"},
    ChatCommand{"/exit", Takes::kNothing, ChatCommandKind::kLeave, "/exit", "the same"},
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::span<const ChatCommand> chat_commands() { return kCommands; }

bool is_chat_command(std::string_view line) { return line.starts_with('/'); }

TypedCommand parse_chat_command(std::string_view line) {
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view name = trimmed(line.substr(0, end));
  const std::string_view argument = trimmed(line.substr(end));
  const auto row = std::ranges::find(kCommands, name, &ChatCommand::name);
  if (row == kCommands.end()) {
    std::string names;
    for (const ChatCommand& command : kCommands) {
      if (!names.empty()) names += ", ";
      names += command.name;
    }
    throw InvalidArgument(
        "no command {}; there are {} (a message that begins with a slash wants a space before it)",
        sirocco::quoted(name), names);
  }
  if ((row->takes == Takes::kNothing && !argument.empty()) ||
      (row->takes == Takes::kSomething && argument.empty())) {
    throw InvalidArgument("usage: {}", row->usage);
  }
  return {row->kind, std::string(argument)};
}

std::string chat_help() {
  std::string out;
  const auto row = [&](std::string_view left, std::string_view right) {
    fmt::format_to(std::back_inserter(out), "  {:18} {}\n", left, right);
  };
  for (const ChatCommand& command : kCommands) row(command.usage, command.help);
  out += "\n";
  row("\\ at a line's end", "the message goes on in the next line");
  row("\"\"\" … \"\"\"", "a message of several lines");
  row("a paste", "one message, to be edited first, and sent with Enter");
  row("Alt-Enter", "a new line in the message");
  row("Ctrl-C", "stop the answer, or forget the line");
  row("Ctrl-D", "leave");
  return out;
}

}  // namespace sirocco
