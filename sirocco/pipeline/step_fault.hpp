#pragma once

#include <cstdint>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {

/// Why a step gave one of its sequences nothing to go on with. The others aren't touched.
enum class StepFault : std::uint8_t {
  kScoresNotFinite,     ///< a logit is NaN or infinity, so that none means anything
  kNothingAllowed,      ///< every token is forbidden
  kEmbeddingNotFinite,  ///< an element is NaN or infinite
};

/// The kind of error that it is to whoever asked.
ErrorKind step_fault_kind(StepFault fault);

/// The fault in a sentence, with what can be done about it.
std::string_view step_fault_text(StepFault fault);

}  // namespace sirocco
