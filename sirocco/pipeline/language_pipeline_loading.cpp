#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/local_stages.hpp"
#include "sirocco/quant/panel.hpp"

namespace sirocco {

namespace {

LayerRange range_of(const PlannedStage& stage) {
  return {LayerIndex(stage.first), LayerIndex(stage.end)};
}

/// Loads the parts of a stage, for where it runs.
template <class Role>
PlacedStage<Role> load_stage(ModelBuilder& builder, const PlannedStage& stage,
                             const StagePlace& place) {
  if constexpr (HasLmHeadShard<Role>)
    return PlacedStage<Role>(Stage<Role>(load_parts<Role>(builder, range_of(stage), *stage.shard)),
                             place);
  else
    return PlacedStage<Role>(Stage<Role>(load_parts<Role>(builder, range_of(stage))), place);
}

/// Throws InvalidArgument unless the stages follow one another, none is empty, and both ends have
/// a shard of the vocabulary's head, which make it up, or neither.
void require_chain(const ModelInfo& info, std::span<const PlannedStage> stages) {
  std::int32_t last = 0;
  for (const PlannedStage& stage : stages) {
    if (stage.first != last || stage.end <= last || stage.end > info.layers ||
        (&stage != &stages.back() && stage.end == info.layers)) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            stage.end == info.layers ? stage.end : std::max(stage.first, stage.end),
                            info.layers);
    }
    last = stage.end;
  }
  if (last != info.layers)
    throw InvalidArgument("stages of {} layers for a model of {}", last, info.layers);
  const auto& head = stages.front().shard;
  const auto& tail = stages.back().shard;
  if (!head && !tail) return;
  if (stages.size() < 2 || !head || !tail || head->begin.value() != 0 || head->size() < 1 ||
      head->end != tail->begin || head->end.value() % kPanelRows != 0 || tail->size() < 1 ||
      tail->end.value() != info.vocabulary) {
    throw InvalidArgument("the shards of the vocabulary's head don't make up its {} tokens",
                          info.vocabulary);
  }
}

/// The stages of this process, of which the first is the head stage.
template <class HeadRole, class TailRole>
TextStages load_chain(ModelBuilder& builder, std::span<const StagePlace> places,
                      std::span<const PlannedStage> stages) {
  auto head = load_stage<HeadRole>(builder, stages.front(), places.front());
  std::vector<PlacedStage<Middle>> middles;
  for (std::size_t i = 1; i + 1 < stages.size(); ++i)
    middles.push_back(load_stage<Middle>(builder, stages[i], places[i]));
  auto tail = load_stage<TailRole>(builder, stages.back(), places.back());
  return TextStages(std::move(head),
                    std::make_unique<LocalStages>(std::move(middles), std::move(tail)));
}

TextStages load_stages(ModelBuilder& builder, std::span<const StagePlace> places,
                       std::span<const PlannedStage> stages) {
  if (places.size() != stages.size()) {
    throw InvalidArgument("{} backends were given for {} stages; each needs one of its own",
                          places.size(), stages.size());
  }
  require_chain(builder.info(), stages);
  if (stages.size() == 1)
    return TextStages(load_stage<Whole>(builder, stages.front(), places.front()));
  if (stages.front().shard) return load_chain<ShardedHead, ShardedTail>(builder, places, stages);
  return load_chain<Head, Tail>(builder, places, stages);
}

}  // namespace

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<const StagePlace> places,
                                                         LanguagePipelineOptions options,
                                                         std::span<const PlannedStage> stages) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  TextStages loaded = load_stages(builder, places, stages);
  return std::make_unique<LanguagePipeline>(builder.info(), std::move(loaded), std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<const StagePlace> places,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  std::vector<PlannedStage> stages(cuts.size() + 1);
  for (std::size_t i = 0; i < cuts.size(); ++i)
    stages[i].end = stages[i + 1].first = cuts[i].value();
  stages.back().end = builder.info().layers;
  return make_language_pipeline(builder, places, std::move(options), stages);
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options,
                                                         std::unique_ptr<RemoteStages> behind,
                                                         std::span<const PlannedStage> stages) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  require_chain(builder.info(), stages);
  behind->assign(stages);
  const auto with_head = [&](auto head) {
    behind->loaded();
    return std::make_unique<LanguagePipeline>(
        builder.info(), TextStages(std::move(head), std::move(behind)), std::move(options));
  };
  if (stages.front().shard)
    return with_head(load_stage<ShardedHead>(builder, stages.front(), place));
  return with_head(load_stage<Head>(builder, stages.front(), place));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options) {
  return make_language_pipeline(builder, std::span(&place, 1), std::move(options));
}

}  // namespace sirocco
