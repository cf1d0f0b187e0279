#pragma once

#include <span>

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// The schema among `known` of a folder's model type. Throws FormatError where config.json names
/// none, UnsupportedError for one that no schema has, naming the known ones and the nearest.
const FolderSchema& find_schema(const Metadata& folder, std::span<const FolderSchema* const> known);

/// The function throws UnsupportedError for a class of the schema's model type that isn't one of
/// its own, nor one of these with a head of another task, nor that of a model of several parts
/// whose encoder is among `encoders`.
void check_class(const FolderSchema& schema, const Metadata& folder,
                 std::span<const EncoderSchema* const> encoders = {});

}  // namespace sirocco
