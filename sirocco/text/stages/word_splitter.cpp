#include "sirocco/text/stages/word_splitter.hpp"

#include <algorithm>
#include <iterator>

#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"
#include "sirocco/text/unicode/char_class.hpp"

namespace sirocco {
namespace {

// GPT-2's pattern, which `ByteLevel` has built in.
constexpr std::string_view kByteLevelWords =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// A stretch of a text: between matches, or a match.
struct Stretch {
  std::size_t begin;
  std::size_t end;
  bool matched;
};

/// Turns matches, as they come from left to right, into pieces.
class Cutter {
 public:
  using Emit = FunctionRef<void(std::size_t begin, std::size_t end)>;

  Cutter(std::size_t size, SplitBehavior behavior, bool invert, Emit emit)
      : size_(size), behavior_(behavior), invert_(invert), emit_(emit) {}

  void match(std::size_t begin, std::size_t end) {
    if (done_ < begin) stretch(done_, begin, false);
    stretch(begin, end, true);
    done_ = end;
  }

  void finish() {
    if (done_ < size_) stretch(done_, size_, false);
    if (behavior_ == SplitBehavior::kMergedWithNext) {
      merge_with_next();
    } else if (open_) {
      flush();
    }
  }

 private:
  void stretch(std::size_t begin, std::size_t end, bool matched) {
    matched = matched != invert_;
    switch (behavior_) {
      case SplitBehavior::kIsolated:
        piece(begin, end);
        return;
      case SplitBehavior::kRemoved:
        if (!matched) piece(begin, end);
        return;
      case SplitBehavior::kContiguous:
        join(begin, end, matched == previous_);
        break;
      case SplitBehavior::kMergedWithPrevious:
        join(begin, end, matched && !previous_);
        break;
      case SplitBehavior::kMergedWithNext:
        stretches_.push_back({begin, end, matched});
        return;
    }
    previous_ = matched;
  }

  void join(std::size_t begin, std::size_t end, bool with_last) {
    if (open_ && !with_last) flush();
    if (!open_) pending_begin_ = begin;
    pending_end_ = end;
    open_ = true;
  }

  void flush() {
    piece(pending_begin_, pending_end_);
    open_ = false;
  }

  // From the right, a match joins what follows unless that is a match itself.
  void merge_with_next() {
    std::vector<Stretch> pieces;
    bool previous = false;
    for (auto it = stretches_.rbegin(); it != stretches_.rend(); ++it) {
      if (it->matched && !previous && !pieces.empty()) {
        pieces.back().begin = it->begin;
      } else {
        pieces.push_back(*it);
      }
      previous = it->matched;
    }
    for (auto it = pieces.rbegin(); it != pieces.rend(); ++it) piece(it->begin, it->end);
  }

  void piece(std::size_t begin, std::size_t end) const {
    if (begin < end) emit_(begin, end);
  }

  std::size_t size_;
  SplitBehavior behavior_;
  bool invert_;
  Emit emit_;
  std::size_t done_ = 0;
  bool previous_ = false;
  bool open_ = false;
  std::size_t pending_begin_ = 0;
  std::size_t pending_end_ = 0;
  std::vector<Stretch> stretches_;
};

}  // namespace

WordSplitter::WordSplitter(std::vector<Stage> stages) : stages_(std::move(stages)) {
  for (const Stage& stage : stages_) {
    const auto* const byte_level = std::get_if<ByteLevelStage>(&stage);
    if (byte_level == nullptr) continue;
    spells_bytes_ = true;
    if (byte_level->use_regex && !byte_level_words_) {
      byte_level_words_.emplace(kByteLevelWords, RegexDialect::kOniguruma);
    }
  }
}

struct WordSplitter::Run {
  const WordSplitter& splitter;
  SplitRun& run;
  FunctionRef<void(std::string_view)> emit;

  void stage(std::size_t index, std::string_view text, Place place) const {
    if (text.empty()) return;
    if (index == splitter.stages_.size()) {
      emit(text);
      return;
    }
    std::visit([&](const auto& kind) { cut(kind, index + 1, text, place); },
               splitter.stages_[index]);
  }

  // The piece [begin, end) of `text`, which has this place, goes on to stage `next`.
  void piece(std::size_t next, std::string_view text, Place place, std::size_t begin,
             std::size_t end) const {
    const bool first = begin == 0;
    stage(next, text.substr(begin, end - begin),
          {place.at_origin && first, place.continues && first});
  }

  void cut(const SplitStage& split, std::size_t next, std::string_view text, Place place) const {
    const auto emit_piece = [&](std::size_t begin, std::size_t end) {
      piece(next, text, place, begin, end);
    };
    Cutter cutter(text.size(), split.behavior, split.invert, emit_piece);
    split.pattern.find_all(text, run,
                           [&](std::size_t begin, std::size_t end) { cutter.match(begin, end); });
    cutter.finish();
  }

