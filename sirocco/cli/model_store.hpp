#pragma once

#include <filesystem>
#include <string_view>

namespace sirocco {

/// Where models are kept: $SIROCCO_HOME/models, or $XDG_DATA_HOME/sirocco/models, or
/// ~/.local/share/sirocco/models.
std::filesystem::path model_store();

/// The file or folder that `name` means: a path; a model in the store as `sirocco list` names it
/// (also without ".gguf"); else, when it is the name of a hub's model and no path into a folder
/// that is here, that one, which is pulled first (`quiet`: without a word on standard error). The
/// default model when it is empty. Throws NotFound, saying where it looked and what to do, and as
/// pull.
std::filesystem::path resolve_model(std::string_view name, bool quiet = false);

}  // namespace sirocco
