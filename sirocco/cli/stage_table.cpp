#include "sirocco/cli/stage_table.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

std::string_view role_of(std::size_t stage, std::size_t stages) {
  if (stages == 1) return "whole";
  if (stage == 0) return "head";
  return stage + 1 == stages ? "tail" : "middle";
}

}  // namespace

nlohmann::ordered_json stage_json(const ModelPlan& plan, const OpenedModel& opened) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const PlannedStage& stage = plan.stages[i];
    stages.push_back({{"role", role_of(i, plan.stages.size())},
                      {"layers", {stage.first, stage.end - 1}},
                      {"weight_bytes", stage.weight_bytes},
                      {"cache_bytes", stage.cache_bytes},
                      {"seconds_a_token", stage.seconds},
                      {"threads", opened.places()[i].backend.host_threads().size()}});
  }
  return {{"context", plan.context}, {"positions", plan.positions}, {"stages", std::move(stages)}};
}

std::string stage_table(const ModelPlan& plan, const OpenedModel& opened) {
  std::string out = fmt::format("{:6} {:7} {:>9} {:>10} {:>10} {:>10} {:>8}\n", "stage", "role",
                                "layers", "weights", "cache", "a token", "threads");
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const PlannedStage& stage = plan.stages[i];
    out += fmt::format("{:<6} {:7} {:>9} {:>10} {:>10} {:>7.2f} ms {:>8}\n", i,
                       role_of(i, plan.stages.size()),
                       fmt::format("{}-{}", stage.first, stage.end - 1),
                       byte_text(stage.weight_bytes), byte_text(stage.cache_bytes),
                       stage.seconds * 1e3, opened.places()[i].backend.host_threads().size());
  }
  return out + fmt::format("a context of {} tokens, caches for {} of all sequences together\n",
                           plan.context, plan.positions);
}

}  // namespace sirocco
