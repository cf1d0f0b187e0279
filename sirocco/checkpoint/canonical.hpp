#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A CanonicalCheckpoint is in the words that models read, which are those of GGUF:
/// "general.architecture", "llama.block_count", "blk.0.attn_q.weight".
struct CanonicalCheckpoint {
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const WeightSource> weights;  ///< without those that no answer depends on
  std::vector<PassedCount> passed = {};         ///< which were these
};

/// KnownFamilies are those that a checkpoint may be of, as their registry knows them.
struct KnownFamilies {
  std::span<const FolderSchema* const> folders;          ///< how their folders are read
  std::span<const std::string_view> gguf_architectures;  ///< what their GGUF files name
  /// Parts that see pictures, of folders whose classes these say.
  std::span<const EncoderSchema* const> encoders = {};
  /// How those GGUF files are read whose tensors have other names.
  std::span<const GgufSchema> gguf_names = {};
};

/// The function presents what `open_checkpoint` opened in those words. A GGUF file speaks them
/// already, or has other names for some tensors; a folder is presented by its family's schema:
/// names, order, fused and split tensors, 1 + w, config numbers rounded to F32, token table and
/// head under one name where they are one. Nothing is copied: what is not in the file as it is
/// wanted is made whenever it is read. Throws UnsupportedError for a model type that no family has,
/// naming the known ones and the nearest, for a class of it that isn't one of the family's, for
/// members of config.json and a folder's tensors that the family doesn't know or that can't be read
/// (a GGUF file's are the model's to refuse); NotFound for tensors that only an index knows;
/// FormatError for tensors that don't fit the description.
CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights,
                                         const KnownFamilies& families);

/// The same of a folder whose schema is given.
CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> folder,
                                         std::shared_ptr<const WeightSource> weights,
                                         const FolderSchema& schema,
                                         std::span<const EncoderSchema* const> encoders = {});

}  // namespace sirocco
