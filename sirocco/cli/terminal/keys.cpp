#include "sirocco/cli/terminal/keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kRubout = '\x7f';
constexpr std::string_view kPasteBegins = "[200~";
constexpr std::string_view kPasteEnds = "\x1b[201~";
constexpr std::size_t kLongestSequence = 32;

struct ControlKey {
  char byte;
  KeyKind kind;
};

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }

constexpr std::array kControlKeys = {
    ControlKey{control('A'), KeyKind::kHome},
    ControlKey{control('B'), KeyKind::kLeft},
    ControlKey{control('C'), KeyKind::kInterrupt},
    ControlKey{control('D'), KeyKind::kDeleteOrLeave},
    ControlKey{control('E'), KeyKind::kEnd},
    ControlKey{control('F'), KeyKind::kRight},
    ControlKey{control('H'), KeyKind::kBackspace},
    ControlKey{control('K'), KeyKind::kKillLineRight},
    ControlKey{control('L'), KeyKind::kClearScreen},
    ControlKey{control('N'), KeyKind::kNewer},
    ControlKey{control('P'), KeyKind::kOlder},
    ControlKey{control('T'), KeyKind::kTranspose},
    ControlKey{control('U'), KeyKind::kKillLineLeft},
    ControlKey{control('W'), KeyKind::kKillToBlank},
    ControlKey{control('Y'), KeyKind::kYank},
    ControlKey{control('Z'), KeyKind::kSuspend},
    ControlKey{control('\\'), KeyKind::kQuit},
    ControlKey{kRubout, KeyKind::kBackspace},
};

/// Behind ESC: what Alt makes of a key.
constexpr std::array kAltKeys = {
    ControlKey{'b', KeyKind::kWordLeft},
    ControlKey{'f', KeyKind::kWordRight},
    ControlKey{'d', KeyKind::kKillWordRight},
    ControlKey{kRubout, KeyKind::kKillWordLeft},
    ControlKey{control('H'), KeyKind::kKillWordLeft},
};

struct SequenceKey {
  std::string_view sequence;  // behind ESC
  KeyKind kind;
};

constexpr std::array kSequenceKeys = {
    SequenceKey{"[A", KeyKind::kUp},           SequenceKey{"OA", KeyKind::kUp},
    SequenceKey{"[B", KeyKind::kDown},         SequenceKey{"OB", KeyKind::kDown},
    SequenceKey{"[C", KeyKind::kRight},        SequenceKey{"OC", KeyKind::kRight},
    SequenceKey{"[D", KeyKind::kLeft},         SequenceKey{"OD", KeyKind::kLeft},
    SequenceKey{"[H", KeyKind::kHome},         SequenceKey{"OH", KeyKind::kHome},
    SequenceKey{"[1~", KeyKind::kHome},        SequenceKey{"[7~", KeyKind::kHome},
    SequenceKey{"[F", KeyKind::kEnd},          SequenceKey{"OF", KeyKind::kEnd},
    SequenceKey{"[4~", KeyKind::kEnd},         SequenceKey{"[8~", KeyKind::kEnd},
    SequenceKey{"[3~", KeyKind::kDelete},      SequenceKey{"[3;5~", KeyKind::kKillWordRight},
    SequenceKey{"[1;5C", KeyKind::kWordRight}, SequenceKey{"[1;3C", KeyKind::kWordRight},
    SequenceKey{"[1;5D", KeyKind::kWordLeft},  SequenceKey{"[1;3D", KeyKind::kWordLeft},
};

/// Enter with Shift, Alt or Ctrl, as terminals that can tell spell it.
constexpr std::array<std::string_view, 6> kNewlineSequences = {
    "[13;2u", "[13;3u", "[13;5u", "[27;2;13~", "[27;3;13~", "[27;5;13~"};

constexpr std::string_view kReplacement = "\ufffd";

bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }
bool is_control(char byte) { return static_cast<unsigned char>(byte) < 0x20; }
bool ends_line(char byte) { return byte == '\r' || byte == '\n'; }

bool begins_text(char byte) {
  return (!is_control(byte) && byte != kRubout) || byte == '\t' || ends_line(byte);
}

void add_text(std::vector<Key>& keys, std::string_view text) {
  if (keys.empty() || keys.back().kind != KeyKind::kText) keys.push_back({KeyKind::kText});
  keys.back().text += text;
}

template <std::size_t N>
void add_key(std::vector<Key>& keys, const std::array<ControlKey, N>& table, char byte) {
  const auto row = std::ranges::find(table, byte, &ControlKey::byte);
  if (row != table.end()) keys.push_back({row->kind});
}

/// Whether a control character behind ESC is a key pressed with Alt, or another ESC.
bool means_alt(char byte) {
  return byte == kEscape || ends_line(byte) ||
         std::ranges::find(kAltKeys, byte, &ControlKey::byte) != kAltKeys.end();
}

