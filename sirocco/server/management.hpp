#pragma once

#include <vector>

#include "sirocco/server/http/routes.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco {

/// The routes that no API has: health, version and metrics; texts and tokens; models that come and
/// go. Bodies are as llama-server has them where it has such a route. `service` outlives them.
std::vector<http::Route> management_routes(const Service& service);

}  // namespace sirocco
