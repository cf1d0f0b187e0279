#include "sirocco/pipeline/diffusion_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

// What a step does where nobody else waits: so much that rows are taken together, and so little
// that whoever no longer wants the picture needn't wait.
constexpr double kUsualProducts = 1e11;

/// Latents of a patch's side.
std::int32_t latents_a_side(const DiffusionModel& model) {
  const std::int64_t inputs = model.denoiser.info().inputs;
  const std::int64_t channels = model.decoder->latent_channels();
  const auto side = static_cast<std::int32_t>(
      std::lround(std::sqrt(static_cast<double>(inputs) / static_cast<double>(channels))));
  if (side < 1 || channels * side * side != inputs) {
    throw InvalidArgument(
        "a denoiser of patches of {} elements doesn't fit a decoder of {} channels", inputs,
        channels);
  }
  return side;
}

void require_width(std::string_view what, std::int64_t found, std::int64_t expected) {
  if (found == expected) return;
  throw InvalidArgument("{} makes rows of {}, but the denoiser reads {}", what, found, expected);
}

void require_text(std::string_view what, std::span<const TokenId> tokens, std::int64_t vocabulary,
                  std::int32_t most) {
  if (tokens.empty() || std::ssize(tokens) > most)
    throw InvalidArgument("{} has {} tokens; the model reads 1 to {}", what, tokens.size(), most);
  require_tokens(tokens, vocabulary);
}

/// Of a source's pixels and their mask, and of its latents, noise and mask beside those denoised.
std::uint64_t source_bytes(PictureExtent latents, std::int64_t scale, std::int64_t channels) {
  const auto pixels = static_cast<std::uint64_t>(latents.pixels() * scale * scale);
  return pixels * (3 * sizeof(float) + 1) +
         static_cast<std::uint64_t>(latents.pixels() * channels) * 3 * sizeof(float);
}

/// Empty noise is the seed's.
void require_noise(std::span<const float> noise, std::int64_t latents, std::int64_t channels) {
  if (noise.empty()) return;
  if (std::ssize(noise) != latents * channels) {
    throw InvalidArgument("noise of {} numbers; the picture has {} latents of {} channels",
                          noise.size(), latents, channels);
  }
  if (!std::ranges::all_of(noise, [](float x) { return std::isfinite(x); }))
    throw InvalidArgument("the noise isn't all finite");
}

void require_source(const SourcePicture& source, PictureExtent size) {
  constexpr std::int64_t kColors = 3;
  if (std::ssize(source.pixels) != size.pixels() * kColors) {
    throw InvalidArgument("a source of {} numbers for a picture of {} x {} pixels",
                          source.pixels.size(), size.width, size.height);
  }
  if (!std::ranges::all_of(source.pixels, [](float x) { return x >= -1.0f && x <= 1.0f; }))
    throw InvalidArgument("the source's colours aren't all from -1 to 1");
  if (!source.mask.empty() && std::ssize(source.mask) != size.pixels()) {
    throw InvalidArgument("a mask of {} pixels for a picture of {} x {}", source.mask.size(),
                          size.width, size.height);
  }
}

}  // namespace

CheckedDiffusionJob::CheckedDiffusionJob(const PipelineLimits& limits, DiffusionJob job)
    : job_(std::move(job)) {
  SIROCCO_CHECK(limits.diffusion != nullptr);
  const DiffusionLimits& own = *limits.diffusion;
  require_text("the text", job_.text, own.text_vocabulary, own.max_text);
  require_text("the text as a whole", job_.pooled_text, own.pooled_vocabulary, own.max_pooled_text);
  const auto [height, width] = job_.size;
  if (width < own.patch || height < own.patch || width % own.patch != 0 ||
      height % own.patch != 0) {
    throw InvalidArgument("a picture of {} x {} pixels: both have to be multiples of {}", width,
                          height, own.patch);
  }
  if (job_.size.pixels() > own.max_pixels) {
    throw InvalidArgument("a picture of {} x {} pixels is larger than {} pixels", width, height,
                          own.max_pixels);
  }
  if (job_.steps < 1 || job_.steps > own.max_steps)
    throw InvalidArgument("{} steps of denoising; there are 1 to {}", job_.steps, own.max_steps);
  if (!std::isfinite(job_.guidance)) throw InvalidArgument("guidance is {}", job_.guidance);
  terms_.grid = {height / own.patch, width / own.patch};
  terms_.latents_a_side = own.latents_a_side;
  terms_.steps = job_.steps;
  if (job_.partials < 0 || job_.partials > job_.steps)
    throw InvalidArgument("{} partial pictures in {} steps", job_.partials, job_.steps);
  terms_.bytes = own.bytes(std::ssize(job_.text), terms_.grid,
                           {.source = job_.source.has_value(), .partials = job_.partials > 0});
  const std::int64_t latents = terms_.grid.patches() * own.latents_a_side * own.latents_a_side;
  require_noise(job_.noise, latents, own.latent_channels);
  if (!job_.source) return;
  if (!own.reads_pictures)
    throw UnsupportedError("the model was loaded without what reads pictures, to draw from them");
  terms_.first_step = first_step(job_.steps, job_.source->strength);
  terms_.steps -= terms_.first_step;
  require_source(*job_.source, job_.size);
  require_noise(job_.source->noise, latents, own.latent_channels);
}

