// FLUX's transformer and its schedule against diffusers.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/flux.hpp"
#include "sirocco/pipeline/flow_schedule.hpp"
#include "sirocco/platform/cpu_features.hpp"
#include "sirocco/platform/isa.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

JsonValue read_record(const std::string& name) {
  const std::filesystem::path path = source_path("tests/golden/diffusion/" + name + ".json");
  return parse_json(read_text(path), path.native());
}

JsonMetadata settings_of(const JsonValue& members) {
  JsonMetadata out("scheduler");
  for (const JsonValue::Member& member : as<JsonValue::Object>(members))
    out.add("config." + member.name, member.value);
  out.finish();
  return out;
}

TEST(FlowSchedule, LevelsAreThoseOfDiffusers) {
  const JsonValue record = read_record("schedules/euler");
  const JsonValue& settings = member(record, "settings");
  for (const JsonValue& each : array(record, "schedules")) {
    const std::string& name = text(each, "settings");
    const FlowSchedule schedule = read_flow_schedule(settings_of(member(settings, name)));
    const auto steps = as<std::int64_t>(member(each, "steps"));
    const auto patches = as<std::int64_t>(member(each, "patches"));
    SCOPED_TRACE(name + ", " + std::to_string(steps) + " steps, " + std::to_string(patches));
    const std::vector<float> levels = schedule.levels(steps, patches);
    const JsonValue::Array& sigmas = array(each, "sigmas");
    ASSERT_EQ(levels.size(), sigmas.size());
    for (std::size_t i = 0; i < levels.size(); ++i)
      EXPECT_FLOAT_EQ(levels[i], static_cast<float>(number(sigmas[i]))) << i;
  }
}

TEST(FlowSchedule, APictureBeginsAmidTheSteps) {
  const JsonValue record = read_record("schedules/euler");
  for (const JsonValue& each : array(record, "starts")) {
    const auto steps = as<std::int64_t>(member(each, "steps"));
    const JsonValue::Array& strengths = array(each, "strengths");
    const JsonValue::Array& firsts = array(each, "first_steps");
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      const auto first = as<std::int64_t>(firsts[i]);
      if (first < steps) {
        EXPECT_EQ(first_step(steps, number(strengths[i])), first) << steps;
      } else {
        EXPECT_THROW(first_step(steps, number(strengths[i])), InvalidArgument);
      }
    }
  }
  EXPECT_THROW(first_step(4, 1.01), InvalidArgument);
  EXPECT_THROW(first_step(4, -0.01), InvalidArgument);
  EXPECT_THROW(first_step(4, NAN), InvalidArgument);
}

TEST(FlowSchedule, RefusesWhatItCannotFollow) {
  const auto refused = [](std::string_view json) {
    const JsonValue members = parse_json(json, "scheduler");
    EXPECT_THROW(read_flow_schedule(settings_of(members)), Error) << json;
  };
  refused(R"({"_class_name": "DDIMScheduler"})");
  refused(R"({"use_karras_sigmas": true})");
  refused(R"({"shift": 0})");
  refused(R"({"use_dynamic_shifting": true, "time_shift_type": "cubic"})");
  refused(R"({"use_dynamic_shifting": true, "base_image_seq_len": 64, "max_image_seq_len": 64})");
  refused(R"({"shift_terminal": 1})");
  EXPECT_THROW(FlowSchedule().levels(0, 16), InvalidArgument);
  EXPECT_THROW(FlowSchedule().levels(std::int64_t{1} << 40, 16), InvalidArgument);
}

/// Folders as they were before hold the weights of those of today.
std::string recorded_name(const std::string& folder) {
  return folder.ends_with("-old") ? folder.substr(0, folder.size() - 4) : folder;
}

/// A transformer of the golden folders with a recorded call of it.
class FluxGolden : public ::testing::TestWithParam<std::string> {
 protected:
  FluxGolden()
      : record_(read_record(recorded_name(GetParam()))),
        call_(member(record_, "transformer")),
        recorded_(source_path("tests/golden/diffusion/" + text(record_, "values"))),
        threads_(2),
        backend_(make_cpu_backend(best_isa(CpuFeatures::detect()), threads_)) {
    const Checkpoint part =
        DiffusersFolder(made_golden_path("diffusion/" + GetParam())).open(PartRole::kTransformer);
    const CanonicalCheckpoint canonical =
        canonical_checkpoint(part.metadata, part.weights, kFluxFolder);
    doubles_ = static_cast<int>(part.metadata->require<std::int64_t>("config.num_layers"));
    model_.emplace(make_denoiser({*canonical.metadata, *canonical.weights, *backend_, {}}));
    grid_ = {static_cast<std::int32_t>(as<std::int64_t>(member(call_, "rows"))),
             static_cast<std::int32_t>(as<std::int64_t>(member(call_, "columns")))};
    const JsonValue& inputs = member(call_, "inputs");
    latents_ = made_values(member(inputs, "hidden_states"));
    text_ = made_values(member(inputs, "encoder_hidden_states"));
    pooled_ = made_values(member(inputs, "pooled_projections"));
    text_rows_ = std::ssize(text_) / model_->info().text_width;
  }

