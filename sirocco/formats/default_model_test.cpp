#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>

#include "sirocco/formats/checkpoint.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

/// CRC-32 as in zlib (reflected, polynomial EDB88320).
class Crc32 {
 public:
  void add(const void* data, std::size_t size) {
    const auto* const bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) {
      state_ = kTable[(state_ ^ bytes[i]) & 0xFFu] ^ state_ >> 8;
    }
  }
  std::uint32_t value() const { return ~state_; }

 private:
  static constexpr std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1u) != 0 ? 0xEDB88320u : 0u);
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t state_ = ~0u;
};

void add_value(Crc32& crc, bool value) {
  const unsigned char byte = value ? 1 : 0;
  crc.add(&byte, 1);
}
void add_value(Crc32& crc, std::int64_t value) { crc.add(&value, sizeof(value)); }
void add_value(Crc32& crc, double value) { crc.add(&value, sizeof(value)); }
void add_value(Crc32& crc, std::string_view value) {
  add_value(crc, static_cast<std::int64_t>(value.size()));
  crc.add(value.data(), value.size());
}

template <class T>
constexpr std::string_view kTypeName = std::is_same_v<T, bool>           ? "boolean"
                                       : std::is_same_v<T, std::int64_t> ? "integer"
                                       : std::is_same_v<T, double>       ? "number"
                                                                         : "string";

/// One value as the golden file writes it.
std::string describe(std::string_view key, const MetadataValue& value) {
  Crc32 crc;
  std::ostringstream out;
  std::visit(
      [&]<class T>(const T& held) {
        if constexpr (requires {
                        typename T::value_type;
                        held[0];
                      } && !std::is_same_v<T, std::string_view>) {
          for (std::size_t i = 0; i < held.size(); ++i) {
            add_value(crc, static_cast<typename T::value_type>(held[i]));
          }
          out << "key\t" << key << '\t' << kTypeName<typename T::value_type> << '\t' << held.size();
        } else {
          add_value(crc, held);
          out << "key\t" << key << '\t' << kTypeName<T> << "\t-1";
        }
      },
      value);
  out << '\t' << crc.value();
  return out.str();
}

std::string describe(const StoredTensor& tensor) {
  Crc32 crc;
  crc.add(tensor.bytes.data(), tensor.bytes.size());
  std::ostringstream out;
  out << "tensor\t" << tensor.name << '\t' << tensor.format->name << '\t';
  for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
    out << (axis == 0 ? "" : ",") << tensor.shape[axis];
  }
  out << '\t' << crc.value();
  return out.str();
}

TEST(DefaultModel, IsReadAsTheReferenceReadsIt) {
  const char* const path = std::getenv("SIROCCO_TEST_MODEL");
  ASSERT_NE(path, nullptr) << "SIROCCO_TEST_MODEL must name the default model";
  const Checkpoint checkpoint = open_checkpoint(path);
  std::ifstream golden(source_path("tests/golden/gguf/default_model.txt"));
  const auto paths = checkpoint.metadata->paths();
  std::size_t key = 0;
  std::size_t tensor = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.starts_with("key\t")) {
      ASSERT_LT(key, paths.size());
      EXPECT_EQ(describe(paths[key], *checkpoint.metadata->find(paths[key])), line);
      ++key;
    } else if (line.starts_with("tensor\t")) {
      ASSERT_LT(tensor, checkpoint.weights->tensors().size());
      EXPECT_EQ(describe(checkpoint.weights->tensors()[tensor]), line);
      checkpoint.weights->release(checkpoint.weights->tensors()[tensor]);
      ++tensor;
    }
  }
  EXPECT_EQ(key, paths.size());
  EXPECT_EQ(tensor, checkpoint.weights->tensors().size());
  EXPECT_GT(tensor, 200u);
}

}  // namespace
}  // namespace sirocco
