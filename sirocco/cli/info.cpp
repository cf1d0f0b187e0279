#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/engine/model_plan.hpp"
#include "sirocco/engine/model_title.hpp"
#include "sirocco/engine/opened_model.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/models/picture_folders.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/sound_folders.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  bool json = false;
  std::shared_ptr<CommonOptions> plan;
};

/// Values longer than this are counted, not printed.
constexpr std::size_t kShownElements = 16;

Json to_json(const MetadataValue& value) {
  return std::visit(
      [](const auto& v) -> Json {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::vector<bool>>) {
          return v.size() > kShownElements ? Json{{"elements", v.size()}} : Json(v);
        } else if constexpr (requires { v.size(); } && !std::is_same_v<V, std::string_view>) {
          if (v.size() > kShownElements) return Json{{"elements", v.size()}};
          Json array = Json::array();
          for (const auto& element : v) array.push_back(element);
          return array;
        } else {
          return v;
        }
      },
      value);
}

std::uint64_t bytes_of(const WeightSource& weights) {
  std::uint64_t bytes = 0;
  for (const StoredTensor& t : weights.tensors()) bytes += t.size_bytes();
  return bytes;
}

Json describe(const Checkpoint& checkpoint, const std::string& path) {
  const Metadata& metadata = *checkpoint.metadata;
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, int> formats;
  for (const StoredTensor& t : checkpoint.weights->tensors()) {
    parameters += t.shape.elements();
    bytes += t.size_bytes();
    ++formats[std::string(t.format->name)];
  }
  const CanonicalCheckpoint canonical =
      canonical_checkpoint(checkpoint.metadata, checkpoint.weights);
  Json out;
  out["path"] = path;
  out["architecture"] = canonical.metadata->get_or<std::string_view>("general.architecture", "");
  out["name"] = model_title(path, metadata, *checkpoint.weights).text();
  out["parameters"] = parameters;
  out["weight_bytes"] = bytes;
  out["tensors"] = checkpoint.weights->tensors().size();
  out["formats"] = formats;
  const auto encoder = canonical_encoder(checkpoint.metadata, checkpoint.weights, known_encoders());
  const auto hearing =
      canonical_encoder(checkpoint.metadata, checkpoint.weights, known_sound_encoders());
  for (const PassedCount& passed : canonical.passed)
    if ((!encoder && !hearing) || !passed.senses)
      out["not_run"][std::string(passed.what)] = passed.tensors;
  if (encoder) {
    out["pictures"] = {
        {"projector", encoder->metadata->get_or<std::string_view>("clip.projector_type", "")},
        {"layers", encoder->metadata->get_or<std::int64_t>("clip.vision.block_count", 0)},
        {"image_size", encoder->metadata->get_or<std::int64_t>("clip.vision.image_size", 0)},
        {"patch_size", encoder->metadata->get_or<std::int64_t>("clip.vision.patch_size", 0)},
        {"weight_bytes", bytes_of(*encoder->weights)}};
  }
  if (hearing) {
    out["sound"] = {
        {"projector", hearing->metadata->get_or<std::string_view>("clip.projector_type", "")},
        {"layers", hearing->metadata->get_or<std::int64_t>("clip.audio.block_count", 0)},
        {"bands", hearing->metadata->get_or<std::int64_t>("clip.audio.num_mel_bins", 0)},
        {"weight_bytes", bytes_of(*hearing->weights)}};
  }
  out["vocabulary"] = [&]() -> std::size_t {
    const auto* tokens = metadata.get_array<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    if (tokens != nullptr) return tokens->size();
    const StoredTensor* const table = canonical.weights->find("token_embd.weight");
    return table == nullptr ? 0 : static_cast<std::size_t>(table->shape[0]);
  }();
  const ChatTemplates templates = read_chat_templates(checkpoint);
  out["chat_template"] = !templates.empty();
  out["chat_templates"] = templates.names();
  Json& described = out["metadata"] = Json::object();
  for (const std::string_view key : metadata.paths()) {
    if (const MetadataValue* value = metadata.find(key))
      described[std::string(key)] = to_json(*value);
  }
  return out;
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string_view role_of(std::size_t stage, std::size_t stages) {
  if (stages == 1) return "whole";
  if (stage == 0) return "head";
  return stage + 1 == stages ? "tail" : "middle";
}

/// The tokens of the vocabulary that a stage scores; none but at the ends.
std::optional<VocabularyRange> scored_by(const PlannedStage& stage, const ModelInfo& info) {
  if (stage.shard || stage.end != info.layers) return stage.shard;
  return VocabularyRange{TokenId(0), TokenId(static_cast<std::int32_t>(info.vocabulary))};
}

/// What a stage sends on of a token of an answer: its hidden state, and the logits that the head
/// stage wants of the tail where they share the vocabulary. Chosen tokens aren't counted.
std::uint64_t sent_of(const PlannedStage& stage, const ModelInfo& info) {
  const bool last = stage.end == info.layers;
  if (last && (stage.first == 0 || !stage.shard)) return 0;
  const std::int64_t floats = info.width + (last ? stage.shard->size() : 0);
  return static_cast<std::uint64_t>(floats) * sizeof(float);
}

/// A plan for scripts: {"context", "positions", "stages": [{"role", "layers": [first, last],
/// "vocabulary": [first, last] or null, "weight_bytes", "cache_bytes", "seconds_a_token",
/// "sent_bytes_a_token", "threads"}], "shortages": [{"stages": [number], "needed_bytes",
/// "free_bytes"}]}.
Json stage_json(const ModelPlan& plan, const ModelInfo& info, const OpenedModel& opened) {
  Json stages = Json::array();
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const PlannedStage& stage = plan.stages[i];
    const std::optional<VocabularyRange> scored = scored_by(stage, info);
    stages.push_back(
        {{"role", role_of(i, plan.stages.size())},
         {"layers", {stage.first, stage.end - 1}},
         {"vocabulary", scored ? Json{scored->begin.value(), scored->end.value() - 1} : Json()},
         {"weight_bytes", stage.weight_bytes},
         {"cache_bytes", stage.cache_bytes},
         {"seconds_a_token", stage.seconds},
         {"sent_bytes_a_token", sent_of(stage, info)},
         {"threads", opened.places()[i].backend.host_threads().size()}});
  }
  Json shortages = Json::array();
  for (const Shortage& shortage : plan.shortages)
    shortages.push_back({{"stages", shortage.stages},
                         {"needed_bytes", shortage.needed},
                         {"free_bytes", shortage.free}});
  return {{"context", plan.context},
          {"positions", plan.positions},
          {"stages", std::move(stages)},
          {"shortages", std::move(shortages)}};
}

