#include "sirocco/cli/run_chat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/conversation_file.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/line_editor.hpp"
#include "sirocco/cli/message_assembler.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/run_commands.hpp"
#include "sirocco/cli/run_set.hpp"
#include "sirocco/cli/terminal/answer_printer.hpp"

namespace sirocco {
namespace {

/// A path as it was typed, with the home folder for a tilde.
std::filesystem::path typed_path(const std::string& text) {
  const char* home = std::getenv("HOME");
  if (home != nullptr && text.starts_with("~/"))
    return std::filesystem::path(home) / text.substr(2);
  return text;
}

class Chat {
 public:
  Chat(Answerer& answerer, RunSettings settings, const std::string& system,
       std::vector<ShownFile> shown, bool wraps, bool quiet)
      : answerer_(answerer),
        settings_(std::move(settings)),
        editor_(interrupts_, model_store().parent_path() / "history"),
        shown_(std::move(shown)),
        quiet_(quiet) {
    conversation_.system = system;
    printer_.wraps = wraps;
  }

  void run() {
    greet();
    while (!left_) {
      const LineEditor::Input input = editor_.read(assembler_.pending() ? "... " : ">>> ");
      if (std::holds_alternative<LineEditor::Interrupted>(input)) {
        assembler_.reset();
      } else if (const auto* line = std::get_if<LineEditor::Line>(&input)) {
        if (const auto message = assembler_.push(line->text)) take(*message);
      } else {
        write_output("\n");
        left_ = true;
      }
    }
    if (!quiet_ && answerer_.statistics().generated_tokens > 0)
      std::fprintf(stderr, "%s\n", answerer_.statistics().text().c_str());
  }

 private:
  void say(std::string_view text) {
    printer_.push(text);
    printer_.finish();
  }

  void greet() {
    if (quiet_) return;
    const LoadedModel& model = answerer_.model();
    say(fmt::format("{} on {} threads ({}), loaded in {:.2f} s. /help shows what can be typed.",
                    model.title().text(), model.threads(), isa_name(model.isa()),
                    model.load_seconds()));
  }

  void take(const TypedMessage& message) {
    try {
      if (message.text.find_first_not_of(" \t\r\n") == std::string::npos) return;
      if (message.one_line && is_chat_command(message.text)) {
        obey(parse_chat_command(message.text));
      } else if (answerer_.raw()) {
        finish(answerer_.complete(message.text, settings_, show(), stop_asked(), shown_));
        shown_.clear();
      } else {
        reply(message.text);
      }
    } catch (const Error& e) {
      printer_.finish();
      say(e.what());
    }
  }

  OnText show() {
    interrupts_.forget();
    return [this](std::string_view text) {
      printer_.push(text);
      return !interrupts_.pressed();
    };
  }

  StopAnswer stop_asked() {
    return [this] {
      editor_.collect();
      return interrupts_.pressed();
    };
  }

  void finish(const Completion& completion) {
    printer_.finish();
    const std::int32_t context = answerer_.context();
    std::string notice = ending_notice(completion, context);
    if (completion.reason == FinishReason::kContextFull) notice += "; /clear makes room";
    if (!notice.empty()) say("[" + notice + "]");
    if (interrupts_.pressed()) editor_.forget_typed();
    interrupts_.forget();
  }

  /// The question stays in the conversation only with an answer, however short.
  void reply(const std::string& question) {
    Conversation next = conversation_;
    next.messages.push_back({"user", question, shown_});
    Completion completion;
    try {
      completion = answerer_.answer(next, settings_, show(), stop_asked());
    } catch (const ResourceExhausted& e) {
      throw ResourceExhausted("{} (/clear begins a new conversation)", e.what());
    }
    if (!completion.text.empty() || completion.reason == FinishReason::kStop) {
      next.messages.push_back({"assistant", completion.text});
      conversation_ = std::move(next);
      shown_.clear();
    }
    finish(completion);
  }

