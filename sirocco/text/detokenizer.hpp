#pragma once

#include <optional>
#include <string>

#include "sirocco/base/ids.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/stages/decoder_chain.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A ByteDetokenizer turns tokens into bytes as they come, which need not be whole characters. All
/// of them, in a row, are what the tokenizer's decoder makes of the whole sequence; control tokens
/// are left out before it sees them. Belongs to one sequence; the tokenizer must outlive it.
class ByteDetokenizer {
 public:
  struct Options {
    bool show_control = false;
    /// The tokens begin a text: a space that the vocabulary puts before its first word is dropped.
    /// False to continue text that is already there.
    bool at_start = true;
  };

  ByteDetokenizer(const Tokenizer& tokenizer, Options options);

  /// Appends the bytes that this token settles: none for an id beyond the vocabulary. Throws
  /// InvalidArgument for a negative one.
  void push(TokenId id, std::string& out);

  /// Appends what is left. Ready for another text afterwards.
  void finish(std::string& out);

 private:
  const Tokenizer& tokenizer_;
  Options options_;
  bool strip_space_;
  std::optional<DecodeState> state_;  // of a tokenizer that has decoders
};

/// A StreamingDetokenizer turns tokens into text as they come. What it returns is always
/// well-formed UTF-8: bytes wait until their character is whole, and become U+FFFD only when it
/// never can be. All that it returned, in a row, is `detokenize` of all tokens with U+FFFD for what
/// isn't UTF-8.
///
/// Belongs to one sequence; the tokenizer must outlive it.
class StreamingDetokenizer {
 public:
  using Options = ByteDetokenizer::Options;

  explicit StreamingDetokenizer(const Tokenizer& tokenizer)
      : StreamingDetokenizer(tokenizer, Options{}) {}
  StreamingDetokenizer(const Tokenizer& tokenizer, Options options);

  /// The text that this token completes, perhaps none; none for an id beyond the vocabulary. Throws
  /// InvalidArgument for a negative one.
  std::string push(TokenId id);

  /// What is left of an unfinished character at the end. Ready for another text afterwards.
  std::string finish();

 private:
  ByteDetokenizer bytes_;
  Utf8Assembler assembler_;
};

}  // namespace sirocco
