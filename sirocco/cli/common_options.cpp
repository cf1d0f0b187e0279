#include "sirocco/cli/common_options.hpp"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/progress_bar.hpp"
#include "sirocco/cli/ranks.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/platform/machine.hpp"

namespace sirocco {
namespace {

std::string kv_type_names() {
  std::string names;
  for (const KvTypeTraits& type : kv_types())
    names.append(names.empty() ? "" : ", ").append(type.name);
  return names;
}

KvType parse_kv_type(const std::string& name) {
  const auto found = std::ranges::find(kv_types(), name, &KvTypeTraits::name);
  if (found == kv_types().end()) {
    throw InvalidArgument("--kv-dtype {}: known are {}", sirocco::quoted(name), kv_type_names());
  }
  return found->type;
}

LmHeadPlace parse_lm_head(const std::string& name) {
  if (name == "best") return LmHeadPlace::kBest;
  if (name == "ends") return LmHeadPlace::kEnds;
  if (name == "tail") return LmHeadPlace::kTail;
  throw InvalidArgument("--lm-head {}: known are best, ends and tail", sirocco::quoted(name));
}

const Format& parse_quantization(const std::string& name) {
  constexpr std::array kOffered = {FormatId::kQ8_0, FormatId::kQ4_0, FormatId::kQ4_1};
  const Format* const format = find_format(name);
  if (format == nullptr || std::ranges::find(kOffered, format->id) == kOffered.end())
    throw InvalidArgument("--quantize {}: known are q8_0, q4_0 and q4_1", sirocco::quoted(name));
  return *format;
}

/// visit(part) for each of what stands between commas; no text has no parts.
template <class F>
void for_each_part(std::string_view text, F visit) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    visit(text.substr(0, comma));
    if (comma == text.npos) return;
    text.remove_prefix(comma + 1);
    if (text.empty()) visit(text);
  }
}

/// Takes a list for `into`. Throws BadValue where something is missing between its commas.
std::function<void(const std::string&)> list_for(std::string& into, std::string_view example) {
  return [&into, example](const std::string& text) {
    for_each_part(text, [&](std::string_view part) {
      if (part.empty())
        throw BadValue(fmt::format("{}: nothing stands at one side of a comma; expected {}",
                                   sirocco::quoted(text), example));
    });
    into = text;
  };
}

std::vector<LayerIndex> parse_cuts(std::string_view text) {
  std::vector<LayerIndex> cuts;
  for_each_part(text, [&](std::string_view one) {
    std::int32_t layer = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), layer);
    if (error != std::errc() || end != one.data() + one.size())
      throw InvalidArgument("--cut {}: expected layers, as in 10,20", sirocco::quoted(one));
    cuts.emplace_back(layer);
  });
  return cuts;
}

/// The command's own thread computes too.
void bind_this_thread(const OpenOptions& options) {
  if (!options.devices.empty())
    bind_thread(pthread_self(), options.devices.front().cpus.front());
  else if (options.placement.device)
    bind_thread(pthread_self(), options.placement.device->cpus.front());
}

/// Says that a model is asked for more than it was made for. Where its positions are a table, it
/// has already refused.
void warn_of_context(const CommonOptions& options, const ModelInfo& info) {
  if (options.context <= info.context_length) return;
  log_warning(
      "--ctx {}: the model was trained for {} positions. It goes on beyond these with the rotary "
      "encoding that its checkpoint names, and is likely to get worse there",
      options.context, info.context_length);
}

/// A bar on standard error, wiped when it is full.
LoadProgress progress_bar() {
  return [bar = std::make_shared<ProgressBar>("loading", true)](std::uint64_t done,
                                                                std::uint64_t total) {
    if (done >= total) return bar->wipe();
    bar->draw(static_cast<double>(done) / static_cast<double>(total));
  };
}

}  // namespace

