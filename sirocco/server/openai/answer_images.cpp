#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/base64.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_values.hpp"
#include "sirocco/media/picture_writer.hpp"
#include "sirocco/server/form.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/model_figures.hpp"
#include "sirocco/server/openai/error_body.hpp"
#include "sirocco/server/openai/image_answer.hpp"
#include "sirocco/server/openai/image_request.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

Picture picture_of(std::string_view file, std::string_view param, Color background) {
  try {
    return decode_picture(std::as_bytes(std::span(file)), {}, background);
  } catch (const UnsupportedError& e) {
    throw InvalidRequest(std::string(param), "unsupported_value",
                         fmt::format("{}: {}", param, e.what()));
  } catch (const Error& e) {
    throw InvalidRequest(std::string(param), "invalid_value",
                         fmt::format("{}: {}", param, e.what()));
  }
}

/// Bright where the picture is painted anew. As OpenAI has it that is where the mask is
/// transparent; one without any transparency is bright there itself.
Picture mask_of(std::string_view file) {
  const Picture over_black = picture_of(file, "mask", kBlack);
  Picture holes = picture_of(file, "mask", kWhite);
  if (holes == over_black) return holes;
  for (int y = 0; y < holes.height(); ++y) {
    const std::span<std::uint8_t> row = holes.row(y);
    // Over white and over black a colour differs by as much as it is transparent.
    std::ranges::transform(row, over_black.row(y), row.begin(), [](auto white, auto black) {
      return static_cast<std::uint8_t>(white - black);
    });
  }
  return holes;
}

/// A request that is ready for the engine.
struct Asked {
  ModelLease model;
  ImagesRequest request;
  std::vector<DiffusionJob> jobs;
  std::vector<PictureNote> notes;
  ImagesHead head;

  const ServedImageModel& drawing() const { return *model->as<ServedImageModel>(); }
};

std::uint64_t random_seed() {
  thread_local std::random_device device;
  return device();
}

/// `use` is what the model is asked for.
Asked prepared(const Service& service, ImagesRequest request, ServedUse use) {
  Asked out;
  out.model = named_model_for(service, request.model, use);
  const LoadedImageModel& model = out.drawing().model();
  ImageRequest wanted{.prompt = request.prompt,
                      .size = request.size,
                      .steps = request.steps,
                      .guidance = request.guidance,
                      .seed = request.seed.value_or(random_seed()),
                      .partials = request.partial_images};
  if (use == ServedUse::kImageEdits) {
    wanted.source = ImageSource{.picture = picture_of(request.image, "image", kWhite)};
    if (!request.mask.empty()) wanted.source->mask = mask_of(request.mask);
    if (request.strength) wanted.source->strength = *request.strength;
  }
  LoadedImageModel::Prepared made = model.prepare(std::move(wanted));
  // As many as there are steps between, however few these are.
  made.job.partials = std::min(made.job.partials, std::max<std::int64_t>(made.job.steps, 0));
  // So that nothing of it is in the engine when it can't be drawn.
  const DiffusionTerms terms = DiffusionPipeline::check(out.drawing().limits(), made.job).terms();
  out.head = {.created = std::time(nullptr),
              .size = {made.job.size.width, made.job.size.height},
              .seed = made.job.seed,
              .text_tokens = made.prompt_tokens,
              .source_patches = made.job.source ? terms.grid.patches() : 0,
              .drawn_patches = terms.grid.patches() * request.n,
              .steps = terms.steps};
  if (!made.left_out.empty()) {
    out.head.warnings.push_back(
        fmt::format("the prompt is too long; its end isn't read: {}", quoted(made.left_out, 200)));
  }
  if (request.guidance && !model.defaults().guided)
    out.head.warnings.emplace_back("guidance: the model doesn't read it");
  for (std::int64_t i = 0; i < request.n; ++i) {
    DiffusionJob& job = out.jobs.emplace_back(made.job);
    job.number = static_cast<std::uint32_t>(i);
    out.notes.push_back(model.note_of(request.prompt, job));
  }
  out.request = std::move(request);
  return out;
}

/// A PNG in base64.
std::string file_of(const DrawnPixels& pixels, const PictureNote& note) {
  const Picture picture = picture_of_values(pixels.values, {pixels.size.width, pixels.size.height});
  const std::vector<std::byte> png = encode_png(picture, {&note, 1});
  return base64_text(png);
}

/// Pictures that are being drawn, and the exchange's figures of them.
class Drawing {
 public:
  Drawing(const Service& service, http::Exchange& exchange, Asked& asked)
      : exchange_(exchange),
        figures_(std::make_shared<ModelFigures>()),
        files_(asked.jobs.size()),
        ended_(asked.jobs.size()),
        asked_(asked) {
    figures_->model = asked.model->name;
    figures_->jobs = asked.jobs.size();
    figures_->prompt_tokens = asked.head.text_tokens;
    for (DiffusionJob& job : asked.jobs) {
      requests_.push_back(service.engine().submit(asked.drawing().pipeline(), std::move(job),
                                                  service.terms_of(exchange)));
    }
    exchange_.leave_figures(figures_);
  }

