#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/formats/checkpoint.hpp"

namespace sirocco::formats_testing {

/// A copy of a file, in the tests' own folder, in which a row of an F32 tensor holds nothing but
/// NaN.
inline std::filesystem::path with_broken_row(const std::filesystem::path& file,
                                             std::string_view tensor, std::int64_t number) {
  const Checkpoint checkpoint = open_checkpoint(file);
  const StoredTensor& stored = *checkpoint.weights->find(tensor);
  std::string row(static_cast<std::size_t>(stored.columns()) * sizeof(float), '\0');
  stored.read_rows(number, 1, std::as_writable_bytes(std::span(row)).data());
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const float nan = std::nanf("");
  for (std::size_t i = bytes.find(row), end = i + row.size(); i < end; i += sizeof nan)
    std::memcpy(bytes.data() + i, &nan, sizeof nan);
  const auto copy = std::filesystem::path(testing::TempDir()) /
                    ("broken-" + std::to_string(::getpid()) + file.filename().string());
  std::ofstream(copy, std::ios::binary) << bytes;
  return copy;
}

}  // namespace sirocco::formats_testing
