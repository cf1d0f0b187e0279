#include "sirocco/checkpoint/unsaid_sizes.hpp"

#include <string_view>

namespace sirocco {

void set_unsaid_sizes(FolderDescription& d, const UnsaidSizes& sizes) {
  struct Size {
    std::string_view key;
    std::int64_t value;
  };
  if (!d.has_parts()) return;
  for (const Size& size : {Size{"block_count", sizes.layers}, Size{"embedding_length", sizes.width},
                           Size{"attention.head_count", sizes.heads},
                           Size{"feed_forward_length", sizes.feed_forward}}) {
    if (!d.is_set(size.key)) d.set(size.key, size.value);
  }
}

}  // namespace sirocco
