#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/end_of_serving.hpp"
#include "sirocco/cli/job_signals.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/ranks.hpp"
#include "sirocco/engine/served_models.hpp"
#include "sirocco/hub/model_store.hpp"
#include "sirocco/server/guard.hpp"
#include "sirocco/server/http/server.hpp"
#include "sirocco/server/page/page.hpp"
#include "sirocco/server/request_log.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::vector<std::string> models;
  std::vector<std::string> aliases;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::vector<std::string> keys;
  std::string key_file;
  std::vector<std::string> origins;
  std::vector<std::string> host_names;
  bool insecure = false;
  std::string tls_cert;
  std::string tls_key;
  int parallel = 64;
  std::int64_t cache_tokens = 0;
  std::int64_t default_max_tokens = 2048;
  bool share_prefixes = false;
  std::string request_log;
  int stored_responses = 1024;
  int stored_mib = 256;
  int stored_hours = 24;
  bool fetch_pictures = false;
  std::vector<std::string> picture_hosts;
  int drain_s = 30;
  bool page = false;
  bool no_page = false;
};

std::vector<std::string> keys_of(const Options& options) {
  std::vector<std::string> keys = options.keys;
  if (options.key_file.empty()) return keys;
  std::ifstream file(options.key_file);
  if (!file) throw NotFound("--api-key-file {}: it can't be read", options.key_file);
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with('#')) keys.push_back(line);
  }
  if (keys.empty()) throw InvalidArgument("--api-key-file {}: it holds no key", options.key_file);
  return keys;
}

/// What requests call a model: the name that it was given by, or of a path the last part, without
/// ".gguf".
std::string name_of(const std::string& given, const std::filesystem::path& path) {
  std::error_code none;
  if (!given.empty() && !std::filesystem::exists(given, none)) return given;
  const std::filesystem::path name =
      path.filename().empty() ? path.parent_path().filename() : path.filename();
  return name.extension() == ".gguf" ? name.stem().string() : name.string();
}

/// Brings models up as the command line wants them.
class ModelLoader {
 public:
  ModelLoader(Engine& engine, const Options& options, EndOfServing& end)
      : engine_(engine), options_(options), end_(end) {}

  /// A model as -m names it.
  std::unique_ptr<ServedModel> load(const std::string& given,
                                    std::vector<std::string> aliases) const {
    const std::filesystem::path path = resolve_model(given, options_.common->quiet);
    return load_path(name_of(given, path), std::move(aliases), path, options_.common->mmproj);
  }

  /// For a request: a model as `sirocco list` names it, and nothing else.
  std::unique_ptr<ServedModel> load_from_store(const std::string& name) const {
    if (job_size() > 1) throw UnsupportedError("processes that mpirun started have one model");
    for (const StoredModel& model : ModelStore(model_store()).list())
      if (model.name == name || model.name == name + ".gguf")
        return load_path(name, {}, model.path, std::nullopt);
    throw NotFound("there is no model {} in the store", sirocco::quoted(name));
  }

 private:
  std::unique_ptr<ServedModel> load_path(std::string name, std::vector<std::string> aliases,
                                         const std::filesystem::path& path,
                                         const std::optional<std::string>& mmproj) const {
    ServeOptions serve;
    serve.load = load_options(engine_.machine(), *options_.common);
    if (!mmproj) serve.load.mmproj.reset();
    serve.load.pipeline.max_sequences = options_.parallel;
    serve.load.pipeline.cache_sequences = options_.parallel;
    serve.load.pipeline.cache_positions = options_.cache_tokens;
    serve.load.pipeline.default_max_tokens = options_.default_max_tokens;
    const auto lose = [&end = end_](const std::string& why) { end.lose(why); };
    serve.load.pipeline.hooks.lost = lose;
    if (serve.load.connect) {
      // Though nobody asks for anything.
      serve.load.connect = [lose](const std::vector<Term>& terms) {
        return connect_watched_ranks(terms, [lose](const PeerLost& loss) { lose(loss.what()); });
      };
    }
    serve.embedding.context = serve.load.pipeline.context;
    serve.embedding.kv_type = serve.load.pipeline.kv_type;
    serve.transcription.kv_type = serve.load.pipeline.kv_type;
    serve.transcription.max_sequences =
        std::min(options_.parallel, serve.transcription.max_sequences);
    serve.image.pipeline.max_pictures =
        std::min(options_.parallel, serve.image.pipeline.max_pictures);
    return load_served_model(engine_, std::move(name), std::move(aliases), path, std::move(serve));
  }

