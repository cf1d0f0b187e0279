#include "sirocco/pipeline/diffusion_work.hpp"

#include <algorithm>
#include <new>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/latents.hpp"

namespace sirocco {
namespace {

std::vector<std::int32_t> all_rows(std::int64_t count) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(static_cast<std::int32_t>(i));
  return out;
}

/// Of planes [L, h, w] the rows [h · w, L].
std::vector<float> rows_of_planes(std::span<const float> planes, std::int64_t channels) {
  const std::size_t count = planes.size() / static_cast<std::size_t>(channels);
  std::vector<float> out(planes.size());
  for (std::size_t i = 0; i < planes.size(); ++i)
    out[i % count * static_cast<std::size_t>(channels) + i / count] = planes[i];
  return out;
}

/// The mask of latents, f32 [h · w, L], of that of pixels.
std::vector<float> mask_of_latents(const std::vector<std::uint8_t>& pixels, PictureExtent latents,
                                   std::int64_t scale, std::int64_t channels) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(latents.pixels() * channels));
  for (std::int64_t y = 0; y < latents.height; ++y) {
    for (std::int64_t x = 0; x < latents.width; ++x) {
      const std::int64_t at = y * scale * latents.width * scale + x * scale;
      const float value = pixels[static_cast<std::size_t>(at)] != 0 ? 1.0f : 0.0f;
      out.insert(out.end(), static_cast<std::size_t>(channels), value);
    }
  }
  return out;
}

}  // namespace

DiffusionWork::DiffusionWork(const DiffusionModel& model, DiffusionJob job,
                             const DiffusionTerms& terms, ByteLedger::Reservation held, Seat seat)
    : model_(&model),
      job_(std::move(job)),
      terms_(terms),
      held_(std::move(held)),
      seat_(std::move(seat)),
      state_(Encoding{TextPass(model.text.encoder, model.text.layer_products, job_.text,
                               all_rows(std::ssize(job_.text))),
                      TextPass(model.pooled.encoder, model.pooled.layer_products, job_.pooled_text,
                               {static_cast<std::int32_t>(model.text_end.row(job_.pooled_text))}),
                      source_pass()}) {}

PictureExtent DiffusionWork::latents() const {
  return {terms_.grid.rows * terms_.latents_a_side, terms_.grid.columns * terms_.latents_a_side};
}

std::optional<EncodingPass> DiffusionWork::source_pass() {
  if (!job_.source) return std::nullopt;
  const std::int64_t channels = model_->encoder->latent_channels();
  const std::vector<float> noise =
      job_.source->noise.empty()
          ? gaussian_noise(job_.seed, job_.number, NoiseUse::kSource, latents().pixels() * channels)
          : std::exchange(job_.source->noise, {});
  return EncodingPass({model_->encoder, rows_of_planes(noise, channels)},
                      std::exchange(job_.source->pixels, {}), latents());
}

double DiffusionWork::decoding_cost() const {
  double products = 0;
  for (std::int32_t i = 0; i < model_->decoder->layers(); ++i)
    products += model_->decoder->products(latents(), LayerIndex(i));
  return products;
}

double DiffusionWork::left() const {
  if (const auto* const texts = std::get_if<Encoding>(&state_))
    return texts->text.left() + texts->pooled.left() + (texts->source ? texts->source->left() : 0);
  if (const auto* const pass = std::get_if<DenoisingPass>(&state_))
    return pass->left() + decoding_cost();
  if (const auto* const telling = std::get_if<Telling>(&state_))
    return telling->partial.left() + telling->rest.left() + decoding_cost();
  if (const auto* const pass = std::get_if<DecodingPass>(&state_)) return pass->left();
  return 0;
}

Demand DiffusionWork::demand() const {
  if (ending_) return {};
  return {.rows = encoded_rows(left()), .encodes = true};
}

std::optional<DiffusionEvent> DiffusionWork::next_event() {
  if (events_.empty()) return std::nullopt;
  DiffusionEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Usage DiffusionWork::usage() const {
  std::int64_t steps = terms_.steps;
  if (std::holds_alternative<Encoding>(state_)) steps = 0;
  if (const auto* const pass = std::get_if<DenoisingPass>(&state_)) steps = pass->steps_done();
  if (const auto* const telling = std::get_if<Telling>(&state_)) steps = telling->rest.steps_done();
  return {.prompt = std::ssize(job_.text), .generated = steps};
}

void DiffusionWork::advance(double budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ending_);
  const auto fail = [&](ErrorKind kind, std::string message) {
    ending_ = {.reason = FinishReason::kFailed, .error = kind, .message = std::move(message)};
    state_ = Done();
    held_ = {};
  };
  try {
    run(budget, backend, memory);
  } catch (const Error& e) {
    fail(e.kind(), e.what());
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kResourceExhausted, "there is no memory to make a picture");
  }
}