  template <class Matches>
  void cut_characters(Matches&& matches, SplitBehavior behavior, std::size_t next,
                      std::string_view text, Place place) const {
    const auto emit_piece = [&](std::size_t begin, std::size_t end) {
      piece(next, text, place, begin, end);
    };
    Cutter cutter(text.size(), behavior, false, emit_piece);
    for (std::size_t pos = 0; pos < text.size();) {
      const Utf8Unit unit = decode_utf8(text, pos);
      if (matches(unit.value)) cutter.match(pos, pos + unit.size);
      pos += unit.size;
    }
    cutter.finish();
  }

  void cut(const CharacterStage& kind, std::size_t next, std::string_view text, Place place) const {
    cut_characters(kind.matches, kind.behavior, next, text, place);
  }

  void cut(const DelimiterStage& kind, std::size_t next, std::string_view text, Place place) const {
    cut_characters([&](char32_t c) { return c == kind.delimiter; }, SplitBehavior::kRemoved, next,
                   text, place);
  }

  void cut(const WhitespaceStage& /*kind*/, std::size_t next, std::string_view text,
           Place place) const {
    enum class Kind : std::uint8_t { kBlank, kWord, kOther };
    Kind kind = Kind::kBlank;
    std::size_t begin = 0;
    const auto flush = [&](std::size_t end) {
      if (kind != Kind::kBlank && begin != end) piece(next, text, place, begin, end);
      begin = end;
    };
    for (std::size_t pos = 0; pos < text.size();) {
      const Utf8Unit unit = decode_utf8(text, pos);
      const Kind here = is_word_character(unit.value) ? Kind::kWord
                        : is_white_space(unit.value)  ? Kind::kBlank
                                                      : Kind::kOther;
      if (here != kind) flush(pos);
      kind = here;
      pos += unit.size;
    }
    flush(text.size());
  }

  void cut(const BertStage& /*kind*/, std::size_t next, std::string_view text, Place place) const {
    std::size_t begin = 0;
    for (std::size_t pos = 0; pos < text.size();) {
      const Utf8Unit unit = decode_utf8(text, pos);
      const std::size_t end = pos + unit.size;
      const bool blank = is_white_space(unit.value);
      if (blank || is_punctuation(unit.value)) {
        if (begin < pos) piece(next, text, place, begin, pos);
        if (!blank) piece(next, text, place, pos, end);
        begin = end;
      }
      pos = end;
    }
    if (begin < text.size()) piece(next, text, place, begin, text.size());
  }

  void cut(const MetaspaceStage& kind, std::size_t next, std::string_view text, Place place) const {
    std::string marked;
    marked.reserve(text.size() + text.size() / 4 + kind.replacement.size());
    const bool due = kind.prepend == MetaspaceStage::Prepend::kAlways ||
                     (kind.prepend == MetaspaceStage::Prepend::kFirst && place.at_origin);
    if (due && !place.continues && text.front() != ' ' && !text.starts_with(kind.replacement)) {
      marked.append(kind.replacement);
    }
    for (const char c : text) {
      if (c == ' ') {
        marked.append(kind.replacement);
      } else {
        marked.push_back(c);
      }
    }
    if (!kind.split) {
      stage(next, marked, place);
      return;
    }
    // Every mark begins a piece.
    const std::string_view all = marked;
    std::size_t begin = 0;
    while (begin < all.size()) {
      const std::size_t mark = all.find(
          kind.replacement,
          begin == 0 && !all.starts_with(kind.replacement) ? 0 : begin + kind.replacement.size());
      const std::size_t end = std::min(mark, all.size());
      piece(next, all, place, begin, end);
      begin = end;
    }
  }

  void cut(const ByteLevelStage& kind, std::size_t next, std::string_view text, Place place) const {
    std::string prefixed;
    if (kind.add_prefix_space && !place.continues && text.front() != ' ') {
      prefixed.append(" ").append(text);
      text = prefixed;
    }
    std::string spelling;
    const auto spell = [&](std::size_t begin, std::size_t end) {
      spelling.clear();
      for (const char c : text.substr(begin, end - begin)) {
        append_byte_spelling(spelling, static_cast<unsigned char>(c));
      }
      const bool first = begin == 0;
      stage(next, spelling, {place.at_origin && first, place.continues && first});
    };
    if (!kind.use_regex) {
      spell(0, text.size());
      return;
    }
    Cutter cutter(text.size(), SplitBehavior::kIsolated, false, spell);
    splitter.byte_level_words_->find_all(
        text, run, [&](std::size_t begin, std::size_t end) { cutter.match(begin, end); });
    cutter.finish();
  }
};

void WordSplitter::split(std::string_view text, Place place, SplitRun& run,
                         FunctionRef<void(std::string_view)> emit) const {
  Run{*this, run, emit}.stage(0, text, place);
}

}  // namespace sirocco