/// The same for people: a line a stage, under a heading.
std::string stage_table(const ModelPlan& plan, const ModelInfo& info, const OpenedModel& opened) {
  std::string out =
      fmt::format("{:6} {:7} {:>9} {:>15} {:>10} {:>10} {:>10} {:>10} {:>8}\n", "stage", "role",
                  "layers", "vocabulary", "weights", "cache", "a token", "sent", "threads");
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const PlannedStage& stage = plan.stages[i];
    const std::optional<VocabularyRange> scored = scored_by(stage, info);
    out += fmt::format(
        "{:<6} {:7} {:>9} {:>15} {:>10} {:>10} {:>7.2f} ms {:>10} {:>8}\n", i,
        role_of(i, plan.stages.size()), fmt::format("{}-{}", stage.first, stage.end - 1),
        scored ? fmt::format("{}-{}", scored->begin.value(), scored->end.value() - 1) : "-",
        byte_text(stage.weight_bytes), byte_text(stage.cache_bytes), stage.seconds * 1e3,
        byte_text(sent_of(stage, info)), opened.places()[i].backend.host_threads().size());
  }
  out += fmt::format("a context of {} tokens, caches for {} of all sequences together\n",
                     plan.context, plan.positions);
  for (const Shortage& shortage : plan.shortages) {
    out += fmt::format(
        "this does not fit: weights and caches of stages {} are {}, and {} are free; --ctx and "
        "--kv-dtype make caches smaller\n",
        fmt::join(shortage.stages, ", "), byte_text(shortage.needed), byte_text(shortage.free));
  }
  return out;
}

void info(const Options& options) {
  const std::string path = resolve_model(options.model).string();
  Json described = describe(open_checkpoint(path), path);
  std::string table;
  if (options.plan->stages != 0 || !options.plan->cuts.empty()) {
    Machine machine;
    const LoadOptions load = load_options(machine, *options.plan);
    const OpenedModel opened(machine, path, load);
    const ModelOutline outline = opened.outline(load);
    if (!outline.info.generates)
      throw InvalidArgument("a model that makes embeddings can't be cut into stages");
    const ModelPlan plan =
        plan_model(outline, load.pipeline, opened.places(), load.cuts, load.lm_head);
    described["plan"] = stage_json(plan, outline.info, opened);
    table = stage_table(plan, outline.info, opened);
  }
  if (options.json) {
    write_output(dump(described, 2) + "\n");
    return;
  }
  if (!table.empty()) {
    write_output(table);
    return;
  }
  std::string out;
  for (const auto& [key, value] : described.items()) {
    if (key == "metadata") continue;
    out += fmt::format("{:14} {}\n", key,
                       value.is_string() ? value.get<std::string>() : dump(value, -1));
  }
  out += "metadata\n";
  for (const auto& [key, value] : described["metadata"].items()) {
    std::string text =
        value.is_string() ? sirocco::quoted(value.get_ref<const std::string&>()) : dump(value, -1);
    if (value.is_object())
      text = fmt::format("({} elements)", value["elements"].get<std::size_t>());
    out += fmt::format("  {:42} {}\n", key, text);
  }
  write_output(terminal_safe(out));
}

}  // namespace

void declare_info(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("model,-m,--model", options->model,
                 "model file or name; the default model without");
  app.add_flag("--json", options->json, "print JSON");
  options->plan = add_plan_options(app);
  app.callback([options] { info(*options); });
}

}  // namespace sirocco
