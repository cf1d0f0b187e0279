#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/engine/image_model.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/text_embedder.hpp"
#include "sirocco/engine/transcriber.hpp"

namespace sirocco {

class CommandLine;

/// What every command that runs a model can be told.
struct CommonOptions {
  std::string model;
  int threads = 0;
  std::string isa;
  std::string kv_dtype = "f16";
  std::int32_t context = 0;
  std::string device;
  int stages = 0;  ///< 0: as `cuts` has it, else one
  std::string cuts;
  std::string lm_head = "best";
  std::string quantize;
  std::string mmproj;
  bool no_mmproj = false;
  bool quiet = false;
};

/// Adds -t, --isa, --kv-dtype, --ctx, --device, --stages, --cut, --lm-head, --quantize and --quiet
/// to a command: how a model would run.
std::shared_ptr<CommonOptions> add_plan_options(CommandLine& app);

/// The same with -m, to a command that runs it.
std::shared_ptr<CommonOptions> add_common_options(CommandLine& app);

/// The same for a command that may run several models, which -m names one by one.
std::shared_ptr<CommonOptions> add_common_options(CommandLine& app,
                                                  std::vector<std::string>& models);

/// The load options that they stand for; progress is a bar on standard error when that is a
/// terminal and not quiet. Throws InvalidArgument that names the option.
LoadOptions load_options(const Machine& machine, const CommonOptions& options);

/// Resolves the model's name and loads it; with --device, binds the calling thread too.
LoadedModel load_model(Machine& machine, const CommonOptions& options);
/// The same with load options of the command's own.
LoadedModel load_model(Machine& machine, const CommonOptions& options, LoadOptions load);
/// As an embedding model; `pipeline` gets the context and the cache's type that were asked for.
LoadedEmbedder load_embedder(Machine& machine, const CommonOptions& options,
                             EmbeddingPipelineOptions pipeline);
/// As a model that writes down what it hears, which has to be named.
LoadedTranscriber load_transcriber(Machine& machine, const CommonOptions& options);
/// The folder of the model that is shipped with the program, which draws digits. Throws NotFound.
std::filesystem::path shipped_image_model();
/// As a model that draws; without a name, the one that is shipped.
LoadedImageModel load_image_model(Machine& machine, const CommonOptions& options,
                                  const ImageModelOptions& image);

}  // namespace sirocco