namespace {

/// What a process does that isn't the first of a job.
void serve_as_stage(const CommonOptions& options) {
  Machine machine;
  LoadOptions load = load_options(machine, options);
  bind_this_thread(load);
  load.progress = {};  // the head shows its own
  serve_model_stage(machine, resolve_model(options.model, /*quiet=*/true), std::move(load));
}

std::shared_ptr<CommonOptions> add_options_but_model(CommandLine& app) {
  auto options = add_plan_options(app);
  app.stage_callback([options] { serve_as_stage(*options); });
  return options;
}

}  // namespace

std::shared_ptr<CommonOptions> add_plan_options(CommandLine& app) {
  const auto options = std::make_shared<CommonOptions>();
  app.add_option("-t,--threads", options->threads, "threads; one a core without").in_range(1, 1024);
  app.add_option("--isa", options->isa,
                 "instruction set: " + isa_names() + "; the best that the CPU has without");
  app.add_option("--kv-dtype", options->kv_dtype,
                 "element type of the KV cache: " + kv_type_names())
      .capture_default_str();
  app.add_option("--ctx", options->context, "context in tokens; the model's own without")
      .in_range(1, 1 << 24);
  app.add_option_function<std::string>(
      "--device", list_for(options->device, "devices, as in cpu:0,cpu:1"),
      "group of cores to run on: cpu, or cpu:N for those of one memory node; several, as in "
      "cpu:0,cpu:1, are of a stage each");
  app.add_option("--stages", options->stages,
                 "cut the model by layers into so many stages, each on its part of the cores")
      .in_range(1, 256);
  app.add_option_function<std::string>(
      "--cut", list_for(options->cuts, "layers, as in 10,20"),
      "layers after which it is cut, as in 10,20; without, stages take equally long");
  app.add_option("--lm-head", options->lm_head,
                 "which stages score the vocabulary: the tail, or both ends, each its part; best: "
                 "both where they are on one machine")
      .capture_default_str();
  app.add_option("--quantize", options->quantize,
                 "convert matrices stored as floats while loading: q8_0, q4_0 or q4_1");
  const Option mmproj = app.add_option(
      "--mmproj", options->mmproj,
      "GGUF file with the part of the model that sees or hears; without, one beside the model's");
  app.add_flag("--no-mmproj", options->no_mmproj, "leave out the part that sees or hears")
      .excludes(mmproj);
  app.add_flag("--quiet", options->quiet, "no progress and no statistics");
  return options;
}

std::shared_ptr<CommonOptions> add_common_options(CommandLine& app) {
  auto options = add_options_but_model(app);
  app.add_option("-m,--model", options->model, "model file or name; the default model without");
  return options;
}

std::shared_ptr<CommonOptions> add_common_options(CommandLine& app,
                                                  std::vector<std::string>& models) {
  auto options = add_options_but_model(app);
  app.add_option("-m,--model", models,
                 "model file or name, repeatable; the default model without any")
      .allow_extra_args(false);
  app.stage_callback([options, &models] {
    if (models.size() > 1) throw InvalidArgument("one model can be cut into stages at a time");
    if (!models.empty()) options->model = models.front();
    serve_as_stage(*options);
  });
  return options;
}

