#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "sirocco/formats/checkpoint.hpp"

namespace sirocco {

/// A PartRole is what a part of a model that draws is for.
enum class PartRole : std::uint8_t {
  kTransformer,   ///< makes the picture's latents step by step
  kVae,           ///< between pictures and latents
  kTextEncoder,   ///< of the prompt as a whole: a row
  kTextEncoder2,  ///< of its tokens: a row each
  kTokenizer,
  kTokenizer2,
  kScheduler,  ///< settings only: the times of the steps
};

/// A DiffusersFolder is a model that draws as `save_pretrained` of diffusers writes it, today or
/// before: model_index.json names the class of each part, which is in a folder of its own. A
/// pipeline that was saved without some of its parts is one too; they are missed when they are
/// opened. Immutable.
class DiffusersFolder {
 public:
  /// Reads model_index.json. Throws NotFound when there is none, UnsupportedError, naming what was
  /// found and what is known, for another pipeline, for parts that it isn't known to have and for
  /// parts of another class, FormatError.
  explicit DiffusersFolder(std::filesystem::path folder);

  /// Whether model_index.json is in the folder.
  static bool is_at(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return folder_; }
  std::string_view pipeline() const { return pipeline_; }  ///< "FluxPipeline"
  bool has(PartRole role) const { return classes_.contains(role); }

  /// The part as a checkpoint: members of its own description are below "config.", weights are null
  /// of tokenizers and the scheduler. Opened anew with each call. Throws NotFound when there is no
  /// such part, or files of it are missing, FormatError when it describes itself as of another
  /// class than model_index.json says, and what open_folder throws.
  Checkpoint open(PartRole role) const;

 private:
  std::filesystem::path folder_;
  std::string pipeline_;
  std::map<PartRole, std::string> classes_;
};

}  // namespace sirocco
