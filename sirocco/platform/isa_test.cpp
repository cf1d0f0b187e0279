#include "sirocco/platform/isa.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

template <class E>
std::string message_of(auto&& action) {
  try {
    action();
  } catch (const E& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

TEST(Isa, NamesParseBackToThemselves) {
  for (const IsaTraits& row : isa_table()) {
    EXPECT_EQ(parse_isa(row.name), row.isa);
    EXPECT_EQ(isa_name(row.isa), row.name);
  }
  EXPECT_EQ(parse_isa("avx512vnni"), Isa::kAvx512Vnni);
}

TEST(Isa, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  for (const char* name : {"", "AVX2", "avx2 ", "sse\x1b[2J"}) {
    const std::string message = message_of<InvalidArgument>([&] { parse_isa(name); });
    EXPECT_THAT(message, HasSubstr(quoted(name)));
    EXPECT_THAT(message,
                HasSubstr("ref, avx2, avx512, avxvnni, avx512vnni256, avx512vnni, avx512bf16"));
    EXPECT_THAT(message, HasSubstr(isa_names()));
  }
}

TEST(Isa, TheBestIsTheLastWhoseNeedsAreMet) {
  EXPECT_EQ(best_isa({}), Isa::kRef);
  const CpuFeatures avx2 = isa_traits(Isa::kAvx2).required;
  const CpuFeatures avx512 = isa_traits(Isa::kAvx512).required;
  EXPECT_EQ(best_isa(avx2), Isa::kAvx2);
  EXPECT_EQ(best_isa(avx2.with({CpuFeature::kAvx512f})), Isa::kAvx2);
  EXPECT_EQ(best_isa(avx512), Isa::kAvx512);
  EXPECT_EQ(best_isa(avx512.with({CpuFeature::kAvx512Vnni})), Isa::kAvx512Vnni);
  EXPECT_EQ(best_isa(avx2.with({CpuFeature::kAvxVnni})), Isa::kAvxVnni);
  EXPECT_EQ(best_isa(avx512.with({CpuFeature::kAvx512Vnni, CpuFeature::kAvxVnni})),
            Isa::kAvx512Vnni);
  EXPECT_EQ(best_isa(avx512.with({CpuFeature::kAvx512Vnni, CpuFeature::kAvx512Bf16})),
            Isa::kAvx512Bf16);
  // Each single feature matters: without it the tier is out of reach.
  for (const IsaTraits& row : isa_table()) {
    for (int i = 0; i < static_cast<int>(CpuFeature::kCount); ++i) {
      const CpuFeatures one{static_cast<CpuFeature>(i)};
      if (!row.required.contains(one)) continue;
      EXPECT_LT(best_isa(row.required.without(one)), row.isa);
    }
  }
}

TEST(Isa, RequiringNamesWhatIsMissingAndWhatWouldRun) {
  const CpuFeatures zen3 = isa_traits(Isa::kAvx2).required;
  EXPECT_NO_THROW(require_isa(Isa::kRef, {}));
  EXPECT_NO_THROW(require_isa(Isa::kAvx2, zen3));
  const std::string message =
      message_of<UnsupportedError>([&] { require_isa(Isa::kAvx512Vnni, zen3); });
  EXPECT_EQ(message,
            "the instruction set avx512vnni needs avx512f, avx512bw, avx512dq, avx512vl, "
            "avx512_vnni, which this CPU doesn't offer; it can run ref, avx2");
  const CpuFeatures zen4 = isa_traits(Isa::kAvx512Bf16).required;
  EXPECT_EQ(message_of<UnsupportedError>([&] { require_isa(Isa::kAvxVnni, zen4); }),
            "the instruction set avxvnni needs avx_vnni, which this CPU doesn't offer; it can run "
            "ref, avx2, avx512, avx512vnni256, avx512vnni, avx512bf16");
}

// What a hypervisor leaves of a CPU, whatever its model.
TEST(Isa, EachFeatureThatIsMaskedTakesItsTiersAway) {
  CpuFeatures all;
  for (const IsaTraits& row : isa_table()) all = all.with(row.required);
  for (const IsaTraits& row : isa_table()) EXPECT_NO_THROW(require_isa(row.isa, all));
  EXPECT_EQ(best_isa(all), isa_table().back().isa);
  for (int i = 0; i < static_cast<int>(CpuFeature::kCount); ++i) {
    const CpuFeatures one{static_cast<CpuFeature>(i)};
    const CpuFeatures left = all.without(one);
    EXPECT_NO_THROW(require_isa(best_isa(left), left));
    for (const IsaTraits& row : isa_table()) {
      if (!row.required.contains(one)) {
        EXPECT_NO_THROW(require_isa(row.isa, left)) << row.name << " without " << one.names();
      } else {
        const std::string message =
            message_of<UnsupportedError>([&] { require_isa(row.isa, left); });
        EXPECT_THAT(message, HasSubstr(" needs " + one.names() + ", which"));
      }
    }
  }
  // AVX-512 without its state, as on a CPU of two kinds of cores.
  EXPECT_EQ(best_isa(all.without(isa_traits(Isa::kAvx512Bf16).required)
                         .with(isa_traits(Isa::kAvxVnni).required)),
            Isa::kAvxVnni);
}

}  // namespace
}  // namespace sirocco
