#include "sirocco/text/split_pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <string>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// The property White_Space, as the inside of a character class.
constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// A match of ordinary text stays far below the first limit. One that doesn't is tried again with
// more, and pays for it from a budget in proportion to the input.
constexpr std::uint32_t kFirstLimit = 8192;
constexpr std::uint32_t kLimitGrowth = 16;
constexpr std::uint64_t kBudgetBase = 1U << 20U;
constexpr std::uint64_t kBudgetPerByte = 64;
constexpr std::size_t kBluntCut = 64;

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
      out.append(in_class ? "" : "[").append(kWhiteSpace).append(in_class ? "" : "]");
    } else if (escaped == 'S' && !in_class) {
      out.append("[^").append(kWhiteSpace).append("]");
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

SplitPattern::SplitPattern(std::string_view pattern) : compiled_(std::make_unique<Compiled>()) {
  const std::string source = with_white_space(pattern);
  int error = 0;
  std::size_t offset = 0;
  compiled_->code.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, nullptr));
  if (!compiled_->code) {
    std::array<PCRE2_UCHAR, 160> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    throw UnsupportedError("the pre-tokenizer's pattern {} can't be compiled: {} at byte {}",
                           quoted(source), reinterpret_cast<const char*>(message.data()), offset);
  }
  // Where the system forbids writable code pages this fails, and the interpreter gives the same
  // answers.
  pcre2_jit_compile(compiled_->code.get(), PCRE2_JIT_COMPLETE);
}

SplitPattern::~SplitPattern() = default;
SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern& SplitPattern::operator=(SplitPattern&&) noexcept = default;

void SplitPattern::split(std::string_view text, SplitRun& run,
                         FunctionRef<void(std::string_view, bool)> emit) const {
  SplitRun::Matcher& matcher = *run.matcher_;
  const auto match = [&](std::size_t from, std::uint32_t limit, std::uint32_t options) {
    ++run.stats_.pattern_matches;
    pcre2_set_match_limit(matcher.context.get(), limit);
    pcre2_set_depth_limit(matcher.context.get(), limit);
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
      emit(text.substr(pos, end - pos), false);
      pos = end;
      continue;
    }
    const PCRE2_SIZE* where = pcre2_get_ovector_pointer(matcher.data.get());
    const std::size_t begin = where[0];
    const std::size_t end = where[1];
    if (begin > pos) emit(text.substr(pos, begin - pos), false);
    emit(text.substr(begin, end - begin), true);
    pos = end;
  }
  if (pos < text.size()) emit(text.substr(pos), false);
}

}  // namespace sirocco
