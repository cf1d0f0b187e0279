// Hugging Face folders against the GGUF files of the same weights, bit for bit, and against what
// transformers computes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sirocco/base/error.hpp"
#include "sirocco/models/canonical.hpp"
#include "tests/models/npy.hpp"
#include "tests/models/step_runner.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<float>>;

const fs::path kModels = fs::path(SIROCCO_SOURCE_DIR) / "tests/golden/models";

Json read_json(const fs::path& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

Json description(const std::string& name) { return read_json(kModels / (name + ".json")); }

/// The golden models that are saved as folders.
std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kModels)) {
    if (entry.path().extension() == ".json" && read_json(entry.path()).contains("folder"))
      out.push_back(entry.path().stem());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// By the scalar code with the bits of `isa`.
Rows logits(const fs::path& path, const std::string& name, const Format* quantize = nullptr,
            Isa isa = Isa::kRef) {
  StepRunner::Options options;
  options.isa = isa;
  options.oracle = true;
  options.quantize = quantize;
  StepRunner runner(path, options);
  return runner.step({{0, description(name)["prompt"].get<std::vector<std::int32_t>>()}});
}

void expect_same_bits(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t t = 0; t < a.size(); ++t) {
    ASSERT_EQ(a[t].size(), b[t].size());
    ASSERT_EQ(std::memcmp(a[t].data(), b[t].data(), a[t].size() * sizeof(float)), 0)
        << "position " << t;
  }
}

/// Root of the mean square of the difference over that of the values, of the position in the
/// middle.
double relative_difference(const Rows& ours, const NpyArray<float>& theirs) {
  std::vector<double> positions;
  std::size_t i = 0;
  for (const auto& row : ours) {
    double difference = 0.0;
    double size = 0.0;
    for (const float value : row) {
      const double expected = theirs.values[i++];
      difference += std::pow(value - expected, 2.0);
      size += std::pow(expected, 2.0);
    }
    positions.push_back(std::sqrt(difference / size));
  }
  std::sort(positions.begin(), positions.end());
  return positions[positions.size() / 2];
}

