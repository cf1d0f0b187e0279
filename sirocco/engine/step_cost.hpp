#pragma once

#include <array>
#include <cstdint>

#include "sirocco/base/seconds.hpp"

namespace sirocco {

/// What the time of a step depends on.
struct StepLoad {
  std::int64_t rows = 0;
  std::int64_t seen = 0;     ///< positions that the rows look at, those of all rows added up
  std::int64_t encoded = 0;  ///< encoders' work besides, in so many kEncodedProducts

  StepLoad& operator+=(const StepLoad& other) {
    rows += other.rows;
    seen += other.seen;
    encoded += other.encoded;
    return *this;
  }
  friend bool operator==(const StepLoad&, const StepLoad&) = default;
};
/// The load of `rows` rows that stand behind `depth` positions.
constexpr StepLoad load_behind(std::int64_t depth, std::int64_t rows) {
  return {rows, rows * depth + rows * (rows + 1) / 2};
}

/// What a step costs, learned from the steps that were: seconds = fixed + a · rows + b · seen + c ·
/// encoded, none of them negative, by weighted least squares over what was seen lately. Where what
/// was seen doesn't tell them apart, time counts by the row, so that rows are rather held to be
/// dear. Until it has seen something, it knows nothing and says so.
class StepCostModel {
 public:
  void observe(const StepLoad& load, Seconds seconds);
  bool knows() const { return sums_[0][0] > 0; }
  /// 0 while nothing is known.
  Seconds expected(const StepLoad& load) const;
  /// What a row behind `depth` positions, and kEncodedProducts of an encoder, take in addition; 0
  /// where no step has shown it.
  Seconds of_row(double depth) const { return costs_[kRows] + costs_[kSeen] * depth; }
  Seconds of_encoded() const { return costs_[kEncoded]; }
  /// How many rows behind `depth` positions a step can take in addition within `seconds` more.
  std::int64_t rows_within(Seconds seconds, double depth) const;

 private:
  enum Term { kFixed, kRows, kSeen, kEncoded, kSeconds, kTerms };
  using Costs = std::array<double, kSeconds>;
  void fit();

  std::array<std::array<double, kTerms>, kTerms> sums_ = {};  // of the products of two terms
  Costs costs_ = {};
};

}  // namespace sirocco
