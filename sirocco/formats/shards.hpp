#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/formats/safetensors.hpp"
#include "sirocco/platform/mapped_file.hpp"

/// The parts of a folder's weights that are in several files.
namespace sirocco {

/// A TensorPlace is where an index says that a tensor is.
struct TensorPlace {
  std::string tensor;
  std::string file;
};

/// Shards are all that the files hold, each tensor once.
struct Shards {
  std::vector<SafetensorsEntry> entries;
  std::vector<MappedFile> files;
  std::vector<AbsentTensor> absent;  ///< what the index names and no file holds
};

/// Opens the files of `folder` that an index names. As in transformers, an index says no more than
/// which files to look into: a tensor counts wherever it is, and whether one that is nowhere is
/// needed is for the model to say. `places` has a row at least; `origin` names the index in
/// messages. Throws NotFound when none of the files is there, FormatError for more files than any
/// model has and for tensors that two files hold with different values.
Shards open_shards(const std::filesystem::path& folder, const std::vector<TensorPlace>& places,
                   std::string_view origin);

}  // namespace sirocco
