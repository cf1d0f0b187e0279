// Hugging Face folders against the GGUF files of the same weights, bit for bit, and against what
// transformers computes.
#include <cmath>

#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/models/registry.hpp"
#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

/// Root of the mean square of the difference over that of the values, of the position in the
/// middle.
double relative_difference(const Rows& ours, const RecordedLogits& theirs) {
  std::vector<double> positions;
  for (const RowDifference& row : differences(ours, theirs))
    positions.push_back(std::sqrt(row.squares / row.squared_values));
  std::sort(positions.begin(), positions.end());
  return positions[positions.size() / 2];
}

/// Golden models a variant of which is saved as a folder too.
TEST(PackedExperts, GiveTheBitsOfTheGguf) {
  int compared = 0;
  for (const std::string& name : golden_models("packed")) {
    const Json described = description(name);
    for (const auto& variant : described["variants"]) {
      if (!variant.contains("folder")) continue;
      SCOPED_TRACE(variant["folder"].get<std::string>());
      expect_same_bits(logits(kModels / variant["folder"].get<std::string>(), name),
                       logits(kModels / variant["file"].get<std::string>(), name));
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

class Folder : public ::testing::TestWithParam<std::string> {};

TEST_P(Folder, GivesTheBitsOfTheGguf) {
  const Json d = description(GetParam());
  if (!d.contains("file")) return;
  expect_same_bits(logits(kModels / d["folder"].get<std::string>(), GetParam()),
                   logits(kModels / d["file"].get<std::string>(), GetParam()));
}

bool all_whole_blocks(const Checkpoint& gguf) {
  return std::ranges::none_of(gguf.weights->tensors(), [](const StoredTensor& tensor) {
    return tensor.format->id == FormatId::kF16;
  });
}

/// Tensors that quantizing at load and the `gguf` package both quantize are equal, byte for byte,
/// wherever the order of rows is; where all are, so are the logits.
TEST_P(Folder, QuantizedAtLoadHasTheBitsOfTheQuantizedGguf) {
  const Json d = description(GetParam());
  for (const auto& variant : d.value("variants", Json::array())) {
    const Format* const format = find_format(variant["format"].get<std::string>());
    if (format->id != FormatId::kQ8_0 && format->id != FormatId::kQ4_0 &&
        format->id != FormatId::kQ4_1)
      continue;
    SCOPED_TRACE(variant["file"].get<std::string>());
    const fs::path folder = kModels / d["folder"].get<std::string>();
    const fs::path file = kModels / variant["file"].get<std::string>();
    const Checkpoint gguf = open_checkpoint(file);
    const Checkpoint opened = open_checkpoint(folder);
    const auto quantized =
        quantized_weights(canonical_checkpoint(opened.metadata, opened.weights).weights, *format);
    int compared = 0;
    bool same_formats = true;
    for (const StoredTensor& expected : gguf.weights->tensors()) {
      const StoredTensor* const found = quantized->find(expected.name);
      ASSERT_NE(found, nullptr) << expected.name;
      ASSERT_EQ(found->shape, expected.shape) << expected.name;
      same_formats = same_formats && found->format == expected.format;
      const bool permuted =
          d["architecture"] == "llama" &&
          (expected.name.find("attn_q.") + 1 != 0 || expected.name.find("attn_k.") + 1 != 0);
      if (found->format != expected.format || expected.format != format || permuted) continue;
      std::vector<std::byte> bytes(found->size_bytes());
      found->read_rows(0, found->rows(), bytes.data());
      ASSERT_EQ(std::memcmp(bytes.data(), expected.bytes.data(), bytes.size()), 0) << expected.name;
      ++compared;
    }
    EXPECT_GT(compared, 0);
    EXPECT_EQ(same_formats, all_whole_blocks(gguf) && format->id == FormatId::kQ8_0);
    if (same_formats)
      expect_same_bits(logits(folder, GetParam(), format), logits(file, GetParam()));
  }
}

/// What rounding every weight costs, as a share of the logits' size. Each of the M matrices that a
/// row passes (seven a layer, embedding and head) multiplies N independent terms; when each term is
/// off by a random share of standard deviation e, so is the sum of terms of random signs, and the
/// shares of matrices behind one another add in squares: e * sqrt(M). Norms, gates and residuals
/// pass a share on about unchanged, scores of attention enlarge it by their own size: 3 allows for
/// that. A router whose choice was close may choose other experts, and then the row is off by all
/// of their share: so the bound is for the position in the middle, not for all, and twice as wide
/// for mixtures, whose rows see through attention the rows that are off.
double rounding_bound(double share, const Metadata& model) {
  const std::string prefix(*model.get<std::string_view>("general.architecture"));
  const bool mixture = model.find(prefix + ".expert_count") != nullptr;
  const auto layers = static_cast<double>(*model.get<std::int64_t>(prefix + ".block_count"));
  return (mixture ? 6.0 : 3.0) * share * std::sqrt(7.0 * layers + 2.0);
}

TEST_P(Folder, RoundedWeightsStayWithinTheirBound) {
  const Json d = description(GetParam());
  const auto expected = recorded_logits(d, d["logits"]);
  const fs::path folder = kModels / d["folder"].get<std::string>();
  const Checkpoint opened = open_checkpoint(folder);
  const auto model = canonical_checkpoint(opened.metadata, opened.weights).metadata;
  // bf16 keeps 8 bits: off by up to 2^-9 of the value, evenly spread.
  EXPECT_LT(relative_difference(logits(folder, GetParam(), find_format(FormatId::kBF16)), expected),
            rounding_bound(std::ldexp(1.0, -9) / std::sqrt(3.0), *model));
  // Activations too.
  EXPECT_LT(
      relative_difference(
          logits(folder, GetParam(), find_format(FormatId::kBF16), Isa::kAvx512Bf16), expected),
      rounding_bound(std::ldexp(1.0, -9) / std::sqrt(3.0) * std::sqrt(2.0), *model));
  // q8_0 has steps of amax / 127, evenly spread errors of up to half of one; the largest of 32 such
  // values is 2.1 standard deviations. Weights and activations are rounded so.
  const double step = 2.1 / 127.0;
  EXPECT_LT(relative_difference(logits(folder, GetParam(), find_format(FormatId::kQ8_0)), expected),
            rounding_bound(step / std::sqrt(12.0) * std::sqrt(2.0), *model));
}

INSTANTIATE_TEST_SUITE_P(Models, Folder, ::testing::ValuesIn(golden_models("folder")),
                         [](const auto& each) { return case_name(each.param); });

/// config.json as versions of the library before "rope_parameters" wrote it.
Json with_old_spelling(Json config) {
  const Json rotary = config["rope_parameters"];
  config.erase("rope_parameters");
  const bool kinds = rotary.contains("full_attention");
  Json scaling = kinds ? rotary["full_attention"] : rotary;
  config["rope_theta"] = scaling["rope_theta"];
  scaling.erase("rope_theta");
  if (kinds) {
    config["rope_local_base_freq"] = rotary["sliding_attention"]["rope_theta"];
    config.erase("layer_types");
    config.erase("_sliding_window_pattern");
    config["sliding_window_pattern"] = 6;
  }
  if (scaling["rope_type"] == "linear") {
    scaling["type"] = "linear";
    scaling.erase("rope_type");
  }
  const bool plain = scaling.value("rope_type", "") == "default";
  config["rope_scaling"] = plain ? Json(nullptr) : scaling;
  return config;
}

class OldSpelling : public ::testing::TestWithParam<std::string> {};

TEST_P(OldSpelling, MeansTheSame) {
  const Scratch folder;
  folder.write("config.json",
               with_old_spelling(read_json(kModels / GetParam() / "config.json")).dump());
  folder.link_weights_of(GetParam());
  expect_same_bits(logits(folder.path(), GetParam()), logits(kModels / GetParam(), GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Models, OldSpelling,
                         ::testing::Values("llama-rope3", "llama-bias", "qwen3", "gemma3"),
                         [](const auto& each) { return case_name(each.param); });

}  // namespace
}  // namespace sirocco::testing
