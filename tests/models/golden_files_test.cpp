// Made numbers and files are those that were recorded.
#include <bit>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

// From `tools/counted_values.py`; the first word of SplitMix64 from 0 on is known everywhere.
TEST(CountedValues, AreThoseOfTheScript) {
  struct Case {
    std::uint64_t seed;
    const char* name;
    float center;
    float spread;
    std::size_t index;
    std::uint64_t word;
    std::uint32_t bits;  ///< of the value
  };
  constexpr Case kCases[] = {
      {0u, "", 0.0f, 1.0f, 0, 0xE587D3DFF9E92ED0, 0x3EE22100},
      {1u, "a", 0.0f, 1.0f, 1, 0xD066F2896DB0B82F, 0x3EE8D000},
      {1u, "a", 1.0f, 0.866025f, 2, 0xE7EA4B2F04E9CC40, 0x3F80EC6D},
      {987654321u, "model.layers.12.mlp.up_proj.weight", -3.0f, 0.3f, 1234, 0x9BBC5BDEF0C86827,
       0xC03CFACA},
      {26u, "\xc3\xa9", 0.1f, 1e-30f, 70000, 0x47152AF4494D8465, 0x3DCCCCCD},
      {18446744073709551615u, "lm_head.weight", 0.0f, 1e+30f, 5, 0x03F031AEE2425A5C, 0xF05FA786},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.name) + " " + std::to_string(c.index));
    const CountedValues values(c.seed, c.name);
    EXPECT_EQ(values.word(c.index), c.word);
    std::vector<float> made(c.index + 1);
    values.fill(c.center, c.spread, made);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(made.back()), c.bits);
  }
  EXPECT_EQ(CountedValues::digest(std::vector<std::byte>(8)), 0xE220A8397B1DCDAF + 8);
  const std::string text = "golden files";
  EXPECT_EQ(CountedValues::digest(std::as_bytes(std::span(text))), 0x1933b6c5653c0861);
}

class Files : public ::testing::TestWithParam<const char*> {};

/// Every file with weights that the `gguf` package and the library of safetensors wrote when the
/// model was recorded, byte for byte.
TEST_P(Files, AreThoseThatWereRecorded) {
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(kGolden / GetParam())) {
    if (entry.path().extension() != ".json") continue;
    const Json described = read_json(entry.path());
    for (const auto& [name, expected] : described["digests"].items()) {
      const fs::path path = kMade / GetParam() / name;
      std::string bytes(fs::file_size(path), '\0');
      std::ifstream(path, std::ios::binary).read(bytes.data(), std::ssize(bytes));
      EXPECT_EQ(fmt::format("{:016x}", CountedValues::digest(std::as_bytes(std::span(bytes)))),
                expected.get<std::string>())
          << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 5);
}

INSTANTIATE_TEST_SUITE_P(Golden, Files, ::testing::Values("models", "embeddings"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace sirocco::testing
