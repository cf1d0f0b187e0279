#include "sirocco/tensor/weight_source.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

namespace sirocco {
namespace {

/// Element (row, column) is 100 * row + column.
class Counted final : public MadeRows {
 public:
  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(100 * row + column + i);
      std::memcpy(out + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
    }
  }
};

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<float> out(static_cast<std::size_t>(tensor.shape.elements()));
  tensor.read_rows(0, tensor.rows(), reinterpret_cast<std::byte*>(out.data()));
  return out;
}

TEST(StoredTensor, MembersAreTheSameWhetherStoredOrMade) {
  const Format* f32 = find_format(FormatId::kF32);
  const Counted counted;
  const StoredTensor made{"t", f32, {4, 3, 5}, {}, &counted};
  const std::vector<float> all = values_of(made);
  ASSERT_EQ(all.size(), 60u);
  EXPECT_EQ(all[59], 1104.0f);
  const StoredTensor stored{"t", f32, {4, 3, 5}, std::as_bytes(std::span(all))};
  EXPECT_EQ(stored.size_bytes(), 240u);
  EXPECT_EQ(values_of(stored), all);
  for (const StoredTensor& t : {stored, made}) {
    const StoredTensor one = t.member(2);
    EXPECT_EQ(one.shape, Shape({3, 5}));
    EXPECT_EQ(values_of(one), std::vector<float>(all.begin() + 30, all.begin() + 45));
    const StoredTensor two = t.members(1, 2);
    EXPECT_EQ(two.shape, Shape({2, 3, 5}));
    EXPECT_EQ(values_of(two.member(1)), values_of(one));
    const StoredTensor rows = two.row_range(2, 3);
    EXPECT_EQ(rows.shape, Shape({3, 5}));
    EXPECT_EQ(values_of(rows), std::vector<float>(all.begin() + 25, all.begin() + 40));
    float middle[2];
    two.read(4, 3, 2, reinterpret_cast<std::byte*>(middle));
    EXPECT_EQ(middle[0], 703.0f);
    EXPECT_EQ(middle[1], 704.0f);
  }
}

TEST(StoredTensor, PartsOfAVectorAreWholeBlocks) {
  std::vector<float> values(6);
  std::iota(values.begin(), values.end(), 0.0f);
  const StoredTensor bias{
      "bias", find_format(FormatId::kF32), {6}, std::as_bytes(std::span(values))};
  EXPECT_EQ(values_of(bias.members(2, 3)), (std::vector<float>{2, 3, 4}));
}

}  // namespace
}  // namespace sirocco
