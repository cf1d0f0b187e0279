#pragma once

#include <span>

#include "sirocco/checkpoint/folder_schema.hpp"

namespace sirocco {

/// How the parts of folders that see pictures are read, those of all families.
std::span<const EncoderSchema* const> known_encoders();

}  // namespace sirocco