  struct Partial {
    std::int64_t number = 0;
    std::string file = {};
  };
  struct Silence {};
  struct Ended {};
  using Next = std::variant<Partial, Silence, Ended>;
  /// The next partial picture, or the end of all. Silence where nothing came for so long. Throws
  /// ApiFailure, http::ClientGone.
  http::Task<Next> next_within(Seconds longest) {
    for (;;) {
      bool all_ended = true;
      for (std::size_t i = 0; i < requests_.size(); ++i) {
        const std::optional<Finished> finished = requests_[i].finished();
        while (std::optional<DiffusionEvent> event = requests_[i].try_next()) {
          const auto* const partial = std::get_if<PartialPicture>(&*event);
          const auto* const whole = std::get_if<DrawnPixels>(&*event);
          if (partial == nullptr && whole == nullptr) continue;
          std::string file = co_await encoded(whole != nullptr ? *whole : partial->pixels, i);
          // Assigned by itself: GCC 12 destroys twice what co_await is part of in braces.
          if (partial != nullptr) {
            Partial told{.number = partial->number, .file = {}};
            told.file = std::move(file);
            co_return told;
          }
          files_[i] = std::move(file);
        }
        if (finished && !ended_[i]) end(i, *finished);
        all_ended = all_ended && ended_[i];
      }
      if (all_ended) co_return Ended{};
      if (!co_await exchange_.wait_for(longest)) co_return Silence{};
    }
  }

  /// The files of all, at their end.
  const std::vector<std::string>& files() const { return files_; }

 private:
  http::Task<std::string> encoded(const DrawnPixels& pixels, std::size_t i) {
    co_return co_await exchange_.off_thread([&] { return file_of(pixels, asked_.notes[i]); },
                                            http::Labor::kLong);
  }

  void end(std::size_t i, const Finished& finished) {
    ended_[i] = true;
    figures_->generated_tokens += finished.usage.generated;
    figures_->add_end(finished.reason, finished.usage.cached, finished.timings);
    if (finished.reason != FinishReason::kStop)
      throw ApiFailure(api_error(Ending{finished.reason, finished.error, finished.message}));
    RequestTimings& longest = asked_.head.timings;
    longest.queued_s = std::max(longest.queued_s, finished.timings.queued_s);
    longest.first_s = std::max(longest.first_s, finished.timings.first_s);
    longest.rest_s = std::max(longest.rest_s, finished.timings.rest_s);
  }

  http::Exchange& exchange_;
  std::shared_ptr<ModelFigures> figures_;
  std::vector<Request<DiffusionPipeline>> requests_;
  std::vector<std::string> files_;
  std::vector<bool> ended_;
  Asked& asked_;
};

http::Task<http::Answered> respond_in_events(const Service& service, http::Exchange& exchange,
                                             Asked asked, ImagesRoute route) {
  Drawing drawing(service, exchange, asked);
  std::optional<http::EventStream> events;
  std::optional<ApiError> error;
  for (;;) {
    Drawing::Next next = Drawing::Silence{};
    try {
      next = co_await drawing.next_within(service.options().max_silence_s);
    } catch (const ApiFailure& failure) {
      // What fails at once has a status of its own.
      if (!events) throw;
      error = failure.error();
    }
    if (!events) events.emplace(co_await exchange.start_events());
    if (error) {
      co_await events->send(error_body(*error));
      break;
    }
    if (std::holds_alternative<Drawing::Silence>(next)) {
      co_await events->send_comment("still at work");
      continue;
    }
    if (const auto* const partial = std::get_if<Drawing::Partial>(&next)) {
      co_await events->send(partial_image(route, asked.head, partial->number - 1, partial->file),
                            partial_image_type(route));
      continue;
    }
    co_await events->send(completed_image(route, asked.head, drawing.files().front()),
                          completed_image_type(route));
    break;
  }
  co_return co_await events->finish();
}

http::Task<http::Answered> respond(const Service& service, http::Exchange& exchange, Asked asked,
                                   ImagesRoute route) {
  if (asked.request.stream)
    co_return co_await respond_in_events(service, exchange, std::move(asked), route);
  Drawing drawing(service, exchange, asked);
  while (!std::holds_alternative<Drawing::Ended>(
      co_await drawing.next_within(service.options().max_silence_s))) {
  }
  co_return co_await exchange.respond(
      http::json_response(images_body(asked.head, drawing.files())));
}

}  // namespace

http::Task<http::Answered> answer_image_generation(const Service& service,
                                                   http::Exchange& exchange) {
  Asked asked = co_await exchange.off_thread([&] {
    return prepared(service, read_generation_request(json::parse(exchange.take_body())),
                    ServedUse::kImages);
  });
  co_return co_await respond(service, exchange, std::move(asked), ImagesRoute::kGeneration);
}

http::Task<http::Answered> answer_image_edit(const Service& service, http::Exchange& exchange) {
  Asked asked = co_await exchange.off_thread(
      [&] {
        const std::string body = exchange.take_body();
        const std::vector<FormPart> parts =
            parse_form(body, form_boundary(exchange.request().header("content-type")));
        Asked out = prepared(service, read_edit_request(parts), ServedUse::kImageEdits);
        out.request.image = out.request.mask = {};  // they lay in the body
        return out;
      },
      http::Labor::kLong);
  co_return co_await respond(service, exchange, std::move(asked), ImagesRoute::kEdit);
}

}  // namespace sirocco::openai
