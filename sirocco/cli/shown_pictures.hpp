#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/load.hpp"
#include "sirocco/engine/picture_reader.hpp"

namespace sirocco {

/// The picture in a file, ready for a prompt. Throws UnsupportedError where the model takes text
/// only, FormatError that names the file where it is no picture or too large, IoError.
ReadPicture read_picture_file(const LoadedModel& model, const std::string& file);

/// Pictures, as their family's prompts show them, and `text` behind them, by no chat template;
/// special tokens in the text are these where `parse_special`. Throws as PictureReader::parts.
std::vector<PromptPart> prompt_behind_pictures(const LoadedModel& model,
                                               std::span<const ReadPicture> pictures,
                                               std::string_view text, bool parse_special);

}  // namespace sirocco