DenoisingPass DiffusionWork::denoising(Encoding& done) {
  const std::int64_t channels = model_->decoder->latent_channels();
  const std::int32_t side = terms_.latents_a_side;
  const PatchGrid grid = terms_.grid;
  const std::vector<float> planes =
      job_.noise.empty()
          ? gaussian_noise(job_.seed, job_.number, NoiseUse::kStart, latents().pixels() * channels)
          : std::exchange(job_.noise, {});
  std::vector<float> noise = packed_planes(planes, channels, grid, side);
  std::vector<float> levels = model_->schedule.levels(job_.steps, grid.patches());
  DenoisingTask task{.text = done.text.rows(),
                     .pooled = done.pooled.rows(),
                     .grid = grid,
                     .levels = {levels.begin() + terms_.first_step, levels.end()},
                     .guidance = job_.guidance};
  if (!done.source) {
    task.latents = std::move(noise);
    return {model_->denoiser, std::move(task)};
  }
  std::vector<float> source = packed_rows(done.source->take_output(), channels, grid, side);
  task.latents = noised(source, noise, task.levels.front());
  if (const std::vector<std::uint8_t>& mask = job_.source->mask; !mask.empty()) {
    const std::vector<float> rows =
        mask_of_latents(mask, latents(), model_->encoder->scale(), channels);
    task.kept = KeptLatents{.latents = std::move(source),
                            .noise = std::move(noise),
                            .mask = packed_rows(rows, channels, grid, side)};
  }
  return {model_->denoiser, std::move(task)};
}

DecodingPass DiffusionWork::decoding(const std::vector<float>& latents) const {
  std::vector<float> rows = unpacked_rows(latents, model_->decoder->latent_channels(), terms_.grid,
                                          terms_.latents_a_side);
  return {{model_->decoder}, std::move(rows), this->latents()};
}

bool DiffusionWork::tells_behind(std::int64_t step) const {
  for (std::int64_t i = 1; i <= job_.partials; ++i)
    if (i * terms_.steps / (job_.partials + 1) == step) return true;
  return false;
}

void DiffusionWork::run(double budget, Backend& backend, StepMemory& memory) {
  if (auto* const texts = std::get_if<Encoding>(&state_)) {
    if (!texts->pooled.ended())
      texts->pooled.advance(budget, backend, memory);
    else if (!texts->text.ended())
      texts->text.advance(budget, backend, memory);
    else
      texts->source->advance(budget, backend, memory);
    if (texts->text.ended() && (!texts->source || texts->source->ended()))
      state_ = denoising(*texts);
    return;
  }
  if (auto* const pass = std::get_if<DenoisingPass>(&state_)) {
    const std::int64_t before = pass->steps_done();
    pass->advance(budget, backend, memory);
    const std::int64_t step = pass->steps_done();
    if (step > before) events_.push_back(DenoisedStep{step});
    if (pass->ended()) {
      state_ = decoding(pass->latents());
    } else if (step > before && tells_behind(step)) {
      DecodingPass partial = decoding(pass->expected());
      state_ = Telling{std::move(*pass), std::move(partial)};
    }
    return;
  }
  if (auto* const telling = std::get_if<Telling>(&state_)) {
    telling->partial.advance(budget, backend, memory);
    if (!telling->partial.ended()) return;
    events_.push_back(PartialPicture{++partials_, {job_.size, telling->partial.take_output()}});
    DenoisingPass rest = std::move(telling->rest);
    state_ = std::move(rest);
    return;
  }
  auto& pass = std::get<DecodingPass>(state_);
  pass.advance(budget, backend, memory);
  if (!pass.ended()) return;
  events_.push_back(DrawnPixels{job_.size, pass.take_output()});
  ending_ = Ending{.reason = FinishReason::kStop};
  state_ = Done();
  held_ = {};
}

}  // namespace sirocco
