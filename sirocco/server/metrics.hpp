#pragma once

#include <string>

#include "sirocco/engine/served_models.hpp"
#include "sirocco/server/exchange_counts.hpp"

namespace sirocco {

/// What an engine, its models and the server before them have counted, in Prometheus' text format
/// 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Thread-safe.
std::string metrics_text(const Engine& engine, const ServedModels& models,
                         const ExchangeCounts& exchanges);

}  // namespace sirocco
