#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/models/speech_model.hpp"

namespace sirocco {

extern const FolderSchema kWhisperFolder;

/// Loads a Whisper model (Radford et al. 2022) of a Hugging Face folder in canonical words
/// (canonical_checkpoint with kWhisperFolder). Throws FormatError, UnsupportedError,
/// ResourceExhausted.
SpeechModel load_whisper(const ModelSources& from);

}  // namespace sirocco
