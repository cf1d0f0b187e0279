#pragma once

#include <span>
#include <vector>

#include "sirocco/media/log_mel.hpp"
#include "sirocco/models/sound_marks.hpp"
#include "sirocco/pipeline/encoder_input.hpp"

namespace sirocco {

/// Cuts a sound of the spectrogram's rate into the windows that an encoder reads, by its family's
/// rule. Windows are as long as the spectrogram's; one of WindowRule::kEach has a frame behind what
/// is heard of it. Throws InvalidArgument where there are no samples.
std::vector<EncoderWindow> sound_windows(const LogMel& log_mel, WindowRule rule,
                                         std::span<const float> samples);

}  // namespace sirocco