DiffusionPipeline::DiffusionPipeline(ModelInfo info, DiffusionModel model, const StagePlace& place,
                                     const DiffusionPipelineOptions& options)
    : info_(std::move(info)),
      model_(std::move(model)),
      backend_(place.backend),
      ledger_(place.ledger),
      memory_(&place.ledger) {
  const DiffusionLimits own{
      .text_vocabulary = model_.text.encoder->info().vocabulary,
      .pooled_vocabulary = model_.pooled.encoder->info().vocabulary,
      .max_text = model_.text.encoder->info().context_length,
      .max_pooled_text = model_.pooled.encoder->info().context_length,
      .patch = latents_a_side(model_) * model_.decoder->scale(),
      .latents_a_side = latents_a_side(model_),
      .latent_channels = model_.decoder->latent_channels(),
      .max_pixels = options.max_pixels,
      .max_steps = options.max_steps,
      .reads_pictures = model_.encoder != nullptr,
      .bytes = [denoiser = model_.denoiser, decoder = model_.decoder, encoder = model_.encoder,
                side = latents_a_side(model_)](std::int64_t text_rows, PatchGrid grid,
                                               HeldBeside beside) {
        const PictureExtent latents{grid.rows * side, grid.columns * side};
        const std::uint64_t denoising = DenoisingPass::bytes(denoiser, text_rows, grid);
        const std::uint64_t decoding = decoder->stream_bytes(latents);
        const std::uint64_t drawn =
            beside.partials ? denoising + decoding : std::max(denoising, decoding);
        if (!beside.source || encoder == nullptr) return drawn;
        return std::max(drawn, encoder->stream_bytes(latents)) +
               source_bytes(latents, encoder->scale(), encoder->latent_channels());
      }};
  require_width("the encoder of the text", model_.text.encoder->info().width,
                model_.denoiser.info().text_width);
  require_width("the encoder of the text as a whole", model_.pooled.encoder->info().width,
                model_.denoiser.info().pooled_width);
  if (model_.encoder != nullptr &&
      (model_.encoder->latent_channels() != model_.decoder->latent_channels() ||
       model_.encoder->scale() != model_.decoder->scale()))
    throw InvalidArgument("the halves of the autoencoder have latents of their own each");
  if (options.max_pictures < 1 || options.max_pixels < 1 || options.max_steps < 1)
    throw InvalidArgument("{} pictures of {} pixels in {} steps: there must be one of each",
                          options.max_pictures, options.max_pixels, options.max_steps);
  limits_ = std::make_shared<const PipelineLimits>(
      PipelineLimits{.max_step = 1,
                     .usual_step = 1,
                     .max_sequences = options.max_pictures,
                     .encoded_a_row = kUsualProducts / kEncodedProducts,
                     .diffusion = std::make_shared<const DiffusionLimits>(own)});
}

DiffusionPipeline::~DiffusionPipeline() = default;

std::optional<DiffusionWork> DiffusionPipeline::begin(CheckedDiffusionJob& job) {
  if (*running_ >= limits_->max_sequences) return std::nullopt;
  const std::uint64_t bytes = job.terms_.bytes;
  if (*running_ > 0 && bytes > ledger_.free()) return std::nullopt;
  ByteLedger::Reservation held = ledger_.reserve(bytes, "pictures in the making");
  return DiffusionWork(model_, std::move(job.job_), job.terms_, std::move(held), Seat(running_));
}

Ticket DiffusionPipeline::submit(std::span<const Share<DiffusionWork>> shares) {
  const auto begin = Clock::now();
  for (const Share<DiffusionWork>& share : shares)
    share.work->advance(static_cast<double>(share.rows) * kEncodedProducts, backend_, memory_);
  seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
  return Ticket(++steps_);
}

double DiffusionPipeline::wait(Ticket ticket) {
  SIROCCO_CHECK(ticket.number() == steps_);
  return seconds_;
}

}  // namespace sirocco
