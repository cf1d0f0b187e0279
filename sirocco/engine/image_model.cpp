#include "sirocco/engine/image_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/media/picture_values.hpp"
#include "sirocco/media/resize.hpp"
#include "sirocco/models/flux.hpp"
#include "sirocco/models/layer_costs.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/text/fixed_length.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {
namespace {

/// Tells one caller of the loading of several parts as of one.
class PartsProgress {
 public:
  PartsProgress(LoadProgress tell, std::span<const Checkpoint* const> parts)
      : tell_(std::move(tell)) {
    for (const Checkpoint* part : parts) total_ += bytes_of(*part);
  }
  /// Of the part whose turn it is.
  LoadProgress next(const Checkpoint& part) {
    const std::uint64_t before = std::exchange(before_, before_ + bytes_of(part));
    if (!tell_) return {};
    return [this, before, bytes = bytes_of(part)](std::uint64_t done, std::uint64_t total) {
      const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
      tell_(before + static_cast<std::uint64_t>(share * static_cast<double>(bytes)), total_);
    };
  }

 private:
  static std::uint64_t bytes_of(const Checkpoint& part) {
    std::uint64_t bytes = 0;
    for (const StoredTensor& tensor : part.weights->tensors()) bytes += tensor.bytes.size();
    return bytes;
  }

  LoadProgress tell_;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;
};

CanonicalCheckpoint canonical_part(const Checkpoint& part, const FolderSchema* schema,
                                   const Format* quantize) {
  CanonicalCheckpoint canonical = schema != nullptr
                                      ? canonical_checkpoint(part.metadata, part.weights, *schema)
                                      : canonical_checkpoint(part.metadata, part.weights);
  log_passed(canonical.weights->origin(), canonical.passed);
  if (quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *quantize);
  return canonical;
}

double layer_products(const CanonicalCheckpoint& canonical) {
  const LayerCosts costs = layer_costs(*canonical.metadata, *canonical.weights);
  double products = 0;
  for (const PartCost& layer : costs.layers) products += static_cast<double>(layer.products);
  return products / static_cast<double>(std::max<std::size_t>(costs.layers.size(), 1));
}

/// Of pictures as diffusers makes them where nobody says otherwise: of the size that the
/// autoencoder was made for. Models that aren't guided were trained to need few steps.
ImageDefaults defaults_of(const Checkpoint& vae, const DenoiserInfo& denoiser, std::int32_t patch) {
  constexpr std::int64_t kUsual = 1024;
  constexpr std::int64_t kMost = 4096;
  const std::int64_t wanted = std::max<std::int64_t>(
      std::min(vae.metadata->get_or<std::int64_t>("config.sample_size", kUsual), kMost), patch);
  const int whole = static_cast<int>(wanted / patch * patch);
  return {.size = {whole, whole},
          .steps = denoiser.guided ? 28 : 4,
          .guidance = 3.5f,
          .guided = denoiser.guided};
}

/// Files for drawing alone may lack it.
bool has_encoder(const WeightSource& vae) {
  return std::ranges::any_of(vae.tensors(), [](const StoredTensor& tensor) {
    return tensor.name.starts_with("encoder.");
  });
}

/// The size that a picture of that size is drawn in: of its shape, in whole patches.
PictureSize fitted(PictureSize size, PictureSize usual, std::int32_t patch) {
  const double pixels = static_cast<double>(size.width) * size.height;
  const double most = static_cast<double>(usual.width) * usual.height;
  const double scale = pixels > most ? std::sqrt(most / pixels) : 1.0;
  const auto side = [&](int pixels_a_side) {
    return std::max(patch, static_cast<int>(pixels_a_side * scale) / patch * patch);
  };
  return {side(size.width), side(size.height)};
}

std::uint8_t brightness(std::span<const std::uint8_t> color) {
  // ITU-R 601-2, in whole numbers.
  return static_cast<std::uint8_t>(
      (color[0] * 19595 + color[1] * 38470 + color[2] * 7471 + 0x8000) >> 16);
}

/// A byte a pixel, 1 where the mask is bright.
std::vector<std::uint8_t> mask_pixels(const Picture& mask) {
  constexpr int kBright = 128;
  std::vector<std::uint8_t> out;
  const std::span<const std::uint8_t> bytes = mask.bytes();
  for (std::size_t i = 0; i < bytes.size(); i += 3)
    out.push_back(brightness(bytes.subspan(i, 3)) >= kBright ? 1 : 0);
  return out;
}

SourcePicture prepared(const ImageSource& source, PictureSize size) {
  SourcePicture out{
      .pixels = values_of_picture(resized(source.picture, size, Resampling::kLanczos)),
      .strength = source.strength};
  if (source.mask) out.mask = mask_pixels(resized(*source.mask, size, Resampling::kLanczos));
  return out;
}

}  // namespace

