#include "sirocco/cli/model_store.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/hub_pull.hpp"
#include "sirocco/hub/hub_name.hpp"
#include "sirocco/hub/model_store.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kDefaultModel = "SmolLM2-135M-Instruct.Q4_1.gguf";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool present(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::filesystem::path resolve_hub_name(const HubName& name, const std::filesystem::path& path,
                                       bool quiet) {
  const ModelStore store(model_store());
  if (const std::optional<StoredModel> model = store.find(name)) return model->path;
  // What looks like a path is meant as one: a mistake in it is no reason to ask a hub.
  if (path.extension() == ".gguf" && name.what().empty()) return path;
  if (present(path.parent_path())) {
    throw NotFound(
        "no file or folder {} here, and no such model in the store; if a hub's is meant: sirocco "
        "pull {}",
        sirocco::quoted(path.string(), 400), name.text());
  }
  if (!quiet)
    fmt::print(stderr, "{} is neither here nor in the store; asking the hub\n", name.text());
  return pull_from_hub(name, {}, quiet).path;
}

}  // namespace

std::filesystem::path model_store() {
  if (const std::string home = environment("SIROCCO_HOME"); !home.empty())
    return std::filesystem::path(home) / "models";
  std::filesystem::path data = environment("XDG_DATA_HOME");
  if (data.empty()) data = std::filesystem::path(environment("HOME")) / ".local" / "share";
  return data / "sirocco" / "models";
}

std::filesystem::path resolve_model(std::string_view name, bool quiet) {
  if (name.empty()) {
    const std::filesystem::path path = model_store() / kDefaultModel;
    if (present(path)) return path;
    throw NotFound(
        "the default model is not at {}; fetch it with ./scripts/setup, or name a model with -m "
        "FILE",
        sirocco::quoted(path.string(), 400));
  }
  const std::filesystem::path path(name);
  if (present(path)) return path;
  if (!path.has_parent_path()) {
    for (const std::filesystem::path& candidate :
         {model_store() / path, model_store() / (std::string(name) + ".gguf")}) {
      if (present(candidate)) return candidate;
    }
    throw NotFound(
        "no model {}: neither a file here nor in the store {}; give the path of a .gguf file, or "
        "ORG/NAME of a hub's model",
        sirocco::quoted(name, 400), sirocco::quoted(model_store().string(), 400));
  }
  if (const std::optional<HubName> hub_name = HubName::parse(name))
    return resolve_hub_name(*hub_name, path, quiet);
  // Not there, or not to be seen: opening it says which.
  return path;
}

}  // namespace sirocco
