#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/served_models.hpp"
#include "sirocco/media/sound.hpp"
#include "sirocco/server/exchange_counts.hpp"
#include "sirocco/server/fetch/picture_fetcher.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/http/routes.hpp"
#include "sirocco/server/http/server.hpp"
#include "sirocco/server/openai/responses/response_store.hpp"
#include "sirocco/server/sound_account.hpp"

namespace sirocco {

struct ServiceOptions {
  /// Callers find what others have left in the prefix cache; else each key has its own.
  bool share_prefixes = false;
  /// How long a step may take before the server calls itself sick.
  Seconds max_healthy_step_s = 120;
  /// How long a stream may be silent before a comment keeps the way to its client open.
  Seconds max_silence_s = 10;
  /// What is kept of the Responses API's answers.
  openai::ResponseStoreLimits responses = {};
  /// By which that expires; steady, thread-safe; the system's without.
  std::function<Seconds()> clock = {};
  /// Brings up the model that `name` means, to be offered under that name; without it, models stay
  /// as they are. Called on a worker. Throws what loading throws.
  std::function<std::unique_ptr<ServedModel>(const std::string& name)> load = {};
  /// What the sound of one request may be. Bodies bound its bytes too.
  SoundLimits sound = {.max_seconds = 2 * 3600};
  /// Seconds of sound that requests hold at once: 32 to 51 KB a second.
  Seconds max_held_sound_s = 4 * 3600;
  /// How pictures are fetched from addresses in requests; without it, they aren't.
  std::optional<FetchOptions> fetch = {};
};

/// What the routes of all APIs stand on. Thread-safe.
class Service {
 public:
  /// The engine, which has its own thread, and the models outlive it.
  Service(Engine& engine, ServedModels& models, ServiceOptions options = {})
      : engine_(engine),
        models_(models),
        options_(std::move(options)),
        sounds_(std::make_unique<SoundAccount>(options_.max_held_sound_s)),
        fetcher_(options_.fetch ? std::make_unique<PictureFetcher>(*options_.fetch) : nullptr),
        responses_(std::make_unique<openai::ResponseStore>(options_.responses, options_.clock)) {}

  Engine& engine() const { return engine_; }
  ServedModels& models() const { return models_; }
  const ServiceOptions& options() const { return options_; }
  /// Whoever makes the HTTP server has it count here.
  ExchangeCounts& exchanges() const { return *exchanges_; }
  openai::ResponseStore& responses() const { return *responses_; }
  SoundAccount& sounds() const { return *sounds_; }
  /// Null where no pictures are fetched.
  PictureFetcher* fetcher() const { return fetcher_.get(); }

  /// How an engine is told of a job that came with this request.
  SubmitOptions terms_of(const http::Exchange& exchange) const;
  /// Whose prefixes such a job finds.
  PrefixKey prefixes_of(const http::Exchange& exchange) const;

 private:
  Engine& engine_;
  ServedModels& models_;
  ServiceOptions options_;
  std::unique_ptr<ExchangeCounts> exchanges_ = std::make_unique<ExchangeCounts>();
  std::unique_ptr<SoundAccount> sounds_;
  std::unique_ptr<PictureFetcher> fetcher_;
  std::unique_ptr<openai::ResponseStore> responses_;
};

/// Every route of a service: a table for each API, put together.
std::vector<http::Route> service_routes(const Service& service);
/// What its server does for it now and again: responses that expired are freed, though nobody asks
/// for any. `service` outlives it.
http::Upkeep service_upkeep(const Service& service);
/// The body of an error, in the shape of the API that the request's path belongs to.
http::ErrorBody service_error_body(const http::Refusal& refusal, const http::Request& request);

}  // namespace sirocco
