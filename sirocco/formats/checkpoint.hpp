#pragma once

#include <filesystem>
#include <memory>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// An opened checkpoint: its description and its weights, whatever its file format. All share one
/// owner, so each keeps the files open.
///
/// A GGUF file's metadata are its own. A Hugging Face folder's are the members of its JSON files by
/// path, prefixed by the file ("config.hidden_size", "config.rope_parameters.rope_theta",
/// "generation_config.eos_token_id", "tokenizer_config.add_bos_token"), without what the tokenizer
/// and chat templates are made of, which is read from the files.
struct Checkpoint {
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const WeightSource> weights;  ///< null for a part of a model that has none
  std::shared_ptr<const CompanionFiles> files;  ///< null for a checkpoint that is no folder
};

/// Opens the checkpoint at `path` with the loader that its content asks for, and validates it.
/// Throws NotFound, IoError or InvalidArgument when there is no file to read, UnsupportedError when
/// it is something that sirocco doesn't open, FormatError when it is damaged.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace sirocco
