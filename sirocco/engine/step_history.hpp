#pragma once

#include <algorithm>
#include <cstdint>

#include "sirocco/engine/step_cost.hpp"

namespace sirocco {

/// A StepHistory is what the steps of a lane had in them lately, as far as it bounds the next one.
class StepHistory {
 public:
  /// Rows of those who can wait, and encoders' work, that a step may have where somebody waits:
  /// twice as much as steps had, since costs are known where they were seen, and not far beyond.
  std::int64_t max_patient() const { return 2 * known_patient_rows_; }
  std::int64_t max_encoded() const { return 2 * known_encoded_; }
  /// Whether the next step is to be for urgent work alone, however much waits besides. What that
  /// takes undisturbed is what the others are measured by, so one of 16 steps shows it.
  bool alone_is_due() const { return since_alone_ >= kMostBetweenAlone; }

  /// Counts a step with this load, and the part of it that others wait for.
  void add(const StepLoad& all, const StepLoad& urgent) {
    if (const std::int64_t patient = all.rows - urgent.rows; patient > 0)
      known_patient_rows_ = known_after(patient, known_patient_rows_);
    if (all.encoded > 0) known_encoded_ = known_after(all.encoded, known_encoded_);
    if (urgent.rows > 0) since_alone_ = all == urgent ? 0 : since_alone_ + 1;
  }

 private:
  /// Encoders' work that a step begins with where somebody waits: little, yet as much as some rows
  /// of a usual encoder take.
  static constexpr std::int64_t kFirstEncoded = 32;
  static constexpr std::int64_t kMostBetweenAlone = 15;

  /// The most that a step had, slowly forgotten while steps have less: the end of a prompt doesn't
  /// make the next one begin small.
  static std::int64_t known_after(std::int64_t now, std::int64_t known) {
    return std::max(now, known - known / 8);
  }

  std::int64_t known_patient_rows_ = 1;
  std::int64_t known_encoded_ = kFirstEncoded;
  std::int64_t since_alone_ = kMostBetweenAlone;  // steps in which urgent work wasn't alone
};

}  // namespace sirocco
