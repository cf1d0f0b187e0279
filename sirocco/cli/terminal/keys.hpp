#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// What a key does.
enum class KeyKind {
  kText,  ///< puts `text` in; pasted or typed
  kEnter,
  kLeft,
  kRight,
  kUp,
  kDown,
  kWordLeft,
  kWordRight,
  kHome,
  kEnd,
  kOlder,
  kNewer,
  kBackspace,
  kDelete,
  kDeleteOrLeave,
  kKillLineLeft,
  kKillLineRight,
  kKillWordLeft,
  kKillWordRight,
  kKillToBlank,  ///< the word to the left, up to a blank
  kYank,
  kTranspose,
  kClearScreen,
  kInterrupt,
  kSuspend,
  kQuit,
};

struct Key {
  KeyKind kind;
  std::string text = {};  ///< UTF-8, line ends as newlines; kText only
  friend bool operator==(const Key&, const Key&) = default;
};

/// Makes keys of the bytes that a terminal sends, in whatever pieces they come.
///
/// What stands between the marks of a paste (ESC [ 200 ~ and ESC [ 201 ~) is text, whatever bytes
/// it has. Where the terminal marks none, a line end is part of a paste, and not the Enter key, if
/// more text arrived together with it. Tab is text; sequences that mean no key are passed over.
class KeyDecoder {
 public:
  /// For terminals that edit their lines themselves: everything is text or Enter.
  static KeyDecoder of_lines();

  /// Takes bytes that arrived together and ended there.
  std::vector<Key> push(std::string_view bytes);
  /// Forgets what has begun.
  void reset();

 private:
  enum class State { kGround, kEscape, kSequence, kPaste };

  std::size_t take(std::string_view bytes, std::size_t at, std::vector<Key>& keys);
  std::size_t take_ground(std::string_view bytes, std::size_t at, std::vector<Key>& keys);
  std::size_t take_paste(std::string_view bytes, std::size_t at, std::vector<Key>& keys);
  void take_escape(char byte, std::vector<Key>& keys);
  void take_sequence(char byte, std::vector<Key>& keys);
  void take_part(char byte, std::vector<Key>& keys);

  bool lines_only_ = false;
  State state_ = State::kGround;
  std::string held_;  // of a character, a sequence or a paste
};

}  // namespace sirocco
