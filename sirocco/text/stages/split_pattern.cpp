#include "sirocco/text/stages/split_pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/stages/oniguruma.hpp"
#include "sirocco/text/stages/oniguruma_properties.hpp"
#include "sirocco/text/unicode/later_characters.hpp"

namespace sirocco {
namespace {

// A match of ordinary text stays far below the first limit. One that doesn't is tried again with
// more, and pays for it from a budget in proportion to the input.
constexpr std::uint32_t kFirstLimit = 8192;
constexpr std::uint32_t kLimitGrowth = 16;
constexpr std::uint64_t kBudgetBase = 1U << 20U;
constexpr std::uint64_t kBudgetPerByte = 64;
constexpr std::size_t kBluntCut = 64;
// How far a match may look ahead before the run pays for it.
constexpr std::size_t kWindow = 2048;

std::string with_white_space(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      if (c == '[') in_class = true;
      if (c == ']') in_class = false;
      out.push_back(c);
      continue;
    }
    const char escaped = pattern[++i];
    if (escaped == 's') {
      out.append(in_class ? "" : "[").append(kWhiteSpaceClass).append(in_class ? "" : "]");
    } else if (escaped == 'S' && !in_class) {
      out.append("[^").append(kWhiteSpaceClass).append("]");
    } else {
      out.push_back(c);
      out.push_back(escaped);
    }
  }
  return out;
}

struct CodeFree {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
struct MatchDataFree {
  void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
};
struct CompileContextFree {
  void operator()(pcre2_compile_context* context) const noexcept {
    pcre2_compile_context_free(context);
  }
};
struct MatchContextFree {
  void operator()(pcre2_match_context* context) const noexcept {
    pcre2_match_context_free(context);
  }
};

bool out_of_steps(int rc) {
  return rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
         rc == PCRE2_ERROR_HEAPLIMIT;
}

std::size_t blunt_cut(std::string_view text, std::size_t from) {
  std::size_t end = std::min(text.size(), from + kBluntCut);
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) ++end;
  return end;
}

}  // namespace

struct SplitRun::Matcher {
  std::unique_ptr<pcre2_match_data, MatchDataFree> data;
  std::unique_ptr<pcre2_match_context, MatchContextFree> context;
  std::uint64_t budget = 0;
};

struct SplitPattern::Compiled {
  std::unique_ptr<pcre2_code, CodeFree> code;
};

SplitRun::SplitRun(std::size_t input_bytes, TokenizeStats& stats)
    : matcher_(std::make_unique<Matcher>()), stats_(stats) {
  matcher_->data.reset(pcre2_match_data_create(1, nullptr));
  matcher_->context.reset(pcre2_match_context_create(nullptr));
  if (!matcher_->data || !matcher_->context) {
    throw ResourceExhausted("out of memory for the tokenizer's pattern matcher");
  }
  matcher_->budget = kBudgetBase + kBudgetPerByte * input_bytes;
  // Only the interpreter uses the heap; a frame a step of backtracking is a few hundred bytes.
  const std::size_t heap_kib = std::min<std::size_t>(1024 + input_bytes / 4, 1U << 20U);
  pcre2_set_heap_limit(matcher_->context.get(), static_cast<std::uint32_t>(heap_kib));
}

SplitRun::~SplitRun() = default;

SplitPattern::SplitPattern(std::string_view pattern, RegexDialect dialect)
    : compiled_(std::make_unique<Compiled>()) {
  const bool oniguruma = dialect == RegexDialect::kOniguruma;
  std::string storage;
  if (with_stand_ins(pattern, storage) != pattern) {
    throw UnsupportedError(
        "the pattern {} holds a character newer than Unicode 14, which isn't supported",
        quoted(pattern));
  }
  const std::string source = oniguruma ? pcre2_of_oniguruma(pattern) : with_white_space(pattern);
  std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  options |= oniguruma ? PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT : PCRE2_DOLLAR_ENDONLY;
  const std::unique_ptr<pcre2_compile_context, CompileContextFree> context(
      pcre2_compile_context_create(nullptr));
  if (!context) throw ResourceExhausted("out of memory for the tokenizer's pattern");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  std::size_t offset = 0;
  compiled_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                      options, &error, &offset, context.get()));
  if (!compiled_->code) {
    std::array<PCRE2_UCHAR, 160> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    throw UnsupportedError("the pre-tokenizer's pattern {} can't be compiled: {} at byte {}",
                           quoted(source), reinterpret_cast<const char*>(message.data()), offset);
  }
  // Where the system forbids writable code pages this fails, and the interpreter gives the same
  // answers.
  pcre2_jit_compile(compiled_->code.get(),
                    PCRE2_JIT_COMPLETE | (oniguruma ? PCRE2_JIT_PARTIAL_HARD : 0));
}

SplitPattern::~SplitPattern() = default;
SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern& SplitPattern::operator=(SplitPattern&&) noexcept = default;

