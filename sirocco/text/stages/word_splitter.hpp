#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/text/stages/split_pattern.hpp"
#include "sirocco/text/stages/text_pattern.hpp"

namespace sirocco {

/// A SplitBehavior is what becomes of the places that a pattern matched, by the names of a
/// tokenizer.json.
enum class SplitBehavior : std::uint8_t {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

// The pre-tokenizers of a tokenizer.json; each cuts every piece that the one before left.

struct SplitStage {
  TextPattern pattern;
  SplitBehavior behavior;
  bool invert;
};
/// A CharacterStage cuts at single characters of a kind: Digits, Punctuation, WhitespaceSplit.
struct CharacterStage {
  bool (*matches)(char32_t);
  SplitBehavior behavior;
};
struct DelimiterStage {
  char32_t delimiter;
};
/// A WhitespaceStage cuts between runs of word characters and runs of others; blanks vanish.
struct WhitespaceStage {};
/// A BertStage cuts as BERT does: blanks vanish, and punctuation stands alone.
struct BertStage {};
struct MetaspaceStage {
  enum class Prepend : std::uint8_t { kAlways, kNever, kFirst };
  std::string replacement;
  Prepend prepend;
  bool split;
};
struct ByteLevelStage {
  bool add_prefix_space;
  bool use_regex;
};

/// A WordSplitter is the pre-tokenizers of one tokenizer, one after the other. Immutable, safe to
/// share between threads.
class WordSplitter {
 public:
  using Stage = std::variant<SplitStage, CharacterStage, DelimiterStage, WhitespaceStage, BertStage,
                             MetaspaceStage, ByteLevelStage>;

  explicit WordSplitter(std::vector<Stage> stages);

  bool spells_bytes() const noexcept { return spells_bytes_; }

  /// A Place is where a piece comes from.
  struct Place {
    bool at_origin;  ///< it begins with what the whole input begins with
    bool continues;  ///< bytes that are no characters stand right before: no prefix is due
  };

  /// Calls `emit` for each word of `text` (well-formed UTF-8), in order. A view lives only as long
  /// as the call.
  void split(std::string_view text, Place place, SplitRun& run,
             FunctionRef<void(std::string_view)> emit) const;

 private:
  struct Run;

  std::vector<Stage> stages_;
  std::optional<SplitPattern> byte_level_words_;
  bool spells_bytes_ = false;
};

}  // namespace sirocco
