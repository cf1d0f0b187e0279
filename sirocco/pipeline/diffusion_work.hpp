#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "sirocco/models/clip_text.hpp"
#include "sirocco/pipeline/denoising_pass.hpp"
#include "sirocco/pipeline/diffusion_job.hpp"
#include "sirocco/pipeline/flow_schedule.hpp"
#include "sirocco/pipeline/picture_pass.hpp"
#include "sirocco/pipeline/text_pass.hpp"

namespace sirocco {

/// A DiffusionModel is the parts of a model that makes pictures of texts.
struct DiffusionModel {
  /// What reads a text, and the products of two numbers that a token takes in a layer of it.
  struct Reader {
    std::shared_ptr<const TextEncoder> encoder;
    double layer_products = 0;
  };
  Reader text;           ///< a row for each token
  Reader pooled;         ///< a row for the whole text
  ClipTextEnd text_end;  ///< which row that is
  AnyDenoiser denoiser;
  std::shared_ptr<const VaeDecoder> decoder;
  FlowSchedule schedule;
  /// Null: no picture is drawn from another.
  std::shared_ptr<const VaeEncoder> encoder = nullptr;
};

/// A DiffusionWork is a picture in the making: its text is read, and the picture that it is drawn
/// from, its latents are denoised, and pixels are made of them. It advances by some rows of a
/// layer, or by a layer.
class DiffusionWork {
 public:
  DiffusionWork(DiffusionWork&&) noexcept = default;
  DiffusionWork& operator=(DiffusionWork&&) noexcept = default;

  Demand demand() const;
  std::optional<DiffusionEvent> next_event();
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const;

 private:
  friend class DiffusionPipeline;

  struct Encoding {
    TextPass text;
    TextPass pooled;
    std::optional<EncodingPass> source;
  };
  /// A partial picture that is made pixels of, while the rest waits.
  struct Telling {
    DenoisingPass rest;
    DecodingPass partial;
  };
  struct Done {};

  DiffusionWork(const DiffusionModel& model, DiffusionJob job, const DiffusionTerms& terms,
                ByteLedger::Reservation held, Seat seat);

  double left() const;
  /// Goes on for about so many products. What goes wrong is its end.
  void advance(double budget, Backend& backend, StepMemory& memory);
  void run(double budget, Backend& backend, StepMemory& memory);
  PictureExtent latents() const;
  std::optional<EncodingPass> source_pass();
  DenoisingPass denoising(Encoding& done);
  DecodingPass decoding(const std::vector<float>& latents) const;
  double decoding_cost() const;
  bool tells_behind(std::int64_t step) const;

  const DiffusionModel* model_;
  DiffusionJob job_;
  DiffusionTerms terms_;
  ByteLedger::Reservation held_;
  Seat seat_;
  std::variant<Encoding, DenoisingPass, Telling, DecodingPass, Done> state_;
  std::int64_t partials_ = 0;  // that were told
  std::deque<DiffusionEvent> events_;
  std::optional<Ending> ending_;
};

}  // namespace sirocco
