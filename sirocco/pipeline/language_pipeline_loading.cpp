#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/local_stages.hpp"

namespace sirocco {

namespace {

/// Loads the parts of a stage, for where it runs.
template <class Role>
PlacedStage<Role> load_stage(ModelBuilder& builder, LayerRange range, const StagePlace& place) {
  return PlacedStage<Role>(Stage<Role>(load_parts<Role>(builder, range)), place);
}

TextStages load_stages(ModelBuilder& builder, std::span<const StagePlace> places,
                       std::span<const LayerIndex> cuts) {
  if (places.size() != cuts.size() + 1) {
    throw InvalidArgument("{} backends were given for {} stages; each needs one of its own",
                          places.size(), cuts.size() + 1);
  }
  if (cuts.empty()) {
    return TextStages(load_stage<Whole>(builder, builder.all_layers(), places.front()));
  }
  std::int32_t last = 0;
  for (const LayerIndex cut : cuts) {
    if (cut.value() <= last || cut.value() >= builder.info().layers) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            cut.value(), builder.info().layers);
    }
    last = cut.value();
  }
  auto head = load_stage<Head>(builder, {LayerIndex(0), cuts.front()}, places.front());
  std::vector<PlacedStage<Middle>> middles;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    middles.push_back(load_stage<Middle>(builder, {cuts[i], cuts[i + 1]}, places[i + 1]));
  auto tail =
      load_stage<Tail>(builder, {cuts.back(), LayerIndex(builder.info().layers)}, places.back());
  return TextStages(std::move(head),
                    std::make_unique<LocalStages>(std::move(middles), std::move(tail)));
}

}  // namespace

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<const StagePlace> places,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  TextStages stages = load_stages(builder, places, cuts);
  return std::make_unique<LanguagePipeline>(builder.info(), std::move(stages), std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options,
                                                         std::unique_ptr<RemoteStages> behind,
                                                         std::span<const PlannedStage> stages) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  behind->assign(stages);
  auto head = load_stage<Head>(builder, {LayerIndex(0), LayerIndex(stages.front().end)}, place);
  behind->loaded();
  return std::make_unique<LanguagePipeline>(
      builder.info(), TextStages(std::move(head), std::move(behind)), std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options) {
  return make_language_pipeline(builder, std::span(&place, 1), std::move(options));
}

}  // namespace sirocco
