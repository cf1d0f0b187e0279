#include "sirocco/engine/step_cost.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace sirocco {

void StepCostModel::observe(const StepLoad& load, Seconds seconds) {
  constexpr double kForget = 0.95;  // a step counts half after 14 others
  const std::array<double, kTerms> terms = {1.0, static_cast<double>(load.rows),
                                            static_cast<double>(load.seen),
                                            static_cast<double>(load.encoded), seconds};
  for (std::size_t i = 0; i < kTerms; ++i)
    for (std::size_t j = 0; j < kTerms; ++j)
      sums_[i][j] = sums_[i][j] * kForget + terms[i] * terms[j];
  fit();
}

namespace {

constexpr std::size_t kUnknowns = 4;
using Vector = std::array<double, kUnknowns>;
using Matrix = std::array<Vector, kUnknowns>;

// Gauss, for a positive definite matrix; unknowns that aren't asked for are 0.
Vector solved(Matrix m, Vector right, const std::array<bool, kUnknowns>& asked) {
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    if (asked[i]) continue;
    for (std::size_t j = 0; j < kUnknowns; ++j) m[i][j] = m[j][i] = 0;
    m[i][i] = 1;
    right[i] = 0;
  }
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    for (std::size_t j = i + 1; j < kUnknowns; ++j) {
      const double factor = m[j][i] / m[i][i];
      for (std::size_t k = i; k < kUnknowns; ++k) m[j][k] -= factor * m[i][k];
      right[j] -= factor * right[i];
    }
  }
  for (std::size_t i = kUnknowns; i-- > 0;) {
    for (std::size_t k = i + 1; k < kUnknowns; ++k) right[i] -= m[i][k] * right[k];
    right[i] /= m[i][i];
  }
  return right;
}

}  // namespace

void StepCostModel::fit() {
  // In units of the means, in which the costs add up to about 1.
  std::array<bool, kUnknowns> shown;
  std::array<double, kTerms> unit;
  for (std::size_t i = 0; i < kTerms; ++i) {
    const double mean = sums_[kFixed][i] / sums_[kFixed][kFixed];
    unit[i] = mean > 0 ? mean : 1;
    if (i < kUnknowns) shown[i] = mean > 0;
  }
  // What it takes to be believed: noise of 5 % against costs of the order of 1.
  constexpr double kDoubt = 0.005;
  Matrix m;
  Vector right;
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    for (std::size_t j = 0; j < kUnknowns; ++j) m[i][j] = sums_[i][j] / (unit[i] * unit[j]);
    right[i] = sums_[i][kSeconds] / (unit[i] * unit[kSeconds]);
    m[i][i] += i == kRows || i == kEncoded ? 1e-9 : kDoubt;
  }
  // The best of the solutions that have nothing negative. That by rows alone, or by encoders' work
  // where there were none, is always one.
  const Term counted = shown[kRows] ? kRows : kEncoded;
  std::optional<double> best;
  for (unsigned set = 0; set < 1U << kUnknowns; ++set) {
    std::array<bool, kUnknowns> asked;
    bool possible = true;
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      asked[i] = (set >> i & 1U) != 0;
      possible = possible && (shown[i] || !asked[i]);
    }
    if (!possible || !asked[counted]) continue;
    const Vector x = solved(m, right, asked);
    if (std::ranges::any_of(x, [](double cost) { return !(cost >= 0); }) || !(x[counted] > 0))
      continue;
    double loss = 0;  // less what all solutions share
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      loss -= 2 * x[i] * right[i];
      for (std::size_t j = 0; j < kUnknowns; ++j) loss += x[i] * m[i][j] * x[j];
    }
    if (best && loss >= *best) continue;
    best = loss;
    for (std::size_t i = 0; i < kUnknowns; ++i) costs_[i] = x[i] * unit[kSeconds] / unit[i];
  }
}

Seconds StepCostModel::expected(const StepLoad& load) const {
  if (!knows()) return 0;
  return costs_[kFixed] + costs_[kRows] * static_cast<double>(load.rows) +
         costs_[kSeen] * static_cast<double>(load.seen) +
         costs_[kEncoded] * static_cast<double>(load.encoded);
}

std::int64_t StepCostModel::rows_within(Seconds seconds, double depth) const {
  constexpr double kMost = 1e9;
  if (!(seconds > 0)) return 0;
  // k rows see k · depth + k² / 2 positions.
  const double half = costs_[kSeen] / 2;
  const double each = of_row(depth);
  if (!(each > 0)) return static_cast<std::int64_t>(kMost);
  // The root of half · k² + each · k = seconds, in the form that doesn't cancel.
  const double k = 2 * seconds / (each + std::sqrt(each * each + 4 * half * seconds));
  return static_cast<std::int64_t>(std::min(k, kMost));
}

}  // namespace sirocco
