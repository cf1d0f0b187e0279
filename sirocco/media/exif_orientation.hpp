#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace sirocco {

/// The orientation in EXIF data (a TIFF header and its first directory, with or without "Exif\0\0"
/// in front), or nothing where there is none. Damaged data say nothing; they never are an error.
std::optional<int> exif_orientation(std::span<const std::byte> exif);

/// The orientation in an XMP packet (`tiff:Orientation`, as an attribute or an element).
std::optional<int> xmp_orientation(std::span<const std::byte> xmp);

}  // namespace sirocco
