#include "sirocco/engine/load.hpp"

#include <chrono>
#include <utility>

#include "sirocco/engine/model_plan.hpp"
#include "sirocco/engine/model_stages.hpp"
#include "sirocco/engine/text_source.hpp"

namespace sirocco {

struct LoadedModel::State {
  State(Machine& machine, const std::filesystem::path& path, const LoadOptions& options)
      : opened(machine, path, options),
        title(
            model_title(path, opened.metadata(), *opened.checkpoint().weights, options.quantize)) {}
  OpenedModel opened;
  ModelTitle title;
  std::shared_ptr<LanguagePipeline> pipeline;
  double load_seconds = 0;
};

LoadedModel::LoadedModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel& LoadedModel::operator=(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;

LanguagePipeline& LoadedModel::pipeline() const { return *state_->pipeline; }
std::shared_ptr<LanguagePipeline> LoadedModel::shared_pipeline() const { return state_->pipeline; }
const Metadata& LoadedModel::metadata() const { return state_->opened.metadata(); }
const WeightSource& LoadedModel::weights() const { return *state_->opened.checkpoint().weights; }
Machine& LoadedModel::machine() const { return state_->opened.machine(); }
Backend& LoadedModel::backend() const { return state_->opened.backend(); }
int LoadedModel::threads() const { return state_->opened.threads(); }
Isa LoadedModel::isa() const { return state_->opened.isa(); }
const ModelTitle& LoadedModel::title() const { return state_->title; }
double LoadedModel::load_seconds() const { return state_->load_seconds; }
const Tokenizer& LoadedModel::tokenizer() const { return state_->opened.tokenizer(); }

ChatFormat LoadedModel::chat_format(std::optional<std::string_view> name) const {
  return make_chat_format(chat_templates(), tokenizer(), name);
}

RecommendedGeneration LoadedModel::recommended_generation() const {
  return sirocco::recommended_generation(metadata(), chat_sampling(), info().vocabulary);
}

ChatTemplates LoadedModel::chat_templates() const {
  return read_chat_templates(state_->opened.checkpoint());
}

LoadedModel load_language_model(Machine& machine, const std::filesystem::path& path,
                                LoadOptions options) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  if (!options.cuts.empty()) options.stages = static_cast<int>(options.cuts.size()) + 1;
  if (options.connect) options.stages = 1;  // in this process
  auto state = std::make_unique<LoadedModel::State>(machine, path, options);
  OpenedModel& opened = state->opened;
  if (options.connect) {
    state->pipeline = load_head(opened, options);
  } else {
    if (options.stages > 1) {
      options.cuts = cuts_of(cut_model(opened.outline(options), options.pipeline,
                                       stage_devices(opened.places()), options.cuts));
    }
    // By their own type: what this loader adds to the options is none of `opened`'s business.
    opened.load(static_cast<const OpenOptions&>(options), [&](ModelBuilder& builder) {
      state->pipeline = make_language_pipeline(builder, opened.places(),
                                               std::move(options.pipeline), options.cuts);
    });
  }
  state->load_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return LoadedModel(std::move(state));
}

std::shared_ptr<EmbeddingPipeline> LoadedModel::make_embedding_pipeline(
    EmbeddingPipelineOptions options) const {
  std::optional<Head> parts = pipeline().embedding_parts();
  if (!parts) {
    // Whoever asks over HTTP hears of it: no path.
    throw UnsupportedError("a model that is cut into stages makes no embeddings");
  }
  if (!options.pooling && !info().pooling) {
    options.pooling = Pooling::kLast;
    if (!options.normalize) options.normalize = true;
  }
  return std::make_shared<EmbeddingPipeline>(info(), std::move(*parts), std::vector<Linear>(),
                                             state_->opened.places().front(), std::move(options));
}

bool model_generates(Machine& machine, const std::filesystem::path& path,
                     const OpenOptions& options) {
  OpenOptions open = options;
  open.progress = {};
  bool generates = false;
  OpenedModel(machine, path, open).load(open, [&](ModelBuilder& builder) {
    generates = builder.info().generates;
  });
  return generates;
}

}  // namespace sirocco
