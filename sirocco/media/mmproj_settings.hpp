#pragma once

#include "sirocco/media/picture_settings.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// The settings of pictures for the encoder in a GGUF file that llama.cpp's converter wrote (an
/// mmproj file), by its own keys and by what its projector stands for. Throws FormatError naming
/// the key.
PictureSettings mmproj_picture_settings(const Metadata& metadata);

}  // namespace sirocco
