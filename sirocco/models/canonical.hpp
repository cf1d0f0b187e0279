#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "sirocco/models/folder_schema.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A checkpoint in the words that models read, which are those of GGUF: "general.architecture",
/// "llama.block_count", "blk.0.attn_q.weight".
struct CanonicalCheckpoint {
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const WeightSource> weights;
};

/// What `open_checkpoint` opened, in those words. A GGUF file speaks them already and is returned
/// as it is; a folder is presented by its family's schema: names, order, fused and split tensors,
/// 1 + w, config numbers rounded to F32. Nothing is copied: what is not in the file as it is wanted
/// is made whenever it is read. Throws UnsupportedError for a model type that no family has, naming
/// the known ones and the nearest, for a class of it that isn't one of the family's, for members
/// of config.json and tensors that the family doesn't know; FormatError for tensors that don't fit
/// the description.
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
