#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

ErrorKind step_fault_kind(StepFault fault) {
  return fault == StepFault::kNothingAllowed ? ErrorKind::kInvalidArgument : ErrorKind::kNotANumber;
}

std::string_view step_fault_text(StepFault fault) {
  switch (fault) {
    case StepFault::kScoresNotFinite:
      return "the model's scores of tokens are not finite numbers (NaN or infinity): its file is "
             "damaged, or its numbers outgrow the type of the cache (f32 holds larger ones)";
    case StepFault::kNothingAllowed:
      return "no token is allowed here: the model, or what is forbidden besides (suppressed "
             "tokens, "
             "bad words, n-grams that may not come twice, biases), rules out all of them";
    case StepFault::kEmbeddingNotFinite:
      return "the model's embedding is not made of finite numbers (NaN or infinity): its file is "
             "damaged, or its numbers outgrow the type of the cache (f32 holds larger ones)";
  }
  return "";
}

}  // namespace sirocco