  Engine& engine_;
  const Options& options_;
  EndOfServing& end_;
};

void load_models(const Options& options, const ModelLoader& loader, ServedModels& models) {
  std::vector<std::string> wanted = options.models;
  if (wanted.empty()) wanted.emplace_back();
  if (wanted.size() > 1 && job_size() > 1)
    throw InvalidArgument("processes that mpirun started have one model; {} are given",
                          wanted.size());
  if (wanted.size() > 1 && !options.common->mmproj.empty())
    throw InvalidArgument("--mmproj is of one model; {} are given", wanted.size());
  if (options.aliases.size() > wanted.size()) {
    throw InvalidArgument(
        "there are {} aliases and {} models; the first --alias is the first "
        "model's",
        options.aliases.size(), wanted.size());
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::vector<std::string> aliases;
    if (i < options.aliases.size()) aliases.push_back(options.aliases[i]);
    std::unique_ptr<ServedModel> model = loader.load(wanted[i], std::move(aliases));
    // Offered, it would take the other's place.
    const std::vector<std::string> names = models.names();
    if (std::ranges::find(names, model->name) != names.end()) {
      throw InvalidArgument(
          "{}: another model is called {} already; requests couldn't tell them "
          "apart",
          model->path.string(), sirocco::quoted(model->name));
    }
    models.offer(std::move(model));
  }
}

http::ServerOptions server_options(const Options& options, std::shared_ptr<const Guard> guard) {
  http::ServerOptions out;
  out.host = options.host;
  out.port = static_cast<std::uint16_t>(options.port);
  if (!options.tls_cert.empty()) out.tls = http::TlsFiles{options.tls_cert, options.tls_key};
  out.gate = [guard = std::move(guard)](const http::Request& request, bool open) {
    return (*guard)(request, open);
  };
  out.error_body = service_error_body;
  return out;
}

std::vector<http::Route> routes_of(const Options& options, const Service& service) {
  std::vector<http::Route> routes = service_routes(service);
  const bool page = options.page || (!options.no_page && is_loopback_host(options.host));
  if (page) std::ranges::move(page_routes(), std::back_inserter(routes));
  return routes;
}

std::optional<FetchOptions> fetch_options(const Options& options) {
  if (!options.fetch_pictures) return std::nullopt;
  return FetchOptions{.hosts = options.picture_hosts};
}

void serve(const Options& options) {
  EndOfServing end;
  const bool tls = !options.tls_cert.empty();
  const auto guard =
      std::make_shared<const Guard>(GuardOptions{.host = options.host,
                                                 .tls = tls,
                                                 .keys = keys_of(options),
                                                 .host_names = options.host_names,
                                                 .origins = options.origins,
                                                 .allow_public_without_key = options.insecure});
  Machine machine;
  Engine engine(machine);
  engine.start();
  ServedModels models;
  const ModelLoader loader(engine, options, end);
  load_models(options, loader, models);
  const Service service(
      engine, models,
      {.share_prefixes = options.share_prefixes,
       .responses = {.max_responses = static_cast<std::size_t>(options.stored_responses),
                     .max_bytes = static_cast<std::size_t>(options.stored_mib) << 20,
                     .max_unused_s = 3600.0 * options.stored_hours},
       .load = [&](const std::string& name) { return loader.load_from_store(name); },
       .fetch = fetch_options(options)});
  http::ServerOptions http = server_options(options, guard);
  std::optional<RequestLog> log;
  if (!options.request_log.empty()) log.emplace(options.request_log);
  http.on_exchange_end = [&](const http::ExchangeRecord& record) {
    service.exchanges().count(record);
    if (log) log->write(record);
    log_line(LogLevel::kInfo, log_words(record));
  };
  http.upkeep = service_upkeep(service);
  http::Server server(http::Routes(routes_of(options, service)), std::move(http));
  server.start();
  if (!options.common->quiet) {
    fmt::print(stderr, "serving {} on {}://{}\n", fmt::join(models.names(), ", "),
               tls ? "https" : "http", fmt::join(server.addresses(), ", "));
  }
  end.wait();
  if (end.signals() > 0) note_request_to_end();
  // Before it is said, so that whoever reads it can rely on it.
  server.drain();
  if (!options.common->quiet)
    fmt::print(stderr, "ending: running answers have {} s; once more ends at once\n",
               options.drain_s);
  // A second signal cuts it short.
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::seconds(options.drain_s);
  while (!server.wait_until_closed(0.05) && end.signals() < 2 && Clock::now() < until) {
  }
  server.stop();
  if (const auto why = end.loss()) throw IoError("{}", *why);
}

}  // namespace