/// Well-formed, with newlines for every kind of line end.
std::string pasted_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const Utf8Unit unit = decode_utf8(bytes, i);
    if (unit.value == '\r') {
      out += '\n';
      if (i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    } else {
      append_utf8(out, unit.value);
    }
    i += unit.size;
  }
  return out;
}

}  // namespace

KeyDecoder KeyDecoder::of_lines() {
  KeyDecoder decoder;
  decoder.lines_only_ = true;
  return decoder;
}

std::vector<Key> KeyDecoder::push(std::string_view bytes) {
  std::vector<Key> keys;
  // By itself it was pressed, by someone who waits for the end of a paste that never comes.
  if (state_ == State::kPaste && bytes.size() == 1 && bytes[0] == control('C')) reset();
  for (std::size_t at = 0; at < bytes.size();) at = take(bytes, at, keys);
  return keys;
}

void KeyDecoder::reset() {
  state_ = State::kGround;
  held_.clear();
}

std::size_t KeyDecoder::take(std::string_view bytes, std::size_t at, std::vector<Key>& keys) {
  const char byte = bytes[at];
  const bool in_sequence = state_ == State::kEscape || state_ == State::kSequence;
  // A control key within a sequence is pressed all the same.
  if (in_sequence && is_control(byte) && !(state_ == State::kEscape && means_alt(byte))) reset();
  switch (state_) {
    case State::kGround:
      return take_ground(bytes, at, keys);
    case State::kEscape:
      take_escape(byte, keys);
      return at + 1;
    case State::kSequence:
      take_sequence(byte, keys);
      return at + 1;
    case State::kPaste:
      return take_paste(bytes, at, keys);
  }
  return bytes.size();
}

std::size_t KeyDecoder::take_ground(std::string_view bytes, std::size_t at,
                                    std::vector<Key>& keys) {
  const char byte = bytes[at];
  if (!is_ascii(byte)) {
    take_part(byte, keys);
    return at + 1;
  }
  // A character that was cut off.
  if (!std::exchange(held_, {}).empty()) add_text(keys, kReplacement);
  if (ends_line(byte)) {
    std::size_t next = at + 1;
    if (byte == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
    if (next < bytes.size() && begins_text(bytes[next])) {
      add_text(keys, "\n");
    } else {
      keys.push_back({KeyKind::kEnter});
    }
    return next;
  }
  if (begins_text(byte)) {
    add_text(keys, {&byte, 1});
  } else if (lines_only_) {
    // The terminal has its own keys.
  } else if (byte == kEscape) {
    state_ = State::kEscape;
  } else {
    add_key(keys, kControlKeys, byte);
  }
  return at + 1;
}

void KeyDecoder::take_part(char byte, std::vector<Key>& keys) {
  held_ += byte;
  while (!held_.empty()) {
    const Utf8Unit unit = decode_utf8(held_, 0);
    if (unit.cut) return;
    std::string text;
    append_utf8(text, unit.value);
    add_text(keys, text);
    held_.erase(0, unit.size);
  }
}

std::size_t KeyDecoder::take_paste(std::string_view bytes, std::size_t at, std::vector<Key>& keys) {
  const std::size_t before = held_.size();
  held_ += bytes.substr(at);
  const std::size_t from = before - std::min(before, kPasteEnds.size() - 1);
  const std::size_t end = held_.find(kPasteEnds, from);
  if (end == std::string::npos) return bytes.size();
  const std::size_t taken = end + kPasteEnds.size() - before;
  held_.resize(end);
  if (!held_.empty()) add_text(keys, pasted_text(held_));
  reset();
  return at + taken;
}

void KeyDecoder::take_escape(char byte, std::vector<Key>& keys) {
  if (byte == kEscape) return;
  reset();
  if (byte == '[' || byte == 'O') {
    state_ = State::kSequence;
    held_ = byte;
  } else if (ends_line(byte)) {
    add_text(keys, "\n");
  } else {
    add_key(keys, kAltKeys, byte);
  }
}

void KeyDecoder::take_sequence(char byte, std::vector<Key>& keys) {
  held_ += byte;
  // The Linux console puts a second bracket before the letters of its function keys.
  const bool goes_on = (byte >= 0x20 && byte < 0x40) || held_ == "[[";
  if (goes_on && held_.size() < kLongestSequence) return;
  const std::string sequence = held_;
  reset();
  if (sequence == kPasteBegins) {
    state_ = State::kPaste;
    return;
  }
  if (std::ranges::find(kNewlineSequences, sequence) != kNewlineSequences.end()) {
    add_text(keys, "\n");
    return;
  }
  const auto row =
      std::ranges::find(kSequenceKeys, std::string_view(sequence), &SequenceKey::sequence);
  if (row != kSequenceKeys.end()) keys.push_back({row->kind});
}

}  // namespace sirocco
