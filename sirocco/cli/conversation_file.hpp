#pragma once

#include <filesystem>

#include "sirocco/text/conversation.hpp"

namespace sirocco {

/// Writes a conversation to a file that appears whole or not at all. Throws IoError.
void save_conversation(const Conversation& conversation, const std::filesystem::path& path);
/// Throws as read_file and parse_conversation.
Conversation load_conversation(const std::filesystem::path& path);

}  // namespace sirocco