  void obey(const TypedCommand& command) {
    switch (command.kind) {
      case ChatCommandKind::kHelp:
        return say(chat_help());
      case ChatCommandKind::kClear:
        conversation_.messages.clear();
        shown_.clear();
        return say("A new conversation.");
      case ChatCommandKind::kSystem:
        return tell_system(command.argument);
      case ChatCommandKind::kSet:
        // As other programs spell /wrap.
        if (command.argument == "wordwrap") return change_wrapping("on");
        if (command.argument == "nowordwrap") return change_wrapping("off");
        return say(change_setting(settings_, answerer_.chat_template(), command.argument));
      case ChatCommandKind::kWrap:
        return change_wrapping(command.argument);
      case ChatCommandKind::kSave:
        save_conversation(conversation_, typed_path(command.argument));
        return say(fmt::format("Saved {} messages to {}.", conversation_.messages.size(),
                               sirocco::quoted(command.argument, 400)));
      case ChatCommandKind::kLoad:
        conversation_ = load_conversation(typed_path(command.argument));
        return say(fmt::format("Loaded {} messages from {}.", conversation_.messages.size(),
                               sirocco::quoted(command.argument, 400)));
      case ChatCommandKind::kImage:
        return show_file({Medium::kPicture, typed_path(command.argument).string()});
      case ChatCommandKind::kAudio:
        return show_file({Medium::kSound, typed_path(command.argument).string()});
      case ChatCommandKind::kStats:
        return show_statistics();
      case ChatCommandKind::kLeave:
        left_ = true;
        return;
    }
  }

  void show_file(ShownFile file) {
    answerer_.take_in(file);
    shown_.push_back(std::move(file));
    const auto pictures = std::ranges::count(shown_, Medium::kPicture, &ShownFile::medium);
    const auto sounds = std::ssize(shown_) - pictures;
    std::string what;
    const auto add = [&](std::int64_t count, std::string_view does, std::string_view one) {
      if (count == 0) return;
      what +=
          fmt::format("{} {} {}", what.empty() ? "" : " and", does,
                      count == 1 ? fmt::format("that {}", one) : fmt::format("{} {}s", count, one));
    };
    add(pictures, "shows", "picture");
    add(sounds, "has", "sound");
    say(fmt::format("The next message{}.", what));
  }

  void tell_system(const std::string& text) {
    if (text == "\"\"") {
      conversation_.system.clear();
    } else if (!text.empty()) {
      conversation_.system = text;
    }
    say(conversation_.system.empty() ? "No system message."
                                     : "System message: " + conversation_.system);
  }

  void change_wrapping(const std::string& argument) {
    if (argument == "on" || argument == "off") {
      printer_.wraps = argument == "on";
    } else if (!argument.empty()) {
      throw InvalidArgument("usage: /wrap on, or /wrap off");
    }
    say(printer_.wraps ? "Lines of answers are broken between words."
                       : "Lines of answers are left to the terminal.");
  }

  void show_statistics() {
    const LoadedModel& model = answerer_.model();
    say(fmt::format("model    {}, {}, {} threads, {}\ncontext  {} of {} tokens\nspeed    {}",
                    model.title().text(), model.info().architecture, model.threads(),
                    isa_name(model.isa()), answerer_.used_context(), answerer_.context(),
                    answerer_.statistics().text()));
  }

  Answerer& answerer_;
  RunSettings settings_;
  InterruptGuard interrupts_;
  LineEditor editor_;
  AnswerPrinter printer_;
  MessageAssembler assembler_;
  Conversation conversation_;
  std::vector<ShownFile> shown_;  // that the next message shows
  bool quiet_;
  bool left_ = false;
};

}  // namespace

void chat_on_terminal(Answerer& answerer, RunSettings settings, const std::string& system,
                      std::vector<ShownFile> shown, bool wraps, bool quiet) {
  Chat(answerer, std::move(settings), system, std::move(shown), wraps, quiet).run();
}

}  // namespace sirocco
