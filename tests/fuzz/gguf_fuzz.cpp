#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/gguf.hpp"

/// Any bytes open as a sound checkpoint or throw an Error; a few values of every tensor are
/// decoded, so that bounds that are wrong are seen.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  try {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    const Checkpoint checkpoint = open_gguf(bytes, "input");
    for (const std::string_view path : checkpoint.metadata->paths()) {
      SIROCCO_CHECK(checkpoint.metadata->find(path) != nullptr);
    }
    for (const StoredTensor& tensor : checkpoint.weights->tensors()) {
      SIROCCO_CHECK(checkpoint.weights->find(tensor.name) == &tensor);
      const Format& format = *tensor.format;
      std::vector<float> values(format.block_elements);
      std::vector<std::byte> block(format.block_bytes);
      tensor.read(0, 0, format.block_elements, block.data());
      format.decode(block.data(), 1, values.data());
      tensor.read(tensor.rows() - 1, tensor.columns() - format.block_elements,
                  format.block_elements, block.data());
      format.decode(block.data(), 1, values.data());
      checkpoint.weights->release(tensor);
    }
  } catch (const Error&) {
  }
  return 0;
}