void declare_serve(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app, options->models);
  app.add_option("--alias", options->aliases,
                 "another name for a model; the first is for the first model, and so on")
      .allow_extra_args(false);
  app.add_option("--host", options->host, "address to listen on").capture_default_str();
  app.add_option("--port", options->port, "port to listen on; 0: any that is free")
      .in_range(0, 65535)
      .capture_default_str();
  app.add_option("--api-key", options->keys, "key that requests must bring; repeatable")
      .allow_extra_args(false);
  app.add_option("--api-key-file", options->key_file, "file of such keys, one a line");
  app.add_option("--origin", options->origins,
                 "origin of web pages that may use the server: https://a.example; repeatable")
      .allow_extra_args(false);
  app.add_option("--host-name", options->host_names,
                 "name by which a server on loopback is reached too; repeatable")
      .allow_extra_args(false);
  app.add_flag("--insecure", options->insecure, "listen where others reach it, without a key");
  const Option cert = app.add_option("--tls-cert", options->tls_cert,
                                     "PEM file of the certificate and those it was signed with");
  const Option key = app.add_option("--tls-key", options->tls_key, "PEM file of its private key");
  cert.needs(key);
  key.needs(cert);
  app.add_option("--parallel", options->parallel, "answers that are written at a time, a model")
      .in_range(1, 1024)
      .capture_default_str();
  app.add_option(
         "--cache-tokens", options->cache_tokens,
         "tokens that the cache of a model holds, of all answers together; without: as many "
         "as they could need, or as half of the memory has room for")
      .in_range(1, 1 << 30);
  app.add_option("--default-max-tokens", options->default_max_tokens,
                 "limit of an answer for which nobody gives one")
      .in_range(1, 1 << 24)
      .capture_default_str();
  app.add_flag("--share-prefixes", options->share_prefixes,
               "let each key find what others have left in the prefix cache");
  app.add_option(
      "--request-log", options->request_log,
      "file to which a line of JSON goes for each request, with the figures of the model "
      "and without a word of what was said; -: standard output");
  app.add_option("--response-store", options->stored_responses,
                 "answers of /v1/responses that are kept in memory, to be gone on from; 0: none")
      .in_range(0, 1 << 20)
      .capture_default_str();
  app.add_option("--response-store-mib", options->stored_mib, "MiB that they take at most")
      .in_range(1, 1 << 20)
      .capture_default_str();
  app.add_option("--response-store-hours", options->stored_hours,
                 "hours without use after which one is forgotten, within a minute")
      .in_range(0, 1 << 20)
      .capture_default_str();
  const Option fetch = app.add_flag(
      "--fetch-pictures", options->fetch_pictures,
      "fetch pictures whose http or https addresses stand in requests, from public hosts");
  app.add_option("--picture-host", options->picture_hosts,
                 "host that they are fetched from, and no other: a.example, or .a.example for all "
                 "names below it; repeatable")
      .allow_extra_args(false)
      .needs(fetch);
  const Option page = app.add_flag("--ui", options->page,
                                   "serve the web page, on another address than loopback too");
  const Option no_page = app.add_flag("--no-ui", options->no_page, "serve no web page");
  page.excludes(no_page);
  app.add_option("--drain", options->drain_s,
                 "seconds that running answers have when the server is asked to end")
      .in_range(0, 3600)
      .capture_default_str();
  app.callback([options] { serve(*options); });
}

}  // namespace sirocco