  /// Runs `body` on some rows of the sequence.
  template <class Body>
  void on(RowRange rows, Body body) {
    StepRows step;
    step.sequences.push_back(model_->sequence(SequenceId(0), text_rows_, grid_).part(rows));
    const CacheViews none;
    TransformContext context(*backend_, memory_, step, none);
    body(context);
  }

  /// The velocities, with every pass over rows cut behind the rows that `next_end` tells; `behind`
  /// is called behind each layer.
  template <class NextEnd, class Behind>
  std::vector<float> velocities(NextEnd next_end, Behind behind) {
    Arena arena;
    JointStream stream = model_->stream(text_rows_, grid_, arena);
    const std::int64_t rows = text_rows_ + grid_.patches();
    const auto in_parts = [&](std::int64_t count, auto body) {
      for (std::int64_t begin = 0; begin < count;) {
        const std::int64_t end = std::min(count, next_end(begin));
        body(RowRange{begin, end});
        begin = end;
      }
    };
    const DenoisingCondition by{
        .pooled = pooled_, .time = real(call_, "sigma"), .guidance = real(call_, "guidance")};
    on({0, rows}, [&](TransformContext& c) { model_->condition(by, stream, c); });
    in_parts(rows, [&](RowRange part) {
      on(part, [&](TransformContext& c) { model_->embed(text_, latents_, stream, c); });
    });
    for (std::int32_t i = 0; i < model_->info().layers; ++i) {
      const LayerIndex layer(i);
      on({0, rows}, [&](TransformContext& c) { model_->modulate(stream, layer, c); });
      in_parts(rows, [&](RowRange part) {
        on(part, [&](TransformContext& c) { model_->remember(stream, layer, c); });
      });
      in_parts(rows, [&](RowRange part) {
        on(part, [&](TransformContext& c) { model_->forward(stream, layer, c); });
      });
      const float* const values = stream.rows.as<float>();
      behind(i, std::span(values, static_cast<std::size_t>(stream.rows.shape().elements())));
    }
    std::vector<float> out;
    in_parts(grid_.patches(), [&](RowRange part) {
      on({0, rows}, [&](TransformContext& c) {
        const Hidden made = model_->project(stream, part, c);
        const std::span<const float> values = c.ops().read(made.values());
        out.insert(out.end(), values.begin(), values.end());
      });
    });
    return out;
  }

  JsonValue record_;
  const JsonValue& call_;
  RecordedValues recorded_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  StepMemory memory_;
  std::optional<AnyDenoiser> model_;
  PatchGrid grid_;
  std::vector<float> latents_, text_, pooled_;
  std::int64_t text_rows_ = 0;
  int doubles_ = 0;
};

constexpr double kClose = 2e-5;

TEST_P(FluxGolden, VelocitiesAreThoseOfDiffusers) {
  const std::map<int, std::string> behind = {
      {0, "double_0"}, {doubles_ - 1, "doubles"}, {doubles_, "single_0"}};
  const auto made =
      velocities([](std::int64_t) { return INT64_MAX; },
                 [&](int layer, std::span<const float> rows) {
                   const auto found = behind.find(layer);
                   if (found == behind.end()) return;
                   EXPECT_LT(largest_difference(recorded_.read(call_, found->second), rows), kClose)
                       << found->second;
                 });
  EXPECT_LT(largest_difference(recorded_.read(call_, "output"), made), kClose);
}

TEST_P(FluxGolden, BitsDoNotDependOnTheCut) {
  const auto nothing = [](int, std::span<const float>) {};
  const std::vector<float> whole = velocities([](std::int64_t) { return INT64_MAX; }, nothing);
  std::minstd_rand random(7);
  for (int round = 0; round < 8; ++round) {
    const std::vector<float> cut = velocities(
        [&](std::int64_t begin) { return begin + 1 + static_cast<std::int64_t>(random() % 9); },
        nothing);
    ASSERT_EQ(cut.size(), whole.size());
    EXPECT_EQ(std::memcmp(cut.data(), whole.data(), whole.size() * sizeof(float)), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Recorded, FluxGolden, ::testing::Values("dev", "dev-old", "schnell"));

}  // namespace
}  // namespace sirocco::testing
