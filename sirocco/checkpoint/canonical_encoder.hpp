#pragma once

#include <memory>
#include <optional>
#include <span>

#include "sirocco/checkpoint/canonical.hpp"

namespace sirocco {

/// The schema among `known` of the part of a folder that sees pictures, or of the one that hears;
/// null where it has none, or one that none of them describes.
const EncoderSchema* find_encoder(const Metadata& folder,
                                  std::span<const EncoderSchema* const> known);

/// The encoder of pictures or of sound, whichever all of `known` describe, of what
/// `open_checkpoint` opened, in the words of llama.cpp's mmproj files ("clip.vision.block_count",
/// "v.blk.0.attn_q.weight", "a.conv1d.1.weight", "mm.0.weight"): such a file itself, or a folder's
/// part by its schema. Nothing where there is none. Throws as canonical_checkpoint does for what
/// can't be read of it.
std::optional<CanonicalCheckpoint> canonical_encoder(std::shared_ptr<const Metadata> metadata,
                                                     std::shared_ptr<const WeightSource> weights,
                                                     std::span<const EncoderSchema* const> known);

}  // namespace sirocco
