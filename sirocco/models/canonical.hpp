#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/models/folder_schema.hpp"
#include "sirocco/models/passed_tensors.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A checkpoint in the words that models read, which are those of GGUF: "general.architecture",
/// "llama.block_count", "blk.0.attn_q.weight".
struct CanonicalCheckpoint {
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const WeightSource> weights;  ///< without those that no answer depends on
  std::vector<PassedCount> passed = {};         ///< which were these
};

/// What `open_checkpoint` opened, in those words. A GGUF file speaks them already; a folder is
/// presented by its family's schema: names, order, fused and split tensors, 1 + w, config numbers
/// rounded to F32, token table and head under one name where they are one. Nothing is copied: what
/// is not in the file as it is wanted is made whenever it is read. Throws UnsupportedError for a
/// model type that no family has, naming the known ones and the nearest, for a class of it that
/// isn't one of the family's, for members of config.json and a folder's tensors that the family
/// doesn't know or that can't be read (a GGUF file's are the model's to refuse); NotFound for
/// tensors that only an index knows; FormatError for tensors that don't fit the description.
CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights);

/// The same with a schema that is given.
CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> folder,
                                         std::shared_ptr<const WeightSource> weights,
                                         const FolderSchema& schema);

/// `weights` with every matrix in `format`, converted as it is read: those whose rows are whole
/// blocks and that llama.cpp quantizes too. With a format of less than eight bits, token table and
/// head are q8_0. The bits are those of a GGUF that the same quantizer writes. `format` offers
/// encoding.
std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const WeightSource> weights,
                                                      const Format& format);

}  // namespace sirocco
