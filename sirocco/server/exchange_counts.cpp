#include "sirocco/server/exchange_counts.hpp"

#include <algorithm>
#include <array>

namespace sirocco {

void ExchangeCounts::count(const http::ExchangeRecord& record) {
  const std::lock_guard lock(mutex_);
  ++counts_[{record.route, record.status}];
}

std::map<ExchangeCounts::Key, std::uint64_t> ExchangeCounts::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string_view refusal_reason(int status) {
  struct Row {
    int status;
    std::string_view reason;
  };
  static constexpr std::array kRows = {
      Row{400, "invalid_request"},  Row{401, "key_missing_or_wrong"}, Row{403, "not_allowed"},
      Row{404, "not_found"},        Row{405, "wrong_method"},         Row{408, "too_slow"},
      Row{411, "no_length"},        Row{413, "body_too_large"},       Row{414, "path_too_long"},
      Row{417, "expectation"},      Row{421, "wrong_host"},           Row{429, "queue_full"},
      Row{431, "head_too_large"},   Row{499, "client_gone"},          Row{501, "not_implemented"},
      Row{503, "draining_or_full"}, Row{505, "http_version"},         Row{529, "draining_or_full"},
  };
  if (status < 400) return {};
  const auto* row = std::ranges::find(kRows, status, &Row::status);
  if (row != kRows.end()) return row->reason;
  return status < 500 ? "other" : "failed";
}

}  // namespace sirocco
