#include "sirocco/server/answer_details.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sirocco {
namespace {

constexpr double kMillisecond = 1e-3;

double ratio(double a, double b) { return b > 0 ? a / b : 0.0; }

void write_rates(json::Writer& out, std::string_view what, std::int64_t tokens, std::int64_t timed,
                 double seconds) {
  const auto name = [&](std::string_view rest) { return fmt::format("{}_{}", what, rest); };
  const auto count = static_cast<double>(timed);
  out.member(name("n"), tokens).member(name("ms"), seconds / kMillisecond);
  out.member(name("per_token_ms"), ratio(seconds / kMillisecond, count));
  out.member(name("per_second"), ratio(count, seconds));
}

}  // namespace

void write_details(json::Writer& out, const AnswerTotals& totals) {
  const Usage& usage = totals.usage;
  const RequestTimings& timings = totals.timings;
  const std::int64_t computed = usage.prompt - usage.cached;
  const std::int64_t timed = std::max<std::int64_t>(usage.generated - 1, 0);
  out.name("timings").open_object();
  out.member("queued_ms", timings.queued_s / kMillisecond).member("cache_n", usage.cached);
  write_rates(out, "prompt", computed, computed, timings.first_s);
  write_rates(out, "predicted", usage.generated, timed, timings.rest_s);
  out.close_object();
  if (totals.warnings.empty()) return;
  out.name("warnings").open_array();
  for (const std::string& warning : totals.warnings) out.text(warning);
  out.close_array();
}

}  // namespace sirocco
