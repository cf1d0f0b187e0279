#include "sirocco/server/answer.hpp"

#include <fmt/format.h>

namespace sirocco {

std::variant<Finish, ApiError> told(const Ending& ending) {
  switch (ending.reason) {
    case FinishReason::kStop:
      return Finish::kStop;
    case FinishReason::kLength:
    case FinishReason::kContextFull:
    case FinishReason::kTimeLimit:
    case FinishReason::kCancelled:
      return Finish::kLength;
    case FinishReason::kFailed:
      break;
  }
  return api_error(ending);
}

std::string limit_warning(Finish finish, std::optional<std::int64_t> asked, std::int64_t limit,
                          std::string_view member) {
  if (finish != Finish::kLength || asked) return "";
  return fmt::format(
      "the answer was cut at {} tokens, a limit that the request didn't ask for; {} asks for "
      "another",
      limit, member);
}

}  // namespace sirocco
