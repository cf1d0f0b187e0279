#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/row_outcomes.hpp"

namespace sirocco {

/// Embeddings of a step in place of tokens.
struct StagedEmbeddings {
  std::int64_t first = 0;  ///< the number of the first row in the step
  std::int64_t width = 0;
  std::span<const float> values;  ///< [rows, width], borrowed until the step is over
};

/// What the stages have to know of a step: plain values, but for what samplers and sequences lend
/// until the step is over.
struct StagedStep {
  StepRows rows;
  std::vector<TokenId> tokens;  ///< of the rows that are tokens
  std::vector<StagedEmbeddings> given;
  StepCaches caches;
  std::vector<WantedRow> wanted;  ///< the same rows as `rows.outputs`
};

}  // namespace sirocco