void SplitPattern::split(std::string_view whole, SplitRun& run,
                         FunctionRef<void(std::string_view, bool)> emit_piece) const {
  SplitRun::Matcher& matcher = *run.matcher_;
  std::string storage;
  const std::string_view text = with_stand_ins(whole, storage);
  const auto emit = [&](std::size_t begin, std::size_t end, bool matched) {
    emit_piece(whole.substr(begin, end - begin), matched);
  };
  const auto match = [&](std::size_t from, std::uint32_t limit, std::uint32_t options) {
    ++run.stats_.pattern_matches;
    pcre2_set_match_limit(matcher.context.get(), limit);
    pcre2_set_depth_limit(matcher.context.get(), limit);
    pcre2_set_offset_limit(matcher.context.get(), PCRE2_UNSET);
    return pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY | options,
                       matcher.data.get(), matcher.context.get());
  };

  std::size_t pos = 0;
  while (pos < text.size()) {
    std::uint32_t limit = kFirstLimit;
    std::uint32_t options = 0;
    int rc = match(pos, limit, options);
    while (rc == PCRE2_ERROR_JIT_STACKLIMIT || out_of_steps(rc)) {
      if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        options = PCRE2_NO_JIT;
      } else {
        limit *= kLimitGrowth;
      }
      if (limit > matcher.budget || limit > (1U << 30U) / kLimitGrowth) break;
      matcher.budget -= limit;
      ++run.stats_.pattern_retries;
      rc = match(pos, limit, options);
      if (rc == PCRE2_ERROR_HEAPLIMIT) break;
    }
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) {
      ++run.stats_.pattern_cuts;
      const std::size_t end = blunt_cut(text, pos);
      emit(pos, end, false);
      pos = end;
      continue;
    }
    const PCRE2_SIZE* where = pcre2_get_ovector_pointer(matcher.data.get());
    const std::size_t begin = where[0];
    const std::size_t end = where[1];
    if (begin > pos) emit(pos, begin, false);
    emit(begin, end, true);
    pos = end;
  }
  if (pos < text.size()) emit(pos, text.size(), false);
}

/// One walk over a text, match by match.
class SplitPattern::Search {
 public:
  Search(const SplitPattern& pattern, std::string_view text, SplitRun& run)
      : code_(pattern.compiled_->code.get()), text_(text), run_(run), matcher_(*run.matcher_) {}

  /// The leftmost match that begins at `from` or later, within [where[0], where[1]); false at the
  /// end.
  bool next(std::size_t from, std::array<std::size_t, 2>& where) {
    std::size_t window = kWindow;
    while (from <= text_.size()) {
      const std::size_t end = boundary(from + window);
      const bool whole = end == text_.size();
      // A wide window is for the match that begins here; others begin with a narrow one.
      const int rc = match(from, end, window > kWindow ? from : end, whole);
      if (rc == PCRE2_ERROR_NOMATCH) {
        if (window > kWindow) {
          from = after(from);
        } else if (whole) {
          return false;
        } else {
          from = end;
        }
        window = kWindow;
        continue;
      }
      const PCRE2_SIZE* found = pcre2_get_ovector_pointer(matcher_.data.get());
      if (rc >= 0 && (whole || found[1] < end)) {
        where = {std::max<std::size_t>(found[0], from), std::max<std::size_t>(found[1], from)};
        where[0] = std::min(where[0], where[1]);
        return true;
      }
      const bool looked_to_the_end = rc >= 0 || rc == PCRE2_ERROR_PARTIAL;
      if (looked_to_the_end && found[0] > from && found[0] <= end && window == kWindow) {
        from = found[0];  // those before it are done
      }
      const std::uint64_t cost = 2 * (end - from) + kWindow;
      if (looked_to_the_end && cost <= matcher_.budget) {
        matcher_.budget -= cost;
        window = cost;
        continue;
      }
      ++run_.stats_.pattern_cuts;
      if (from == text_.size()) return false;
      from = blunt_cut(text_, from);
      window = kWindow;
    }
    return false;
  }

 private:
  std::size_t boundary(std::size_t at) const {
    if (at >= text_.size()) return text_.size();
    while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xC0U) == 0x80) ++at;
    return at;
  }
  std::size_t after(std::size_t at) const { return at < text_.size() ? boundary(at + 1) : at + 1; }

  // As pcre2_match within text_[0, end), more steps tried while the run can pay for them.
  int match(std::size_t from, std::size_t end, std::size_t last_begin, bool whole) {
    std::uint32_t limit = kFirstLimit;
    std::uint32_t options = PCRE2_NO_UTF_CHECK | (whole ? 0U : PCRE2_PARTIAL_HARD);
    while (true) {
      ++run_.stats_.pattern_matches;
      pcre2_set_match_limit(matcher_.context.get(), limit);
      pcre2_set_depth_limit(matcher_.context.get(), limit);
      pcre2_set_offset_limit(matcher_.context.get(), last_begin);
      const int rc = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text_.data()), end, from,
                                 options, matcher_.data.get(), matcher_.context.get());
      if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        options |= PCRE2_NO_JIT;
      } else if (out_of_steps(rc)) {
        if (rc == PCRE2_ERROR_HEAPLIMIT && (options & PCRE2_NO_JIT) != 0) return rc;
        if (limit > (1U << 30U) / kLimitGrowth) return rc;
        limit *= kLimitGrowth;
      } else {
        return rc;
      }
      if (limit > matcher_.budget) return PCRE2_ERROR_MATCHLIMIT;
      matcher_.budget -= limit;
      ++run_.stats_.pattern_retries;
    }
  }

  const pcre2_code* code_;
  std::string_view text_;
  SplitRun& run_;
  SplitRun::Matcher& matcher_;
};

void SplitPattern::find_all(std::string_view whole, SplitRun& run,
                            FunctionRef<void(std::size_t, std::size_t)> emit) const {
  std::string storage;
  const std::string_view text = with_stand_ins(whole, storage);
  Search search(*this, text, run);
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::array<std::size_t, 2> found{};
  std::size_t last_end = kNone;
  for (std::size_t from = 0; search.next(from, found);) {
    if (found[0] == found[1] && found[1] == last_end) {
      if (last_end >= text.size()) return;
      from = last_end + decode_utf8(text, last_end).size;
      continue;
    }
    emit(found[0], found[1]);
    from = last_end = found[1];
  }
}

}  // namespace sirocco
