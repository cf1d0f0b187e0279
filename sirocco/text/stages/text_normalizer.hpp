#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/text/stages/charsmap.hpp"
#include "sirocco/text/stages/split_pattern.hpp"
#include "sirocco/text/stages/text_draft.hpp"
#include "sirocco/text/stages/text_pattern.hpp"
#include "sirocco/text/unicode/normal_forms.hpp"

namespace sirocco {

// The normalizers of a tokenizer.json, by their names there; each rewrites a text.

struct BertNormalizer {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};
struct UnicodeNormalizer {
  UnicodeForm form;
};
struct LowercaseNormalizer {};
struct StripNormalizer {
  bool left;
  bool right;
};
struct StripAccentsNormalizer {};
struct NmtNormalizer {};
struct ReplaceNormalizer {
  TextPattern pattern;
  std::string content;
};
struct PrependNormalizer {
  std::string text;
};
struct ByteLevelNormalizer {};

/// A PrecompiledNormalizer is a charsmap over grapheme clusters of up to five bytes, and over
/// single characters elsewhere: what Hugging Face's `Precompiled` does.
struct PrecompiledNormalizer {
  std::shared_ptr<const Charsmap> map;
};
/// A CharsmapNormalizer is a charsmap as SentencePiece applies it: the longest sequence at each
/// place.
struct CharsmapNormalizer {
  std::shared_ptr<const Charsmap> map;
};
/// A SpaceMarkNormalizer is SentencePiece's treatment of spaces: perhaps none at the ends and one
/// between words, perhaps one ahead, each written as U+2581. `prefix` applies where a text begins,
/// or anywhere.
struct SpaceMarkNormalizer {
  bool remove_extra;
  bool prefix;
};

/// A TextNormalizer is the normalizers of one tokenizer, applied one after the other. Immutable,
/// safe to share between threads.
class TextNormalizer {
 public:
  using Step = std::variant<BertNormalizer, UnicodeNormalizer, LowercaseNormalizer, StripNormalizer,
                            StripAccentsNormalizer, NmtNormalizer, ReplaceNormalizer,
                            PrependNormalizer, ByteLevelNormalizer, PrecompiledNormalizer,
                            CharsmapNormalizer, SpaceMarkNormalizer>;

  explicit TextNormalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Lowers text ahead of the other steps, unless one of them is there to do so.
  void lower_first();

  bool empty() const noexcept { return steps_.empty(); }
  bool spells_bytes() const noexcept;

  /// `draft`, normalized. Throws ResourceExhausted where the rules make far more text of it.
  TextDraft apply(TextDraft draft, SplitRun& run) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace sirocco
