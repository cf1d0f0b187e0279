#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/safetensors.hpp"

/// Any bytes are a sound safetensors file or throw an Error; a row of every tensor is read and
/// decoded, so that bounds that are wrong are seen. The same bytes are read as a config.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const auto weights = make_safetensors_weights(parse_safetensors(bytes, "input"), {}, "input");
    for (const StoredTensor& tensor : weights->tensors()) {
      SIROCCO_CHECK(weights->find(tensor.name) == &tensor);
      const auto columns = static_cast<std::size_t>(tensor.columns());
      std::vector<std::byte> row(row_bytes(*tensor.format, tensor.columns()));
      std::vector<float> values(columns);
      for (const std::int64_t at : {std::int64_t{0}, tensor.rows() - 1}) {
        tensor.read_rows(at, 1, row.data());
        tensor.format->decode(row.data(), columns, values.data());
      }
      weights->release(tensor);
    }
  } catch (const Error&) {
  }
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    JsonMetadata metadata("input");
    metadata.add("config", parse_json(text, "input"));
    metadata.finish();
    for (const std::string_view path : metadata.paths())
      SIROCCO_CHECK(metadata.find(path) != nullptr);
  } catch (const Error&) {
  }
  return 0;
}
