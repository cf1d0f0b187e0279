#pragma once

#include <string>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/utf8.hpp"

namespace sirocco {

/// Turns tokens into text as they come. What it returns is always well-formed UTF-8: bytes wait
/// until their character is whole, and become U+FFFD only when it never can be. All that it
/// returned, in a row, is `detokenize` of all tokens with U+FFFD for what isn't UTF-8.
///
/// Belongs to one sequence; the tokenizer must outlive it.
class StreamingDetokenizer {
 public:
  struct Options {
    bool show_control = false;
    /// The tokens begin a text: a space that the vocabulary puts before its first word is dropped.
    /// False to continue text that is already there.
    bool at_start = true;
  };

  explicit StreamingDetokenizer(const Tokenizer& tokenizer)
      : StreamingDetokenizer(tokenizer, Options{}) {}
  StreamingDetokenizer(const Tokenizer& tokenizer, Options options);

  /// The text that this token completes, perhaps none. Throws InvalidArgument for an id outside the
  /// vocabulary.
  std::string push(TokenId id);

  /// The end: what is left of an unfinished character. Ready for another text afterwards.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  Options options_;
  bool strip_space_;
  Utf8Assembler assembler_;
};

}  // namespace sirocco
