#include "sirocco/engine/load.hpp"

#include <chrono>
#include <mutex>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/engine/mmproj.hpp"
#include "sirocco/engine/model_plan.hpp"
#include "sirocco/engine/model_stages.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/media/mmproj_settings.hpp"
#include "sirocco/models/registry.hpp"

namespace sirocco {

namespace {

/// Whether it is a file that llama.cpp's converter wrote, whose keys say what a folder's files do.
bool is_mmproj(const Checkpoint& checkpoint) {
  return checkpoint.metadata->find("general.architecture") != nullptr;
}

PictureSettings picture_settings_of(const Checkpoint& from) {
  if (is_mmproj(from)) return mmproj_picture_settings(*from.metadata);
  if (auto found = find_picture_settings(*from.files)) return *std::move(found);
  throw NotFound(
      "{}: nothing says how pictures are prepared; expected a processor_config.json or "
      "preprocessor_config.json",
      from.metadata->origin());
}

/// Files of llama.cpp leave all to the encoder's family, whose sound is prepared as Whisper's.
LogMelConfig sound_settings_of(const Checkpoint& from, const SoundEncoderInfo& encoder) {
  if (!is_mmproj(from) && sound_marks(encoder.projector).says_settings)
    return read_log_mel_config(*from.files);
  LogMelConfig out;
  out.bins = encoder.bins;
  out.window_seconds = static_cast<int>(encoder.window_frames() * out.hop / out.rate);
  return out;
}

}  // namespace

struct LoadedModel::State {
  State(Machine& machine, const std::filesystem::path& path, const LoadOptions& options)
      : opened(machine, path, options),
        title(
            model_title(path, opened.metadata(), *opened.checkpoint().weights, options.quantize)) {}
  OpenedModel opened;
  ModelTitle title;
  std::shared_ptr<LanguagePipeline> pipeline;
  std::shared_ptr<MultimodalPipeline> multimodal;
  std::optional<PictureSettings> picture_settings;
  std::optional<LogMelConfig> sound_settings;
  std::once_flag reader_made;
  std::optional<MediaReader> reader;
  double load_seconds = 0;

  /// Loads the parts that see and hear, where there are such, from a file of their own or this
  /// one's.
  void load_encoders(const std::filesystem::path& path, const LoadOptions& options);
  void load_encoders_of(const std::optional<std::filesystem::path>& mmproj,
                        const LoadOptions& options);
};

void LoadedModel::State::load_encoders(const std::filesystem::path& path,
                                       const LoadOptions& options) {
  if (!options.senses) return;
  if (options.mmproj) return load_encoders_of(options.mmproj, options);
  // Who didn't ask for them gets at least what there was without them.
  try {
    load_encoders_of(find_mmproj(path), options);
  } catch (const Error& e) {
    log_warning("the model takes text only, for its part for pictures or sound can't be run: {}",
                e.what());
  }
}

void LoadedModel::State::load_encoders_of(const std::optional<std::filesystem::path>& mmproj,
                                          const LoadOptions& options) {
  const Checkpoint from = mmproj ? open_checkpoint(*mmproj) : opened.checkpoint();
  std::optional<Encoders> encoders = opened.load_encoders(from, pipeline->info().width, options);
  if (!encoders) {
    if (!mmproj) return;
    throw UnsupportedError("{}: holds no part of a model that sees or hears",
                           from.metadata->origin());
  }
  if (encoders->pictures() != nullptr) picture_settings = picture_settings_of(from);
  if (encoders->sounds() != nullptr)
    sound_settings = sound_settings_of(from, encoders->sounds()->info());
  multimodal = std::make_shared<MultimodalPipeline>(
      pipeline, std::move(*encoders), opened.places().front(), opened.row_products(options));
}

LoadedModel::LoadedModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel& LoadedModel::operator=(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;

LanguagePipeline& LoadedModel::pipeline() const { return *state_->pipeline; }
std::shared_ptr<LanguagePipeline> LoadedModel::shared_pipeline() const { return state_->pipeline; }
std::shared_ptr<MultimodalPipeline> LoadedModel::multimodal_pipeline() const {
  return state_->multimodal;
}

TextHandle LoadedModel::add_to(Engine& engine) const {
  if (state_->multimodal != nullptr) return engine.add(state_->multimodal);
  return engine.add(state_->pipeline);
}

const MediaReader* LoadedModel::media() const {
  if (state_->multimodal == nullptr) return nullptr;
  std::call_once(state_->reader_made, [&] {
    state_->reader.emplace(state_->multimodal, state_->picture_settings, state_->sound_settings,
                           tokenizer());
  });
  return &*state_->reader;
}
const PictureReader* LoadedModel::pictures() const {
  return media() == nullptr ? nullptr : media()->pictures();
}
const SoundReader* LoadedModel::sounds() const {
  return media() == nullptr ? nullptr : media()->sounds();
}

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
  return with_media(make_chat_format(chat_templates(), tokenizer(), name));
}

ChatFormat LoadedModel::with_media(ChatFormat format) const {
  const MediaReader* const reader = media();
  if (reader == nullptr) return format;
  return std::move(format).with_media(reader->placeholders());
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
  const bool senses =
      options.senses && find_encoder(opened.metadata(), known_families().encoders) != nullptr;
  const LoadOptions asked = options;
  if (options.connect) {
    state->pipeline = load_head(opened, options);
  } else {
    std::vector<PlannedStage> stages;
    if (options.stages > 1) {
      stages = cut_model(opened.outline(options), options.pipeline, stage_devices(opened.places()),
                         options.cuts, options.lm_head);
    }
    // By their own type: what this loader adds to the options is none of `opened`'s business.
    opened.load(
        static_cast<const OpenOptions&>(options),
        [&](ModelBuilder& builder) {
          if (stages.empty()) stages.push_back({.first = 0, .end = builder.info().layers});
          state->pipeline =
              make_language_pipeline(builder, opened.places(), std::move(options.pipeline), stages);
        },
        senses);
  }
  state->load_encoders(path, asked);
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

ModelKind model_kind(Machine& machine, const std::filesystem::path& path,
                     const OpenOptions& options) {
  if (DiffusersFolder::is_at(path)) return ModelKind::kImages;
  OpenOptions open = options;
  open.progress = {};
  OpenedModel opened(machine, path, open);
  if (describes_speech_model(opened.metadata())) return ModelKind::kSpeech;
  bool generates = false;
  opened.load(open, [&](ModelBuilder& builder) { generates = builder.info().generates; });
  return generates ? ModelKind::kText : ModelKind::kEmbedder;
}

}  // namespace sirocco
