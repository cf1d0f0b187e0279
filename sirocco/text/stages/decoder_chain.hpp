#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/text/stages/text_pattern.hpp"

namespace sirocco {

// The decoders of a tokenizer.json, by their names there. Each makes of a sequence of tokens
// another one.

/// A ByteLevelDecoder makes one token of all, of the bytes that their characters spell.
struct ByteLevelDecoder {};
/// A MetaspaceDecoder makes a space of the replacement, and nothing in the first token where one
/// was prepended.
struct MetaspaceDecoder {
  std::string replacement;
  bool prepended;
};
/// A WordPieceDecoder puts a space ahead of every token but the first, unless the prefix says that
/// it continues a word.
struct WordPieceDecoder {
  std::string prefix;
  bool cleanup;
};
/// A ByteFallbackDecoder makes that byte of "<0xNN>". Where what follows looks at tokens, a run of
/// bytes is one token, or as many U+FFFD where it isn't UTF-8.
struct ByteFallbackDecoder {};
/// A FuseDecoder makes one token of all.
struct FuseDecoder {};
/// A StripDecoder takes up to so many of a character from either end of a token.
struct StripDecoder {
  std::string content;  // one character
  std::size_t start;
  std::size_t stop;
};
struct ReplaceDecoder {
  TextPattern pattern;
  std::string content;
};
/// A BpeSuffixDecoder makes a space of the suffix that ends a word, and nothing in the last token.
struct BpeSuffixDecoder {
  std::string suffix;
};
/// A CtcDecoder makes one of equal neighbours and leaves out padding.
struct CtcDecoder {
  std::string pad;
  std::string word_delimiter;
  bool cleanup;
};
/// A SpaceJoinDecoder puts a space between tokens, as where a file names no decoder.
struct SpaceJoinDecoder {};
/// A SpaceMarkDecoder is SentencePiece's: U+2581 becomes a space, and one that begins the first
/// token goes where it was put in.
struct SpaceMarkDecoder {
  bool prefixed;
};

/// A DecoderChain is the decoders of a tokenizer, which turn tokens into text one after the other.
/// Immutable, safe to share between threads.
class DecoderChain {
 public:
  using Step = std::variant<ByteLevelDecoder, MetaspaceDecoder, WordPieceDecoder,
                            ByteFallbackDecoder, FuseDecoder, StripDecoder, ReplaceDecoder,
                            BpeSuffixDecoder, CtcDecoder, SpaceJoinDecoder, SpaceMarkDecoder>;

  /// Throws UnsupportedError, naming it, for a decoder that can't follow one that makes all tokens
  /// one: it would have to wait for the end of the text.
  DecoderChain(std::vector<Step> steps, std::string_view origin);

  std::size_t size() const noexcept { return steps_.size(); }

 private:
  friend class DecodeState;

  std::vector<Step> steps_;
};

/// A DecodeState is one text on its way through a DecoderChain, token by token. What comes out, in
/// a row, are the bytes of the whole sequence decoded at once; bytes of byte tokens that nothing
/// but Fuse follows come out as they are, so the result need not be UTF-8 (Hugging Face puts U+FFFD
/// for every byte of a run of byte tokens that isn't UTF-8 as a whole). `chain` must outlive it.
class DecodeState {
 public:
  /// `at_start`: the tokens begin a text; else they continue one.
  DecodeState(const DecoderChain& chain, bool at_start);

  /// Appends the bytes that this token settles.
  void push(std::string_view token, std::string& out);

  /// Appends what is left: the end of the text, or (`at_end` false) the end of what is known of
  /// it. Ready for another text afterwards.
  void finish(std::string& out, bool at_end = true);

 private:
  struct Stage {
    bool first = true;        // no token yet
    std::size_t dropped = 0;  // of what Strip takes away at the start
    bool holds = false;
    std::string held;  // waits for what comes next
  };

  void reset();
  // Whether bytes may arrive at a step one by one.
  bool joins(std::size_t step) const;
  void end_byte_run(std::size_t step, const std::string& bytes, std::string& out);
  void token(std::size_t step, std::string_view text, std::string& out);
  // A part of the one token that all have become.
  void part(std::size_t step, std::string_view text, std::string& out);

  struct Token;
  struct Part;
  struct Finish;

  const DecoderChain& chain_;
  bool at_start_;
  std::vector<Stage> stages_;
};

}  // namespace sirocco
