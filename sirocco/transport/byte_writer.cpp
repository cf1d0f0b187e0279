#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {

void ByteWriter::append(const void* from, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(from);
  bytes_.insert(bytes_.end(), begin, begin + size);
}

}  // namespace sirocco
