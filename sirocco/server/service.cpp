#include "sirocco/server/service.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sirocco/server/anthropic/error_body.hpp"
#include "sirocco/server/anthropic/routes.hpp"
#include "sirocco/server/api_error.hpp"
#include "sirocco/server/management.hpp"
#include "sirocco/server/openai/error_body.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco {
namespace {

/// Wakes the handler of an exchange.
class ExchangeBell final : public Bell {
 public:
  explicit ExchangeBell(http::Signal signal) : signal_(std::move(signal)) {}
  void ring() noexcept override { signal_.ring(); }

 private:
  http::Signal signal_;
};

}  // namespace

SubmitOptions Service::terms_of(const http::Exchange& exchange) const {
  return {.owner = exchange.request().caller.owner,
          .bell = std::make_shared<ExchangeBell>(exchange.signal())};
}

PrefixKey Service::prefixes_of(const http::Exchange& exchange) const {
  return {.owner = options_.share_prefixes ? 0 : exchange.request().caller.owner};
}

std::vector<http::Route> service_routes(const Service& service) {
  std::vector<http::Route> all = openai::openai_routes(service);
  std::ranges::move(anthropic::anthropic_routes(service), std::back_inserter(all));
  std::ranges::move(management_routes(service), std::back_inserter(all));
  return all;
}

http::Upkeep service_upkeep(const Service& service) {
  // What expired stays for little longer than it may.
  const Seconds every_s = std::clamp(service.responses().limits().max_unused_s / 60, 1.0, 60.0);
  return {every_s, [&service] { service.responses().forget_unused(); }};
}

http::ErrorBody service_error_body(const http::Refusal& refusal, const http::Request& request) {
  ApiError error = api_error(refusal.status, refusal.message);
  if (!refusal.code.empty()) error.code = refusal.code;
  return {"application/json", anthropic::has_path(request.path)
                                  ? anthropic::error_body(error, request.id)
                                  : openai::error_body(error)};
}

}  // namespace sirocco