LoadOptions load_options(const Machine& machine, const CommonOptions& options) {
  LoadOptions load;
  load.placement.threads = options.threads;
  std::vector<Device> devices;
  for_each_part(options.device,
                [&](std::string_view name) { devices.push_back(machine.topology().device(name)); });
  if (!options.isa.empty()) load.isa = parse_isa(options.isa);
  load.cuts = parse_cuts(options.cuts);
  load.lm_head = parse_lm_head(options.lm_head);
  const int cut = static_cast<int>(load.cuts.size()) + 1;
  if (!load.cuts.empty() && options.stages != 0 && options.stages != cut)
    throw InvalidArgument("--stages {}: --cut {} makes {} stages", options.stages, options.cuts,
                          cut);
  load.stages = options.stages == 0 ? cut : options.stages;
  if (job_size() > 1) {
    const bool asked = options.stages != 0 || !load.cuts.empty();
    if (asked && load.stages != job_size()) {
      throw InvalidArgument("mpirun started {} processes for {} stages; each needs one", job_size(),
                            load.stages);
    }
    load.connect = connect_ranks;
  }
  if (devices.size() == 1) {
    load.placement.device = devices.front();
  } else if (load.connect && std::ssize(devices) == job_size()) {
    load.placement.device = devices[static_cast<std::size_t>(job_rank())];
  } else if (!devices.empty()) {
    const int stages = load.connect ? job_size() : load.stages;
    if (std::ssize(devices) != stages)
      throw InvalidArgument("--device {}: {} devices for {} stages; each needs one", options.device,
                            devices.size(), stages);
    load.devices = std::move(devices);
  }
  load.pipeline.kv_type = parse_kv_type(options.kv_dtype);
  load.pipeline.context = options.context;
  if (!options.mmproj.empty()) load.mmproj = options.mmproj;
  load.senses = !options.no_mmproj;
  if (!options.quantize.empty()) load.quantize = &parse_quantization(options.quantize);
  if (!options.quiet && isatty(STDERR_FILENO) != 0) {
    set_log_level(LogLevel::kInfo);
    if (shows_progress()) load.progress = progress_bar();
  }
  return load;
}

LoadedModel load_model(Machine& machine, const CommonOptions& options) {
  return load_model(machine, options, load_options(machine, options));
}

LoadedModel load_model(Machine& machine, const CommonOptions& options, LoadOptions load) {
  bind_this_thread(load);
  LoadedModel model =
      load_language_model(machine, resolve_model(options.model, options.quiet), std::move(load));
  warn_of_context(options, model.info());
  return model;
}

LoadedEmbedder load_embedder(Machine& machine, const CommonOptions& options,
                             EmbeddingPipelineOptions pipeline) {
  LoadOptions load = load_options(machine, options);
  if (load.connect || load.stages != 1)
    throw InvalidArgument("a model that makes embeddings can't be cut into stages");
  bind_this_thread(load);
  pipeline.context = load.pipeline.context;
  pipeline.kv_type = load.pipeline.kv_type;
  LoadedEmbedder model = load_text_embedder(machine, resolve_model(options.model, options.quiet),
                                            std::move(load), std::move(pipeline));
  warn_of_context(options, model.info());
  return model;
}

LoadedTranscriber load_transcriber(Machine& machine, const CommonOptions& options) {
  if (options.model.empty())
    throw InvalidArgument("name a model that writes down what it hears, such as Whisper, with -m");
  if (options.context != 0)
    throw InvalidArgument("--ctx {}: such a model's context is its own", options.context);
  LoadOptions load = load_options(machine, options);
  if (load.connect || load.stages != 1)
    throw InvalidArgument("a model that writes down what it hears can't be cut into stages");
  bind_this_thread(load);
  TranscriptionPipelineOptions pipeline{.max_sequences = 1, .kv_type = load.pipeline.kv_type};
  return load_transcriber(machine, resolve_model(options.model, options.quiet), std::move(load),
                          std::move(pipeline));
}

std::filesystem::path shipped_image_model() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  // Of a program that is installed, and of one in the tree that it was built in.
  for (const char* const place : {"../share/sirocco/digits", "../../examples/digits"}) {
    std::filesystem::path folder = (program.parent_path() / place).lexically_normal();
    if (DiffusersFolder::is_at(folder)) return folder;
  }
  throw NotFound(
      "the model that draws digits isn't beside the program (share/sirocco/digits); name one that "
      "draws, such as FLUX, with -m");
}

LoadedImageModel load_image_model(Machine& machine, const CommonOptions& options,
                                  const ImageModelOptions& image) {
  if (options.context != 0)
    throw InvalidArgument("--ctx {}: such a model's context is its own", options.context);
  LoadOptions load = load_options(machine, options);
  if (load.connect || load.stages != 1)
    throw InvalidArgument("a model that draws can't be cut into stages");
  bind_this_thread(load);
  const std::filesystem::path path =
      options.model.empty() ? shipped_image_model() : resolve_model(options.model, options.quiet);
  return load_image_model(machine, path, std::move(load), image);
}

}  // namespace sirocco
