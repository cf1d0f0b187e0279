#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

/// What the parts of the store ask of files and dates.
namespace sirocco {

/// What is in a folder, sorted; nothing where it can't be read.
std::vector<std::filesystem::path> folder_entries(const std::filesystem::path& folder);

bool is_folder(const std::filesystem::path& path);

/// "2026-11-30T06:40:00Z".
std::string date_text(std::chrono::sys_seconds date);

}  // namespace sirocco
