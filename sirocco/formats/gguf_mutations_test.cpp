#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string_view>

#include "sirocco/formats/gguf_testing.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;
using namespace gguf_testing;

/// What a file that opened must hold whatever its bytes were.
void expect_sound(const Opened& opened, std::size_t size) {
  const std::byte* const begin = opened.block.get();
  for (const StoredTensor& tensor : opened.checkpoint.weights->tensors()) {
    ASSERT_NE(tensor.format, nullptr);
    const std::int64_t columns = tensor.shape[tensor.shape.rank() - 1];
    ASSERT_EQ(opened.checkpoint.weights->find(tensor.name), &tensor);
    if (tensor.made != nullptr) {
      // The block ends where the file does, for a sanitizer to see.
      std::array<std::byte, sizeof(float)> last;
      tensor.read(tensor.rows() - 1, columns - 1, 1, last.data());
      continue;
    }
    ASSERT_GE(tensor.bytes.data(), begin);
    ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), begin + size);
    ASSERT_EQ(columns % tensor.format->block_elements, 0);
    const std::int64_t rows = tensor.shape.elements() / columns;
    ASSERT_EQ(static_cast<std::size_t>(rows) * row_bytes(*tensor.format, columns),
              tensor.bytes.size());
  }
  std::size_t sum = 0;
  for (const std::string_view path : opened.checkpoint.metadata->paths()) {
    const MetadataValue* const value = opened.checkpoint.metadata->find(path);
    ASSERT_NE(value, nullptr);
    if (const auto* text = std::get_if<std::string_view>(value))
      sum += std::ranges::count(*text, 'x');
    if (const auto* texts = std::get_if<std::vector<std::string_view>>(value)) {
      for (const std::string_view text : *texts) sum += std::ranges::count(text, 'x');
    }
  }
  ASSERT_LE(sum, size);
}

/// Opens or throws an Error with one clean line.
void expect_error_or_sound(const Bytes& bytes, int& opened_count) {
  try {
    const Opened opened = open(bytes);
    ++opened_count;
    expect_sound(opened, bytes.size());
  } catch (const Error& e) {
    const std::string_view what = e.what();
    ASSERT_TRUE(what.starts_with("m.gguf: ")) << what;
    ASSERT_EQ(what.find('\n'), std::string_view::npos) << what;
  }
}

TEST(GgufMutations, EveryTruncationIsAnError) {
  const Bytes whole = rich_file().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(message<FormatError>(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))),
                HasSubstr("m.gguf: "))
        << size;
  }
}

TEST(GgufMutations, EveryFlippedBitIsAnErrorOrASoundFile) {
  const Bytes whole = rich_file().bytes();
  const std::size_t header = rich_file().header().size();
  int opened = 0;
  for (std::size_t at = 0; at < header; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes mutated = whole;
      mutated[at] ^= static_cast<std::byte>(1 << bit);
      expect_error_or_sound(mutated, opened);
    }
  }
  EXPECT_GT(opened, 0);
}

TEST(GgufMutations, EveryOverwrittenNumberIsAnErrorOrASoundFile) {
  const Bytes whole = rich_file().bytes();
  const std::size_t header = rich_file().header().size();
  int opened = 0;
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{9}, std::uint64_t{31},
        std::uint64_t{0x7FFFFFFF}, std::uint64_t{0xFFFFFFFF}, std::uint64_t{1} << 40,
        (std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    for (const std::size_t width : {std::size_t{1}, std::size_t{4}, std::size_t{8}}) {
      for (std::size_t at = 0; at + width <= header; ++at) {
        Bytes mutated = whole;
        std::memcpy(mutated.data() + at, &number, width);
        expect_error_or_sound(mutated, opened);
      }
    }
  }
  EXPECT_GT(opened, 0);
}

}  // namespace
}  // namespace sirocco
