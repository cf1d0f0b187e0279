#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sirocco/base/error.hpp"
#include "tests/golden/template_golden.hpp"
#include "tests/support/paths_testing.hpp"

/// Templates of real models, fetched by the test set-up: what we render must have the length and
/// the SHA-256 of what jinja2 rendered (tools/make_template_golden.py --real).
namespace sirocco {
namespace {

/// FIPS 180-4.
std::string sha256(std::string data) {
  constexpr std::array<std::uint32_t, 64> kRound = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};
  std::array<std::uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::uint64_t bits = std::uint64_t{data.size()} * 8;
  data.push_back('\x80');
  data.resize((data.size() + 8 + 63) / 64 * 64 - 8);
  for (int shift = 56; shift >= 0; shift -= 8) data.push_back(static_cast<char>(bits >> shift));
  for (std::size_t block = 0; block < data.size(); block += 64) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 64; ++i) {
      w[i / 4] = w[i / 4] << 8 | static_cast<unsigned char>(data[block + i]);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t a = w[i - 15];
      const std::uint32_t b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                               ((e & f) ^ (~e & g)) + kRound[i] + w[i];
      const std::uint32_t t2 =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> sums = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += sums[i];
  }
  std::string hex;
  for (const std::uint32_t word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) {
      hex.push_back("0123456789abcdef"[word >> shift & 0xF]);
    }
  }
  return hex;
}

TEST(TemplateReal, RendersAsJinja2Does) {
  ASSERT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const char* folder = std::getenv("SIROCCO_TEST_TEMPLATES");
  ASSERT_NE(folder, nullptr) << "SIROCCO_TEST_TEMPLATES must name the folder of real templates";
  const std::string golden = source_path("tests/golden/templates/");
  const auto contexts = OrderedJson::parse(read_file(golden + "contexts.json"));
  const auto templates = OrderedJson::parse(read_file(golden + "real.json"))["templates"];
  ASSERT_GE(templates.size(), 30U);
  for (const auto& [file, results] : templates.items()) {
    const std::string source = read_file(std::string(folder) + "/" + file);
    for (const auto& context : contexts) {
      const std::string name = context["name"];
      const auto& expected = results.at(name);
      try {
        const std::string text = ChatTemplate(source).render(golden_context(context)).text;
        ASSERT_FALSE(expected.is_null()) << file << " over " << name << " should fail";
        EXPECT_EQ(text.size(), expected["bytes"].get<std::size_t>()) << file << " over " << name;
        EXPECT_EQ(sha256(text), expected["sha256"].get<std::string>()) << file << " over " << name;
      } catch (const Error& error) {
        EXPECT_TRUE(expected.is_null()) << file << " over " << name << ": " << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace sirocco
