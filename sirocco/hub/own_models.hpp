#pragma once

#include <filesystem>
#include <vector>

#include "sirocco/hub/model_store.hpp"

namespace sirocco {

/// An OwnModel is a file or a folder that a person has put into the store.
struct OwnModel {
  StoredModel model;
  std::vector<std::filesystem::path> parts;  ///< what it consists of; what names it comes first
};

/// Those of the store at `root`.
std::vector<OwnModel> own_models(const std::filesystem::path& root);

}  // namespace sirocco
