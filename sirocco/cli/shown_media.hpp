#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sirocco/engine/load.hpp"
#include "sirocco/engine/media_reader.hpp"
#include "sirocco/text/conversation.hpp"

namespace sirocco {

/// The picture or sound in a file, ready for a prompt. Throws UnsupportedError where the model
/// takes no such thing, FormatError that names the file where it is none or too large, IoError.
ReadMedium read_shown_file(const LoadedModel& model, const ShownFile& file);

/// Pictures and sounds, as their family's prompts show them, and `text` behind them, by no chat
/// template; special tokens in the text are these where `parse_special`. Throws as
/// MediaReader::parts.
std::vector<PromptPart> prompt_behind_media(const LoadedModel& model,
                                            std::span<const ReadMedium> media,
                                            std::string_view text, bool parse_special);

}  // namespace sirocco
