#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "sirocco/engine/model_plan.hpp"
#include "sirocco/engine/opened_model.hpp"

namespace sirocco {

/// A plan for scripts: {"context", "positions", "stages": [{"role", "layers": [first, last],
/// "weight_bytes", "cache_bytes", "seconds_a_token", "threads"}]}.
nlohmann::ordered_json stage_json(const ModelPlan& plan, const OpenedModel& opened);

/// The same for people: a line a stage, under a heading.
std::string stage_table(const ModelPlan& plan, const OpenedModel& opened);

}  // namespace sirocco
