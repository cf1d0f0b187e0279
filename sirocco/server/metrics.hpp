#pragma once

#include <string>

#include "sirocco/engine/served_models.hpp"

namespace sirocco {

/// What an engine and its models have counted, in Prometheus' text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). Thread-safe.
std::string metrics_text(const Engine& engine, const ServedModels& models);

}  // namespace sirocco
