#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/local_stages.hpp"

namespace sirocco {

namespace {

/// Loads the parts of a stage, for the backend that it runs on.
template <class Role>
PlacedStage<Role> load_stage(ModelBuilder& builder, LayerRange range, Backend& backend) {
  return PlacedStage<Role>(Stage<Role>(load_parts<Role>(builder, range)), backend);
}

TextStages load_stages(ModelBuilder& builder, std::span<Backend* const> backends,
                       ByteLedger& ledger, std::span<const LayerIndex> cuts) {
  if (backends.size() != cuts.size() + 1) {
    throw InvalidArgument("{} backends were given for {} stages; each needs one of its own",
                          backends.size(), cuts.size() + 1);
  }
  if (cuts.empty()) {
    return TextStages(load_stage<Whole>(builder, builder.all_layers(), *backends.front()));
  }
  std::int32_t last = 0;
  for (const LayerIndex cut : cuts) {
    if (cut.value() <= last || cut.value() >= builder.info().layers) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            cut.value(), builder.info().layers);
    }
    last = cut.value();
  }
  auto head = load_stage<Head>(builder, {LayerIndex(0), cuts.front()}, *backends.front());
  std::vector<PlacedStage<Middle>> middles;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    middles.push_back(load_stage<Middle>(builder, {cuts[i], cuts[i + 1]}, *backends[i + 1]));
  auto tail =
      load_stage<Tail>(builder, {cuts.back(), LayerIndex(builder.info().layers)}, *backends.back());
  return TextStages(std::move(head),
                    std::make_unique<LocalStages>(std::move(middles), std::move(tail), ledger));
}

}  // namespace

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<Backend* const> backends,
                                                         ByteLedger& ledger,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  TextStages stages = load_stages(builder, backends, ledger, cuts);
  return std::make_unique<LanguagePipeline>(builder.info(), std::move(stages), ledger,
                                            std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder, Backend& backend,
                                                         ByteLedger& ledger,
                                                         LanguagePipelineOptions options,
                                                         std::unique_ptr<RemoteStages> behind,
                                                         std::span<const PlannedStage> stages) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  behind->assign(stages);
  auto head = load_stage<Head>(builder, {LayerIndex(0), LayerIndex(stages.front().end)}, backend);
  behind->loaded();
  return std::make_unique<LanguagePipeline>(
      builder.info(), TextStages(std::move(head), std::move(behind)), ledger, std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder, Backend& backend,
                                                         ByteLedger& ledger,
                                                         LanguagePipelineOptions options) {
  Backend* const one = &backend;
  return make_language_pipeline(builder, std::span(&one, 1), ledger, std::move(options));
}

}  // namespace sirocco
