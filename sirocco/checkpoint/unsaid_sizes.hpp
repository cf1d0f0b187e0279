#pragma once

#include <cstdint>

#include "sirocco/checkpoint/folder_description.hpp"

namespace sirocco {

/// UnsaidSizes are those of a class, which a folder of several parts leaves out where they are
/// these. A folder of one part says them.
struct UnsaidSizes {
  std::int64_t layers = 32;
  std::int64_t width = 4096;
  std::int64_t heads = 32;
  std::int64_t feed_forward = 0;
};

/// Sets those that the folder leaves out, where it has several parts.
void set_unsaid_sizes(FolderDescription& d, const UnsaidSizes& sizes);

}  // namespace sirocco
