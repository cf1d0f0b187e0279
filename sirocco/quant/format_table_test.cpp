// The table in docs/quantization.md is made of the table of formats. This test compares it; with
// SIROCCO_UPDATE_DOCS in the environment it writes it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "sirocco/quant/format.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kHead =
    "| format | bits a weight | block | a weight | panel | bits in a panel | a block of 32 in a "
    "product | encoded |\n";

/// A quant as the panel's formulas have it.
std::string value(const PanelTraits& panel) {
  if (panel.table == kT4Values) return "T4[q]";
  if (panel.table == kNl4Values) return "NL4[q]";
  return panel.bias == 0 ? "q" : fmt::format("(q - {})", panel.bias);
}

struct Words {
  std::string weight;
  std::string_view product;
};

Words words(const PanelTraits& panel) {
  const std::string v = value(panel);
  switch (panel.scaling) {
    case PanelScaling::kNone:
      return {"as it is", "32 fma"};
    case PanelScaling::kScale:
      return {"d · " + v, "a dot product, 1 fma"};
    case PanelScaling::kPowerOfTwo:
      return {"2^(e - 128) · " + v, "a dot product, 1 fma"};
    case PanelScaling::kScaleMin:
      return {"d · " + v + " + m", "a dot product, 2 fma"};
    case PanelScaling::kSuper:
      return {"d · s · " + v, "a dot product, 1 fma"};
    case PanelScaling::kSuperMin:
      return {"d · s · " + v + " - dmin · t", "a dot product, 2 fma"};
    case PanelScaling::kSuperHalves:
      return {"d · s · " + v + ", an s each 16", "2 dot products, each by its s, 1 fma"};
    case PanelScaling::kSuperHalvesMin:
      return {"d · s · " + v + " - dmin · t, s and t each 16",
              "2 dot products, each by its s, 2 fma"};
  }
  return {};
}

std::string table() {
  std::string out(kHead);
  out += "|---|---|---|---|---|---|---|---|\n";
  constexpr std::int64_t kColumns = 256;
  for (const Format& format : formats()) {
    const PanelTraits& panel = panel_traits(format.panel);
    const auto [weight, product] = words(panel);
    const auto panel_bits =
        static_cast<double>(8 * panel_bytes(format.panel, kColumns)) / (kColumns * kPanelRows);
    out +=
        fmt::format("| `{}` | {} | {} | {} | `{}` | {} | {} | {} |\n", format.name,
                    8.0 * format.block_bytes / format.block_elements, format.block_elements, weight,
                    panel.name, panel_bits, product, format.encode != nullptr ? "yes" : "–");
  }
  return out;
}

TEST(Quantization, DocumentHasTheTableOfFormats) {
  const std::filesystem::path path = source_path("docs/quantization.md");
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = text.find("| format |");
  ASSERT_NE(begin, std::string::npos) << path;
  const std::size_t end = std::min(text.find("\n\n", begin), text.size() - 1) + 1;
  const std::string expected = table();
  if (std::getenv("SIROCCO_UPDATE_DOCS") != nullptr) {
    std::string updated = text;
    updated.replace(begin, end - begin, expected);
    std::ofstream(path, std::ios::binary) << updated;
  }
  EXPECT_EQ(text.substr(begin, end - begin), expected) << "run: SIROCCO_UPDATE_DOCS=1 quant_test";
}

}  // namespace
}  // namespace sirocco
