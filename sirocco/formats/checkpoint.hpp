#pragma once

#include <filesystem>
#include <memory>

#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// An opened checkpoint: its description and its weights, whatever its file format. Both share one
/// owner, so either keeps the file open.
struct Checkpoint {
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const WeightSource> weights;
};

/// Opens the checkpoint at `path` with the loader that its content asks for, and validates it.
/// Throws NotFound, IoError or InvalidArgument when there is no file to read, UnsupportedError when
/// it is something that sirocco doesn't open, FormatError when it is damaged.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace sirocco