struct LoadedImageModel::State {
  State(Machine& machine, const OpenOptions& open)
      : isa(open.isa.value_or(best_isa(CpuFeatures::detect()))),
        threads(machine.threads(open.placement)),
        ledger(machine.ledger(open.placement.device)),
        backend(make_cpu_backend(isa, threads, &ledger)) {}

  Isa isa;
  ThreadGroup& threads;
  ByteLedger& ledger;
  std::unique_ptr<Backend> backend;
  std::optional<Tokenizer> text_tokenizer;
  std::optional<Tokenizer> pooled_tokenizer;
  std::optional<FixedLengthTokenizer> text;
  std::optional<FixedLengthTokenizer> pooled;
  std::shared_ptr<DiffusionPipeline> pipeline;
  ImageDefaults defaults;
  double load_seconds = 0;
};

LoadedImageModel::LoadedImageModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedImageModel::LoadedImageModel(LoadedImageModel&&) noexcept = default;
LoadedImageModel& LoadedImageModel::operator=(LoadedImageModel&&) noexcept = default;
LoadedImageModel::~LoadedImageModel() = default;

DiffusionPipeline& LoadedImageModel::pipeline() const { return *state_->pipeline; }
std::shared_ptr<DiffusionPipeline> LoadedImageModel::shared_pipeline() const {
  return state_->pipeline;
}
const ImageDefaults& LoadedImageModel::defaults() const { return state_->defaults; }
const Tokenizer& LoadedImageModel::tokenizer() const { return *state_->text_tokenizer; }
double LoadedImageModel::load_seconds() const { return state_->load_seconds; }
int LoadedImageModel::threads() const { return state_->threads.size(); }
Isa LoadedImageModel::isa() const { return state_->isa; }

LoadedImageModel::Prepared LoadedImageModel::prepare(ImageRequest request) const {
  FixedLengthTokens text = state_->text->tokenize(request.prompt);
  FixedLengthTokens pooled = state_->pooled->tokenize(request.prompt);
  PictureSize size = state_->defaults.size;
  if (request.size) {
    size = *request.size;
  } else if (request.source) {
    size = fitted(request.source->picture.size(), size, pipeline().limits()->diffusion->patch);
  }
  std::optional<SourcePicture> source;
  if (request.source) {
    const std::int64_t pixels = std::int64_t{size.width} * size.height;
    // A size that can't be is left to the pipeline to refuse.
    const bool can_be =
        size.width > 0 && size.height > 0 && pixels <= pipeline().limits()->diffusion->max_pixels;
    source = can_be ? prepared(*request.source, size) : SourcePicture{};
  }
  return {.job = {.text = std::move(text.tokens),
                  .pooled_text = std::move(pooled.tokens),
                  .size = {size.height, size.width},
                  .steps = request.steps.value_or(state_->defaults.steps),
                  .guidance = request.guidance.value_or(state_->defaults.guidance),
                  .seed = request.seed,
                  .number = request.number,
                  .noise = std::move(request.noise),
                  .source = std::move(source),
                  .partials = request.partials},
          .left_out = state_->text_tokenizer->detokenize(text.left_out),
          .prompt_tokens = text.read};
}

PictureNote LoadedImageModel::note_of(std::string_view prompt, const DiffusionJob& job) const {
  std::string text = fmt::format("{}\nSteps: {}, Sampler: Euler", prompt, job.steps);
  if (state_->defaults.guided) text += fmt::format(", Guidance: {}", job.guidance);
  text += fmt::format(", Seed: {}", job.seed);
  if (job.source) text += fmt::format(", Denoising strength: {}", job.source->strength);
  if (job.number > 0) text += fmt::format(", Number: {}", job.number + 1);
  text += fmt::format(", Size: {}x{}, Model: {}, Version: sirocco {}", job.size.width,
                      job.size.height, pipeline().info().name, SIROCCO_VERSION);
  return {"parameters", std::move(text)};
}