/// A folder of the test's own, gone with it.
class Scratch {
 public:
  Scratch()
      : path_(fs::path(::testing::TempDir()) / ("sirocco_models_" + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void link_weights_of(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(kModels / name)) {
      const fs::path file = entry.path().filename();
      if (file.native().starts_with("model")) fs::create_symlink(entry.path(), path_ / file);
    }
  }

 private:
  fs::path path_;
};

/// Golden models a variant of which is saved as a folder too.
TEST(PackedExperts, GiveTheBitsOfTheGguf) {
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(kModels)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem();
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
  for (const auto& variant : d["variants"]) {
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
  const auto expected = read_npy_floats(kModels / d["logits"].get<std::string>());
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

INSTANTIATE_TEST_SUITE_P(Models, Folder, ::testing::ValuesIn(names()), [](const auto& each) {
  std::string name = each.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

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
  config["rope_scaling"] = scaling["rope_type"] == "default" ? Json(nullptr) : scaling;
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
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// A member of config.json with another value than the golden folder's.
struct Changed {
  std::string name;
  std::string member;  ///< a JSON pointer
  Json value;
};

Json changed_config(const Changed& changed) {
  Json config = read_json(kModels / changed.name / "config.json");
  config[Json::json_pointer(changed.member)] = changed.value;
  return config;
}

/// What transformers computes otherwise with it, or can't compute, is refused and named.
TEST(FolderMembers, ThatAskForAnotherComputationAreRefused) {
  const Changed cases[] = {
      {"llama-gqa", "/hidden_act", "gelu"},
      {"llama-gqa", "/partial_rotary_factor", 0.5},
      {"gemma2", "/use_bidirectional_attention", true},
      {"gemma3", "/attn_logit_softcapping", 2.0},
      {"gpt-oss", "/attention_bias", false},
      {"gemma3", "/rope_parameters/sliding_attention/rope_type", "linear"},
  };
  for (const Changed& changed : cases) {
    SCOPED_TRACE(changed.name + changed.member);
    const Scratch folder;
    folder.write("config.json", changed_config(changed).dump());
    folder.link_weights_of(changed.name);
    const std::string member = changed.member.substr(changed.member.rfind('/') + 1);
    try {
      logits(folder.path(), changed.name);
      ADD_FAILURE() << "it was run";
    } catch (const UnsupportedError& e) {
      EXPECT_NE(std::string(e.what()).find(member), std::string::npos) << e.what();
    }
  }
}

/// A model that is said to have a head of its own isn't run with the token table in its place.
TEST(FolderMembers, AHeadOfItsOwnMustBeThere) {
  for (const char* name : {"gpt2", "qwen2", "gemma2"}) {
    SCOPED_TRACE(name);
    const Scratch folder;
    folder.write("config.json", changed_config({name, "/tie_word_embeddings", false}).dump());
    folder.link_weights_of(name);
    EXPECT_THROW(logits(folder.path(), name), FormatError);
  }
}

/// What is the business of other families changes nothing, as in transformers.
TEST(FolderMembers, OfOtherFamiliesChangeNothing) {
  const Changed cases[] = {{"llama-rope3", "/sliding_window", 9}};
  for (const Changed& changed : cases) {
    SCOPED_TRACE(changed.name + changed.member);
    const Scratch folder;
    folder.write("config.json", changed_config(changed).dump());
    folder.link_weights_of(changed.name);
    expect_same_bits(logits(folder.path(), changed.name),
                     logits(kModels / changed.name, changed.name));
  }
}

/// A member that is left out means what the class of transformers has as its default.
TEST(FolderMembers, LeftOutMeanTheDefault) {
  const Changed defaults[] = {
      {"gemma2", "/query_pre_attn_scalar", 256},    {"gemma3", "/query_pre_attn_scalar", 256},
      {"deepseek2", "/n_shared_experts", 2},        {"deepseek3", "/n_shared_experts", 1},
      {"deepseek3", "/routed_scaling_factor", 2.5}, {"gpt-oss", "/rope_parameters/truncate", true},
  };
  for (const Changed& given : defaults) {
    SCOPED_TRACE(given.name + given.member);
    const Scratch folder;
    folder.link_weights_of(given.name);
    Json config = changed_config(given);
    folder.write("config.json", config.dump());
    const Rows expected = logits(folder.path(), given.name);
    const Json::json_pointer member(given.member);
    config[member.parent_pointer()].erase(member.back());
    folder.write("config.json", config.dump());
    expect_same_bits(logits(folder.path(), given.name), expected);
  }
}

/// The weights of a golden folder under other names, with one tensor of zeros more.
std::string renamed_weights(const std::string& name,
                            const std::function<std::string(const std::string&)>& rename,
                            const std::string& more) {
  std::ifstream file(kModels / name / "model.safetensors", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::string data = bytes.substr(sizeof length + length);
  Json header;
  const Json described = Json::parse(bytes.substr(sizeof length, length));
  for (const auto& [key, value] : described.items()) {
    if (key != "__metadata__") header[rename(key)] = value;
  }
  header[more] = {
      {"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {data.size(), data.size() + 8}}};
  const std::string text = header.dump();
  length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text + data + std::string(8, '\0');
}

/// A Gemma 3 that sees pictures is run as its text part, wherever the two generations of the
/// library keep that, and without the members that are its class's defaults.
TEST(FolderOfParts, ItsTextPartIsRun) {
  const std::string name = "gemma3";
  Json text = read_json(kModels / name / "config.json");
  for (const char* outside : {"architectures", "tie_word_embeddings", "rms_norm_eps"})
    text.erase(outside);
  const Json config = {{"architectures", {"Gemma3ForConditionalGeneration"}},
                       {"model_type", "gemma3"},
                       {"text_config", text},
                       {"vision_config", {{"hidden_size", 2}, {"model_type", "siglip"}}}};
  for (const char* prefix : {"language_model.model.", "model.language_model."}) {
    const Scratch folder;
    folder.write("config.json", config.dump());
    folder.write("model.safetensors",
                 renamed_weights(
                     name, [&](const std::string& key) { return prefix + key.substr(6); },
                     "vision_tower.bias"));
    expect_same_bits(logits(folder.path(), name), logits(kModels / name, name));
  }
}

TEST(FolderOfParts, ATensorThatNobodyKnowsIsNotLeftOut) {
  const std::string name = "qwen2";
  const Scratch folder;
  folder.write("config.json", read_json(kModels / name / "config.json").dump());
  folder.write("model.safetensors", renamed_weights(
                                        name, [](const std::string& key) { return key; },
                                        "model.layers.1.self_attn.o_proj.scale"));
  try {
    logits(folder.path(), name);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_NE(std::string(e.what()).find("o_proj.scale' isn't known to architecture qwen2"),
              std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace sirocco::testing
