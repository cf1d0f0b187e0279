#include "sirocco/transport/terms.hpp"

#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

TEST(Terms, TheFirstDifferenceIsNamedWithBothValues) {
  const std::vector<Term> terms = {{"model", "0a1b"}, {"tier", "avx2"}};
  EXPECT_EQ(first_difference(terms, 1, terms), std::nullopt);
  EXPECT_EQ(first_difference(terms, 1, {{"tier", "avx2"}, {"model", "0a1b"}}), std::nullopt);
  EXPECT_EQ(first_difference(terms, 2, {{"model", "0a1b"}, {"tier", "avx512"}}),
            "the stages differ in 'tier': stage 0 has 'avx2', stage 2 has 'avx512'");
  EXPECT_EQ(first_difference(terms, 2, {{"model", "ffff"}, {"tier", "avx512"}}),
            "the stages differ in 'model': stage 0 has '0a1b', stage 2 has 'ffff'");
  EXPECT_EQ(first_difference(terms, 3, {{"model", "0a1b"}}),
            "the stages differ in 'tier': stage 0 has 'avx2', stage 3 has none");
  EXPECT_EQ(first_difference({}, 1, {{"kv", "f\n16"}}),
            "the stages differ in 'kv': stage 0 has none, stage 1 has 'f\\x0a16'");
}

TEST(Terms, ComeBackAsTheyWere) {
  const std::vector<Term> terms = {{"model", "0a1b"}, {"", ""}};
  std::vector<std::byte> bytes = encode_terms(terms);
  EXPECT_EQ(decode_terms(bytes), terms);
  bytes.push_back(std::byte{0});
  EXPECT_THROW(decode_terms(bytes), FormatError);
  bytes.resize(20);
  EXPECT_THROW(decode_terms(bytes), FormatError);
}

}  // namespace
}  // namespace sirocco
