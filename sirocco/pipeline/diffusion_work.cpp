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

}  // namespace

DiffusionWork::DiffusionWork(const DiffusionModel& model, DiffusionJob job,
                             const DiffusionTerms& terms, ByteLedger::Reservation held, Seat seat)
    : model_(&model),
      job_(std::move(job)),
      terms_(terms),
      held_(std::move(held)),
      seat_(std::move(seat)),
      state_(
          Encoding{TextPass(model.text.encoder, model.text.layer_products, job_.text,
                            all_rows(std::ssize(job_.text))),
                   TextPass(model.pooled.encoder, model.pooled.layer_products, job_.pooled_text,
                            {static_cast<std::int32_t>(model.text_end.row(job_.pooled_text))})}) {}

double DiffusionWork::left() const {
  const auto decoding = [&] {
    double products = 0;
    const PictureExtent latents{terms_.grid.rows * terms_.latents_a_side,
                                terms_.grid.columns * terms_.latents_a_side};
    for (std::int32_t i = 0; i < model_->decoder->layers(); ++i)
      products += model_->decoder->products(latents, LayerIndex(i));
    return products;
  };
  if (const auto* const texts = std::get_if<Encoding>(&state_))
    return texts->text.left() + texts->pooled.left();
  if (const auto* const pass = std::get_if<DenoisingPass>(&state_))
    return pass->left() + decoding();
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

DenoisingPass DiffusionWork::denoising(const Encoding& texts) {
  const std::int64_t channels = model_->decoder->latent_channels();
  const std::int32_t side = terms_.latents_a_side;
  const std::int64_t count = terms_.grid.patches() * side * side * channels;
  const std::vector<float> noise = job_.noise.empty()
                                       ? gaussian_noise(job_.seed, job_.number, count)
                                       : std::exchange(job_.noise, {});
  return {model_->denoiser,
          {.text = texts.text.rows(),
           .pooled = texts.pooled.rows(),
           .latents = packed_planes(noise, channels, terms_.grid, side),
           .grid = terms_.grid,
           .levels = model_->schedule.levels(job_.steps, terms_.grid.patches()),
           .guidance = job_.guidance}};
}

void DiffusionWork::run(double budget, Backend& backend, StepMemory& memory) {
  if (auto* const texts = std::get_if<Encoding>(&state_)) {
    TextPass& next = texts->pooled.ended() ? texts->text : texts->pooled;
    next.advance(budget, backend, memory);
    if (texts->text.ended()) state_ = denoising(*texts);
    return;
  }
  if (auto* const pass = std::get_if<DenoisingPass>(&state_)) {
    const std::int64_t before = pass->steps_done();
    pass->advance(budget, backend, memory);
    if (pass->steps_done() > before) events_.push_back(DenoisedStep{pass->steps_done()});
    if (!pass->ended()) return;
    const std::int32_t side = terms_.latents_a_side;
    const PictureExtent extent{terms_.grid.rows * side, terms_.grid.columns * side};
    std::vector<float> rows =
        unpacked_rows(pass->latents(), model_->decoder->latent_channels(), terms_.grid, side);
    state_ = DecodingPass(model_->decoder, std::move(rows), extent);
    return;
  }
  auto& pass = std::get<DecodingPass>(state_);
  pass.advance(budget, backend, memory);
  if (!pass.ended()) return;
  events_.push_back(DrawnPixels{job_.size, std::move(pass).take_pixels()});
  ending_ = Ending{.reason = FinishReason::kStop};
  state_ = Done();
  held_ = {};
}

}  // namespace sirocco
