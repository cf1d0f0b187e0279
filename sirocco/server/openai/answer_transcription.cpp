#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/engine/transcript_text.hpp"
#include "sirocco/media/sound_file.hpp"
#include "sirocco/server/form.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/model_figures.hpp"
#include "sirocco/server/openai/error_body.hpp"
#include "sirocco/server/openai/routes.hpp"
#include "sirocco/server/openai/transcription_answer.hpp"
#include "sirocco/server/openai/transcription_request.hpp"

namespace sirocco::openai {
namespace {

struct Asked {
  std::string body;  // holds the file
  TranscriptionRequest request;
  ModelLease model;
  TranscriptionOptions options;

  const ServedTranscriber& transcriber() const { return *model->as<ServedTranscriber>(); }
};

TranscriptionOptions options_of(const ServedTranscriber& model, const TranscriptionRequest& request,
                                bool translate) {
  const TranscriptionTokens& tokens = model.model().tokens();
  TranscriptionOptions out;
  out.translate = translate;
  out.temperatures = request.temperatures();
  out.seed = request.seed;
  // A model of one language knows no name for it.
  if (request.language && !(tokens.languages.empty() && *request.language == "en")) {
    try {
      out.language = tokens.language(*request.language).token;
    } catch (const InvalidArgument& e) {
      throw InvalidRequest("language", "invalid_value", std::string("language: ") + e.what());
    }
  }
  // As OpenAI's reference tells it the model.
  if (const std::string_view prompt = without_blanks(request.prompt); !prompt.empty())
    out.prompt = model.tokenizer().tokenize(" " + std::string(prompt));
  return out;
}

Asked asked(const Service& service, const http::Request& sent, std::string body, bool translate) {
  Asked out;
  out.body = std::move(body);
  out.request =
      read_transcription_request(parse_form(out.body, form_boundary(sent.header("content-type"))));
  out.model = named_model_for(service, out.request.model,
                              translate ? ServedUse::kTranslation : ServedUse::kTranscription);
  out.options = options_of(out.transcriber(), out.request, translate);
  return out;
}

/// A sound that is ready to be heard.
struct Heard {
  TranscriptionJob job;
  double seconds = 0.0;
  SoundAccount::Share share;
};

Heard heard(const Service& service, Asked& asked) {
  Heard out;
  const LoadedTranscriber& model = asked.transcriber().model();
  try {
    const Sound sound = decode_sound(std::as_bytes(std::span(asked.request.file)), model.rate(),
                                     "file", service.options().sound);
    asked.body = {};
    out.seconds = sound.seconds();
    out.share = service.sounds().take(out.seconds);
    out.job = model.job(sound, std::move(asked.options));
  } catch (const FormatError& e) {
    throw InvalidRequest("file", "invalid_value", e.what());
  } catch (const UnsupportedError& e) {
    throw InvalidRequest("file", "unsupported_value", e.what());
  } catch (const ResourceExhausted& e) {
    throw InvalidRequest("file", "invalid_value", e.what());
  }
  return out;
}

/// A sound that is being written down, and the exchange's figures of it.
class Writing {
 public:
  Writing(const Service& service, http::Exchange& exchange, const Asked& asked, Heard heard)
      : exchange_(exchange),
        model_(asked.transcriber().model()),
        share_(std::move(heard.share)),
        figures_(std::make_shared<ModelFigures>()) {
    said_.translated = heard.job.options.translate;
    said_.seconds = heard.seconds;
    figures_->model = asked.model->name;
    figures_->sound_s = heard.seconds;
    figures_->jobs = heard.job.frames > 0 ? 1 : 0;
    if (heard.job.frames > 0) {
      request_ = service.engine().submit(asked.transcriber().pipeline(), std::move(heard.job),
                                         service.terms_of(exchange));
    }
    exchange_.leave_figures(figures_);
  }

  /// The next segments; nothing behind the last. Silence where none came for so long. Throws
  /// ApiFailure, http::ClientGone.
  struct Silence {};
  struct Ended {};
  using Next = std::variant<std::span<const SaidSegment>, Silence, Ended>;
  http::Task<Next> next_within(Seconds longest) {
    if (!request_) co_return Ended{};
    for (;;) {
      const std::optional<Finished> finished = request_->finished();
      if (auto event = request_->try_next()) {
        if (event->language) said_.language = model_.tokens().find_language(*event->language)->code;
        const std::size_t before = said_.segments.size();
        for (TranscriptionSegment& segment : event->segments) {
          std::string text = model_.text(segment);
          said_.segments.push_back({std::move(segment), std::move(text)});
        }
        co_return std::span<const SaidSegment>(said_.segments).subspan(before);
      }
      if (finished) {
        end(*finished);
        co_return Ended{};
      }
      if (!co_await exchange_.wait_for(longest)) co_return Silence{};
    }
  }

  const Transcription& said() const { return said_; }

 private:
  void end(const Finished& finished) {
    figures_->generated_tokens = finished.usage.generated;
    figures_->add_end(finished.reason, finished.usage.cached, finished.timings);
    if (finished.reason != FinishReason::kStop)
      throw ApiFailure(api_error(Ending{finished.reason, finished.error, finished.message}));
  }

  http::Exchange& exchange_;
  const LoadedTranscriber& model_;
  SoundAccount::Share share_;
  std::shared_ptr<ModelFigures> figures_;
  Transcription said_;
  std::optional<Request<TranscriptionPipeline>> request_;
};

http::Task<http::Answered> respond_in_events(const Service& service, http::Exchange& exchange,
                                             Writing writing) {
  const Seconds longest = service.options().max_silence_s;
  std::optional<http::EventStream> events;
  std::optional<ApiError> error;
  TranscriptAssembler text;
  for (;;) {
    Writing::Next next = Writing::Silence{};
    try {
      next = co_await writing.next_within(longest);
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
    if (std::holds_alternative<Writing::Silence>(next)) {
      co_await events->send_comment("still at work");
      continue;
    }
    const auto* const segments = std::get_if<std::span<const SaidSegment>>(&next);
    std::string delta;
    if (segments == nullptr)
      delta = text.finish();
    else
      for (const SaidSegment& segment : *segments) delta += text.push(segment.text);
    if (!delta.empty()) co_await events->send(transcript_delta(delta), kTranscriptDelta);
    if (segments != nullptr) continue;
    co_await events->send(transcript_done(text.text()), kTranscriptDone);
    break;
  }
  co_return co_await events->finish();
}

http::Task<http::Answered> answer(const Service& service, http::Exchange& exchange,
                                  bool translate) {
  Asked request = co_await exchange.off_thread(
      [&] { return asked(service, exchange.request(), exchange.take_body(), translate); });
  Heard sound =
      co_await exchange.off_thread([&] { return heard(service, request); }, http::Labor::kLong);
  Writing writing(service, exchange, request, std::move(sound));
  if (request.request.stream)
    co_return co_await respond_in_events(service, exchange, std::move(writing));
  while (!std::holds_alternative<Writing::Ended>(
      co_await writing.next_within(service.options().max_silence_s))) {
  }
  TranscriptionBody body = transcription_body(writing.said(), request.request.format);
  http::Response response = http::json_response(std::move(body.text));
  response.content_type = body.content_type;
  co_return co_await exchange.respond(std::move(response));
}

}  // namespace

http::Task<http::Answered> answer_transcription(const Service& service, http::Exchange& exchange) {
  return answer(service, exchange, false);
}

http::Task<http::Answered> answer_translation(const Service& service, http::Exchange& exchange) {
  return answer(service, exchange, true);
}

}  // namespace sirocco::openai
