#pragma once

#include <string>

#include "sirocco/server/service.hpp"

namespace sirocco {

/// What a service, its engine, its models and the server before them have counted, in Prometheus'
/// text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Thread-safe.
std::string metrics_text(const Service& service);

}  // namespace sirocco
