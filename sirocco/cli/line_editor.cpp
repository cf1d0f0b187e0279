#include "sirocco/cli/line_editor.hpp"

#include <utility>

#include "sirocco/cli/input.hpp"

namespace sirocco {
namespace {

TerminalSize screen() { return terminal_size().value_or(TerminalSize{80, 24}); }

}  // namespace

LineEditor::LineEditor(InterruptGuard& interrupts, const std::filesystem::path& history_file)
    : interrupts_(interrupts), terminal_(interrupts), history_(history_file) {
  if (terminal_.edits_lines_itself()) decoder_ = KeyDecoder::of_lines();
}

LineEditor::Input LineEditor::read(const std::string& prompt) {
  interrupts_.forget();
  prompts_ = {prompt, "... "};
  buffer_.set("");
  view_.forget();
  top_ = 0;
  entry_ = history_.size();
  // In one piece with the prompt: whoever waits for that may paste.
  const std::string mark_pastes = terminal_.begin_editing();
  write_output((terminal_.edits_lines_itself() ? prompt : frame()) + mark_pastes);
  while (true) {
    while (!keys_.empty()) {
      const Key key = std::move(keys_.front());
      keys_.pop_front();
      if (auto input = press(key)) return *std::move(input);
    }
    // What comes in many pieces is drawn once.
    if (!terminal_.more_waits()) write_output(frame());
    std::string burst;
    switch (terminal_.wait(burst)) {
      case Terminal::Woken::kBytes:
        take(decoder_.push(burst));
        break;
      case Terminal::Woken::kInterrupt:
        interrupts_.forget();
        forget_typed();
        return leave(Interrupted{}, "^C");
      case Terminal::Woken::kResized:
        write_output(view_.wipe(screen().columns));
        break;
      case Terminal::Woken::kContinued:
        view_.forget();
        write_output("\r\x1b[J");
        break;
      case Terminal::Woken::kGone:
        return leave(Ended{});
    }
  }
}

void LineEditor::forget_typed() {
  keys_.clear();
  decoder_.reset();
  terminal_.forget_collected();
}

void LineEditor::take(std::vector<Key> keys) {
  for (Key& key : keys) {
    // What was typed before it doesn't count any more, an Enter neither.
    if (key.kind == KeyKind::kInterrupt) keys_.clear();
    keys_.push_back(std::move(key));
  }
}

std::optional<LineEditor::Input> LineEditor::press(const Key& key) {
  switch (key.kind) {
    case KeyKind::kText:
      buffer_.insert(key.text);
      break;
    case KeyKind::kEnter: {
      std::string text = buffer_.text();
      if (text.ends_with('\n')) text.pop_back();
      history_.add(text);
      return leave(Line{std::move(text)});
    }
    case KeyKind::kLeft:
      buffer_.left();
      break;
    case KeyKind::kRight:
      buffer_.right();
      break;
    case KeyKind::kUp:
      if (!buffer_.up()) older();
      break;
    case KeyKind::kDown:
      if (!buffer_.down()) newer();
      break;
    case KeyKind::kWordLeft:
      buffer_.word_left();
      break;
    case KeyKind::kWordRight:
      buffer_.word_right();
      break;
    case KeyKind::kHome:
      buffer_.home();
      break;
    case KeyKind::kEnd:
      buffer_.end();
      break;
    case KeyKind::kOlder:
      older();
      break;
    case KeyKind::kNewer:
      newer();
      break;
    case KeyKind::kBackspace:
      buffer_.erase_left();
      break;
    case KeyKind::kDelete:
      buffer_.erase_right();
      break;
    case KeyKind::kDeleteOrLeave:
      if (buffer_.empty()) return leave(Ended{});
      buffer_.erase_right();
      break;
    case KeyKind::kKillLineLeft:
      buffer_.kill_line_left();
      break;
    case KeyKind::kKillLineRight:
      buffer_.kill_line_right();
      break;
    case KeyKind::kKillWordLeft:
      buffer_.kill_word_left();
      break;
    case KeyKind::kKillWordRight:
      buffer_.kill_word_right();
      break;
    case KeyKind::kKillToBlank:
      buffer_.kill_to_blank();
      break;
    case KeyKind::kYank:
      buffer_.yank();
      break;
    case KeyKind::kTranspose:
      buffer_.transpose();
      break;
    case KeyKind::kClearScreen:
      write_output("\x1b[H\x1b[2J");
      view_.forget();
      break;
    case KeyKind::kInterrupt:
      return leave(Interrupted{}, "^C");
    case KeyKind::kSuspend:
      write_output(frame() + "\n");
      terminal_.suspend();
      break;
    case KeyKind::kQuit:
      terminal_.quit();
      break;
  }
  return std::nullopt;
}

LineEditor::Input LineEditor::leave(Input input, std::string_view mark) {
  const bool ended = std::holds_alternative<Ended>(input);
  std::string out;
  if (terminal_.edits_lines_itself()) {
    // It has shown the line end that it was given.
    if (std::holds_alternative<Interrupted>(input)) out = "\n";
  } else {
    buffer_.to_end();
    out = frame();
    out += mark;
    out += terminal_.end_editing();
    // Behind a full row the cursor stands on a new one already.
    const bool on_new_row = mark.empty() && view_.column() == 0;
    if (!ended && !on_new_row) out += '\n';
  }
  write_output(out);
  return input;
}

void LineEditor::older() {
  if (entry_ == 0) return;
  if (entry_ == history_.size()) draft_ = buffer_.text();
  buffer_.set(history_[--entry_]);
}

void LineEditor::newer() {
  if (entry_ == history_.size()) return;
  ++entry_;
  buffer_.set(entry_ == history_.size() ? draft_ : history_[entry_]);
}

std::string LineEditor::frame() {
  if (terminal_.edits_lines_itself()) return {};
  const TerminalSize size = screen();
  return view_.draw(lay_out(buffer_.text(), buffer_.cursor(), prompts_, size, top_), size.columns);
}

}  // namespace sirocco
