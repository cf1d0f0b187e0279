#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/text/tokenize_stats.hpp"

namespace sirocco {

/// A SplitRun is what the patterns of one tokenize call share: scratch memory of the matcher and
/// the steps left.
class SplitRun {
 public:
  /// `input_bytes` is the size of the text to come: it bounds the work.
  SplitRun(std::size_t input_bytes, TokenizeStats& stats);
  ~SplitRun();
  SplitRun(const SplitRun&) = delete;
  SplitRun& operator=(const SplitRun&) = delete;

  TokenizeStats& stats() noexcept { return stats_; }

 private:
  friend class SplitPattern;
  struct Matcher;
  std::unique_ptr<Matcher> matcher_;
  TokenizeStats& stats_;
};

/// A RegexDialect is the language that a pattern is written in.
enum class RegexDialect : std::uint8_t {
  kPcre2,      ///< PCRE2, except that `\s` and `\S` mean the property White_Space
  kOniguruma,  ///< Oniguruma's own, as in a tokenizer.json; see pcre2_of_oniguruma
};

/// A SplitPattern is a regular expression that cuts text into pieces. Immutable, safe to share
/// between threads.
class SplitPattern {
 public:
  /// Throws UnsupportedError where PCRE2 refuses the pattern, with its reason and place.
  explicit SplitPattern(std::string_view pattern, RegexDialect dialect = RegexDialect::kPcre2);
  ~SplitPattern();
  SplitPattern(SplitPattern&&) noexcept;
  SplitPattern& operator=(SplitPattern&&) noexcept;

  /// Calls `emit(piece, matched)` for every match and every gap between matches, in order, so that
  /// the pieces together are `text` (well-formed UTF-8) and none is empty. Never fails and never
  /// hangs: a match that needs more steps than the run has left is given up, and the text cut after
  /// a bounded number of characters there.
  void split(std::string_view text, SplitRun& run,
             FunctionRef<void(std::string_view piece, bool matched)> emit) const;

  /// Calls `emit(begin, end)` for every match in `text` (well-formed UTF-8) from left to right, the
  /// empty ones too, except right after another match. Never fails and never hangs, whatever the
  /// pattern: the work is bounded by the run's steps, and by looking no further ahead than a match
  /// needs. Where they are used up, the next characters hold no match.
  void find_all(std::string_view text, SplitRun& run,
                FunctionRef<void(std::size_t begin, std::size_t end)> emit) const;

 private:
  class Search;
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace sirocco
