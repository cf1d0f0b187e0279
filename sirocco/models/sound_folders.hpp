#pragma once

#include <span>

#include "sirocco/checkpoint/folder_schema.hpp"

namespace sirocco {

/// How the parts of folders that hear are read, those of all families.
std::span<const EncoderSchema* const> known_sound_encoders();

}  // namespace sirocco
