#include "sirocco/text/stages/text_normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"
#include "sirocco/text/unicode/char_class.hpp"
#include "sirocco/text/unicode/later_characters.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kGrowth = 64;
constexpr std::size_t kGrowthBase = std::size_t{1} << 16U;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

// Calls `each(c, begin, end)` for every character.
template <class Each>
void for_each_character(std::string_view text, Each&& each) {
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Unit unit = decode_utf8(text, pos);
    each(unit.value, pos, pos + unit.size);
    pos += unit.size;
  }
}

// The text without the characters that `drop` accepts.
template <class Drop>
TextDraft without(const TextDraft& draft, std::size_t limit, Drop&& drop) {
  TextRewrite out(draft, limit);
  for_each_character(draft.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (!drop(c)) out.keep(begin, end);
  });
  return std::move(out).finish();
}

bool is_deleted_by_nmt(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool is_space_for_nmt(char32_t c) {
  switch (c) {
    case 0x09:
    case 0x0A:
    case 0x0C:
    case 0x0D:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xFEFF:
    case 0xFFFD:
      return true;
    default:
      return c >= 0x200B && c <= 0x200F;
  }
}

struct Apply {
  SplitRun& run;
  std::size_t limit;

  TextDraft operator()(const UnicodeNormalizer& step, TextDraft draft) const {
    if (draft.trust.empty()) {
      draft.text = normalized(draft.text, step.form);
      return draft;
    }
    TextRewrite out(draft, limit);
    std::size_t begin = 0;
    const auto flush = [&](std::size_t end) {
      if (end == begin) return;
      out.put(normalized(std::string_view(draft.text).substr(begin, end - begin), step.form), begin,
              end);
      begin = end;
    };
    for_each_character(draft.text, [&](char32_t c, std::size_t at, std::size_t) {
      if (begins_normalization_unit(c)) flush(at);
    });
    flush(draft.text.size());
    return std::move(out).finish();
  }

  TextDraft operator()(const LowercaseNormalizer& /*step*/, const TextDraft& draft) const {
    TextRewrite out(draft, limit);
    std::string lower;
    for_each_character(draft.text, [&](char32_t c, std::size_t begin, std::size_t end) {
      lower.clear();
      append_lower(lower, c);
      out.put(lower, begin, end);
    });
    return std::move(out).finish();
  }

  TextDraft operator()(const StripAccentsNormalizer& /*step*/, const TextDraft& draft) const {
    return without(draft, limit, is_mark);
  }

  TextDraft operator()(const BertNormalizer& step, TextDraft draft) const {
    if (step.clean_text || step.handle_chinese_chars) {
      TextRewrite out(draft, limit);
      for_each_character(draft.text, [&](char32_t c, std::size_t begin, std::size_t end) {
        if (step.clean_text && (c == 0 || c == 0xFFFD || is_bert_control(c))) return;
        if (step.clean_text && is_white_space(c)) {
          out.put(" ", begin, end);
        } else if (step.handle_chinese_chars && is_bert_ideograph(c)) {
          out.put(" ", begin, end);
          out.keep(begin, end);
          out.put(" ", begin, end);
        } else {
          out.keep(begin, end);
        }
      });
      draft = std::move(out).finish();
    }
    if (step.strip_accents) {
      draft = (*this)(UnicodeNormalizer{UnicodeForm::kNfd}, std::move(draft));
      draft = without(draft, limit, is_nonspacing_mark);
    }
    if (step.lowercase) draft = (*this)(LowercaseNormalizer{}, draft);
    return draft;
  }

  TextDraft operator()(const StripNormalizer& step, const TextDraft& draft) const {
    std::size_t first = step.left ? draft.text.size() : 0;
    std::size_t last = 0;  // end of the last character that isn't blank
    for_each_character(draft.text, [&](char32_t c, std::size_t begin, std::size_t end) {
      if (is_white_space(c)) return;
      first = std::min(first, begin);
      last = end;
    });
    TextRewrite out(draft, limit);
    out.keep(first, step.right ? last : draft.text.size());
    return std::move(out).finish();
  }

  TextDraft operator()(const NmtNormalizer& /*step*/, const TextDraft& draft) const {
    TextRewrite out(draft, limit);
    for_each_character(draft.text, [&](char32_t c, std::size_t begin, std::size_t end) {
      if (is_deleted_by_nmt(c)) return;
      if (is_space_for_nmt(c)) {
        out.put(" ", begin, end);
      } else {
        out.keep(begin, end);
      }
    });
    return std::move(out).finish();
  }

  TextDraft operator()(const ReplaceNormalizer& step, const TextDraft& draft) const {
    TextRewrite out(draft, limit);
    std::size_t done = 0;
    step.pattern.find_all(draft.text, run, [&](std::size_t begin, std::size_t end) {
      out.keep(done, begin);
      out.put(step.content, begin, end);
      done = end;
    });
    out.keep(done, draft.text.size());
    return std::move(out).finish();
  }

  TextDraft operator()(const PrependNormalizer& step, TextDraft draft) const {
    if (draft.text.empty() || draft.continues) return draft;
    TextRewrite out(draft, limit);
    out.put(step.text, 0, 0);
    out.keep(0, draft.text.size());
    return std::move(out).finish();
  }

  TextDraft operator()(const ByteLevelNormalizer& /*step*/, const TextDraft& draft) const {
    TextRewrite out(draft, limit);
    std::string spelling;
    for (std::size_t i = 0; i < draft.text.size(); ++i) {
      spelling.clear();
      append_byte_spelling(spelling, static_cast<unsigned char>(draft.text[i]));
      out.put(spelling, i, i + 1);
    }
    return std::move(out).finish();
  }

  TextDraft operator()(const PrecompiledNormalizer& step, const TextDraft& draft) const {
    constexpr std::size_t kMaxClusterBytes = 5;
    const std::string_view text = draft.text;
    TextRewrite out(draft, limit);
    const auto map = [&](std::size_t begin, std::size_t end) {
      const auto match = step.map->shortest(text.substr(begin, end - begin));
      if (match) out.put(match->replacement, begin, end);
      return match.has_value();
    };
    const auto cluster = [&](std::size_t begin, std::size_t end) {
      if (begin == end || (end - begin <= kMaxClusterBytes && map(begin, end))) return;
      for_each_character(text.substr(begin, end - begin),
                         [&](char32_t, std::size_t first, std::size_t last) {
                           if (!map(begin + first, begin + last)) {
                             out.keep(begin + first, begin + last);
                           }
                         });
    };
    std::size_t cluster_begin = 0;
    char32_t previous = 0;
    utf8proc_int32_t state = 0;
    for_each_character(text, [&](char32_t here, std::size_t begin, std::size_t) {
      const char32_t c = stand_in(here);
      if (begin != 0 &&
          utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                           static_cast<utf8proc_int32_t>(c), &state) != 0) {
        cluster(cluster_begin, begin);
        cluster_begin = begin;
      }
      previous = c;
    });
    cluster(cluster_begin, text.size());
    return std::move(out).finish();
  }

  TextDraft operator()(const CharsmapNormalizer& step, const TextDraft& draft) const {
    const std::string_view text = draft.text;
    TextRewrite out(draft, limit);
    for (std::size_t pos = 0; pos < text.size();) {
      std::size_t end = pos + decode_utf8(text, pos).size;
      if (const auto match = step.map->longest(text.substr(pos))) {
        end = pos + match->size;
        out.put(match->replacement, pos, end);
      } else {
        out.keep(pos, end);
      }
      pos = end;
    }
    return std::move(out).finish();
  }

  TextDraft operator()(const SpaceMarkNormalizer& step, const TextDraft& draft) const {
    std::string_view text = draft.text;
    std::size_t begin = 0;
    std::size_t end = text.size();
    if (step.remove_extra) {
      begin = std::min(text.find_first_not_of(' '), end);
      end = begin == end ? end : text.find_last_not_of(' ') + 1;
    }
    TextRewrite out(draft, limit);
    if (begin != end && step.prefix && !draft.continues) out.put(kSpaceMark, begin, begin);
    for (std::size_t pos = begin; pos < end;) {
      if (text[pos] != ' ') {
        const std::size_t next = std::min(text.find(' ', pos), end);
        out.keep(pos, next);
        pos = next;
        continue;
      }
      out.put(kSpaceMark, pos, pos + 1);
      ++pos;
      while (step.remove_extra && pos < end && text[pos] == ' ') ++pos;
    }
    return std::move(out).finish();
  }
};

}  // namespace

void TextNormalizer::lower_first() {
  const auto lowers = [](const Step& step) {
    return std::holds_alternative<LowercaseNormalizer>(step);
  };
  if (std::none_of(steps_.begin(), steps_.end(), lowers))
    steps_.insert(steps_.begin(), LowercaseNormalizer{});
}

bool TextNormalizer::spells_bytes() const noexcept {
  return std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
    return std::holds_alternative<ByteLevelNormalizer>(step);
  });
}

TextDraft TextNormalizer::apply(TextDraft draft, SplitRun& run) const {
  const Apply apply{run, kGrowthBase + kGrowth * draft.text.size()};
  for (const Step& step : steps_) {
    draft = std::visit([&](const auto& kind) { return apply(kind, std::move(draft)); }, step);
  }
  return draft;
}

}  // namespace sirocco