LoadedImageModel load_image_model(Machine& machine, const std::filesystem::path& path,
                                  OpenOptions open, ImageModelOptions options) {
  if (open.stages != 1) throw InvalidArgument("a model that draws has one stage");
  const auto begin = std::chrono::steady_clock::now();
  auto state = std::make_unique<LoadedImageModel::State>(machine, open);
  Backend& backend = *state->backend;

  const DiffusersFolder folder(path);
  const Checkpoint scheduler = folder.open(PartRole::kScheduler);
  const Checkpoint text_files = folder.open(PartRole::kTokenizer2);
  const Checkpoint pooled_files = folder.open(PartRole::kTokenizer);
  const Checkpoint text = folder.open(PartRole::kTextEncoder2);
  const Checkpoint pooled = folder.open(PartRole::kTextEncoder);
  const Checkpoint transformer = folder.open(PartRole::kTransformer);
  const Checkpoint vae = folder.open(PartRole::kVae);
  // What is small may be wrong too, and is said before weights are read.
  const FlowSchedule schedule = read_flow_schedule(*scheduler.metadata);
  state->text_tokenizer.emplace(make_tokenizer(*text_files.files));
  state->pooled_tokenizer.emplace(make_tokenizer(*pooled_files.files));

  PartsProgress progress(std::move(open.progress), std::array{&text, &pooled, &transformer, &vae});
  const auto reader = [&](const Checkpoint& part, const CanonicalCheckpoint& canonical) {
    const auto builder =
        make_model_builder(*canonical.metadata, *canonical.weights, backend, progress.next(part));
    return DiffusionModel::Reader{std::make_shared<const TextEncoder>(*builder),
                                  layer_products(canonical)};
  };
  const CanonicalCheckpoint of_text = canonical_part(text, nullptr, open.quantize);
  DiffusionModel::Reader text_reader = reader(text, of_text);
  const CanonicalCheckpoint of_pooled = canonical_part(pooled, nullptr, open.quantize);
  DiffusionModel::Reader pooled_reader = reader(pooled, of_pooled);
  const CanonicalCheckpoint of_denoiser = canonical_part(transformer, &kFluxFolder, open.quantize);
  AnyDenoiser denoiser = make_denoiser(
      {*of_denoiser.metadata, *of_denoiser.weights, backend, progress.next(transformer)});
  auto decoder = make_vae_decoder(*vae.metadata, vae.weights, backend, progress.next(vae));
  std::shared_ptr<const VaeEncoder> encoder;
  if (options.reads_pictures && has_encoder(*vae.weights))
    encoder = make_vae_encoder(*vae.metadata, vae.weights, backend);

  // Longer ones the model wasn't trained with, whatever the encoder could read.
  const std::int32_t usual_length = denoiser.info().guided ? 512 : 256;
  const std::int32_t text_length =
      std::min({usual_length, text_reader.encoder->info().context_length,
                model_max_length(*text_files.metadata).value_or(usual_length)});
  state->text.emplace(*state->text_tokenizer, text_length);
  const std::int32_t pooled_length = pooled_reader.encoder->info().context_length;
  state->pooled.emplace(
      *state->pooled_tokenizer,
      std::min(pooled_length, model_max_length(*pooled_files.metadata).value_or(pooled_length)));

  ModelInfo info;
  info.architecture = folder.pipeline();
  info.name = path.filename().string();
  info.layers = denoiser.info().layers;
  info.width = denoiser.info().width;
  info.generates = false;
  const DenoiserInfo drawing = denoiser.info();
  state->pipeline = std::make_shared<DiffusionPipeline>(
      std::move(info),
      DiffusionModel{.text = std::move(text_reader),
                     .pooled = std::move(pooled_reader),
                     .text_end = ClipTextEnd(*of_pooled.metadata),
                     .denoiser = std::move(denoiser),
                     .decoder = std::move(decoder),
                     .schedule = schedule,
                     .encoder = std::move(encoder)},
      StagePlace{backend, state->ledger}, options.pipeline);
  state->defaults = defaults_of(vae, drawing, state->pipeline->limits()->diffusion->patch);
  state->load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return LoadedImageModel(std::move(state));
}

}  // namespace sirocco
