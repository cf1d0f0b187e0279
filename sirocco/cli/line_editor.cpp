#include "sirocco/cli/line_editor.hpp"

#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <deque>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/platform/atomic_file.hpp"
#include "sirocco/text/utf8.hpp"

namespace sirocco {
namespace {

constexpr int kHistoryLines = 1000;

/// libedit draws what the locale can; characters beyond ASCII want UTF-8.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

/// One entry a line, the newest last. What the file can't give is no history.
std::deque<std::string> read_history(const std::filesystem::path& path) {
  std::deque<std::string> lines;
  try {
    const std::string text = read_file(path);
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t end = std::min(text.find('\n', i), text.size());
      const std::string line = text.substr(i, end - i);
      if (!line.empty() && terminal_safe(line) == line) lines.push_back(line);
      if (lines.size() > kHistoryLines) lines.pop_front();
      i = end + 1;
    }
    constexpr std::size_t kLongFile = std::size_t{1} << 20;
    if (text.size() > kLongFile) {
      AtomicFile file(path);
      for (const std::string& line : lines) file.write(line + "\n");
      file.commit();
    }
  } catch (const Error&) {
  }
  return lines;
}

int open_history(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0 && fchmod(file, 0600) != 0) {
    close(file);
    return -1;
  }
  return file;
}

}  // namespace

struct LineEditor::State {
  explicit State(InterruptGuard& guard) : interrupts(guard) {}
  ~State() {
    if (edit != nullptr) el_end(edit);
    if (history != nullptr) history_end(history);
    if (history_file >= 0) close(history_file);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  InterruptGuard& interrupts;
  EditLine* edit = nullptr;
  History* history = nullptr;
  int history_file = -1;
  std::string prompt;
  std::string newest;
  std::string held;  // bytes of a character that isn't whole yet

  void remember(const std::string& line) {
    if (line.find_first_not_of(" \t") == std::string::npos || line == newest) return;
    newest = line;
    HistEvent event;
    ::history(history, &event, H_ENTER, line.c_str());
    if (history_file < 0) return;
    const std::string entry = line + "\n";
    // One write, so that several programs may append; a full disk costs the history only.
    if (write(history_file, entry.data(), entry.size()) < 0) {
      close(history_file);
      history_file = -1;
    }
  }

  /// The next character, as libedit asks for it: 1, 0 at the end, -1 to give up.
  int next_character(wchar_t* out) {
    while (true) {
      if (!held.empty()) {
        const Utf8Unit unit = decode_utf8(held, 0);
        if (unit.valid || !unit.cut) {
          held.erase(0, unit.size);
          *out = static_cast<wchar_t>(unit.value);
          return 1;
        }
      }
      if (interrupts.wait_for(STDIN_FILENO) == InterruptGuard::Woken::kInterrupt) return -1;
      char byte = 0;
      if (::read(STDIN_FILENO, &byte, 1) <= 0) return 0;
      held += byte;
    }
  }
};

LineEditor::LineEditor(InterruptGuard& interrupts, const std::filesystem::path& history_file)
    : state_(std::make_unique<State>(interrupts)) {
  use_utf8();
  state_->edit = el_init("sirocco", stdin, stdout, stderr);
  state_->history = history_init();
  if (state_->edit == nullptr || state_->history == nullptr)
    throw IoError("the terminal can't be edited on; give the prompt with -p");
  EditLine* edit = state_->edit;
  el_set(edit, EL_CLIENTDATA, state_.get());
  using Prompt = char* (*)(EditLine*);
  el_set(edit, EL_PROMPT, static_cast<Prompt>([](EditLine* e) {
           State* state = nullptr;
           el_get(e, EL_CLIENTDATA, &state);
           return state->prompt.data();
         }));
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_SIGNAL, 1);
  el_set(edit, EL_HIST, ::history, state_->history);
  el_set(edit, EL_GETCFN, static_cast<el_rfunc_t>([](EditLine* e, wchar_t* out) {
           State* state = nullptr;
           el_get(e, EL_CLIENTDATA, &state);
           return state->next_character(out);
         }));
  el_source(edit, nullptr);

  HistEvent event;
  ::history(state_->history, &event, H_SETSIZE, kHistoryLines);
  ::history(state_->history, &event, H_SETUNIQUE, 1);
  for (const std::string& line : read_history(history_file))
    ::history(state_->history, &event, H_ENTER, line.c_str());
  state_->history_file = open_history(history_file);
}

LineEditor::~LineEditor() = default;

LineEditor::Input LineEditor::read(const std::string& prompt) {
  state_->prompt = prompt;
  state_->interrupts.forget();
  // libedit shows the prompt before it takes the terminal over. Keys typed between the two would go
  // by the terminal's own rules, and a Ctrl-D among them would be lost.
  el_set(state_->edit, EL_PREP_TERM, 1);
  int count = 0;
  const wchar_t* typed = el_wgets(state_->edit, &count);
  if (state_->interrupts.pressed()) {
    state_->interrupts.forget();
    state_->held.clear();
    el_reset(state_->edit);
    write_output("\n");
    return Interrupted{};
  }
  if (typed == nullptr || count <= 0) return Ended{};
  std::string line;
  for (int i = 0; i < count; ++i) append_utf8(line, static_cast<char32_t>(typed[i]));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  state_->remember(line);
  return Line{std::move(line)};
}

}  // namespace sirocco
