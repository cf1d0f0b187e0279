#include "sirocco/formats/diffusers_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/safetensors_file_testing.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kPipeline =
    R"("_class_name": "FluxPipeline", "_diffusers_version": "0.42.1")";
constexpr std::string_view kParts = R"(
    "feature_extractor": [null, null],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": [null, null],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"])";

class Diffusers : public testing::Test {
 public:
  Diffusers()
      : root_(fs::path(testing::TempDir()) / fmt::format("sirocco_diffusers_{}", getpid())) {
    fs::create_directories(root_);
    index(fmt::format("{{{}, {}}}", kPipeline, kParts));
    write("scheduler/scheduler_config.json",
          R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0})");
    write("text_encoder/config.json", R"({"model_type": "clip_text_model", "hidden_size": 24})");
    write("text_encoder/model.safetensors", weights("token"));
    write("tokenizer/tokenizer_config.json", R"({"model_max_length": 77})");
    write("tokenizer/vocab.json", "{}");
    write("transformer/config.json",
          R"({"_class_name": "FluxTransformer2DModel", "axes_dims_rope": [16, 56, 56]})");
    write("transformer/diffusion_pytorch_model-00001-of-00002.safetensors", weights("a"));
    write("transformer/diffusion_pytorch_model-00002-of-00002.safetensors", weights("b"));
    write("transformer/diffusion_pytorch_model.safetensors.index.json",
          R"({"weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors",
                             "b": "diffusion_pytorch_model-00002-of-00002.safetensors"}})");
    write("vae/config.json", R"({"_class_name": "AutoencoderKL", "scaling_factor": 0.3611})");
    write("vae/diffusion_pytorch_model.safetensors", weights("decoder"));
  }
  ~Diffusers() override { fs::remove_all(root_); }

  void write(const std::string& name, std::string_view text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  void index(std::string_view text) const { write("model_index.json", text); }
  static std::string weights(std::string_view name) {
    return SafetensorsTestFile().tensor<float>(name, "F32", "[1]", {2}).bytes();
  }
  Checkpoint open(PartRole role) const { return DiffusersFolder(root_).open(role); }

  /// The message of what opening a part, or the folder, throws.
  template <class E>
  std::string refusal(PartRole role = PartRole::kVae) const {
    try {
      open(role);
    } catch (const E& e) {
      return e.what();
    } catch (const Error& e) {
      return std::string("another kind: ") + e.what();
    }
    return "opened";
  }

  fs::path root_;
};

TEST_F(Diffusers, PartsAreCheckpointsOfTheirOwn) {
  EXPECT_TRUE(DiffusersFolder::is_at(root_));
  const DiffusersFolder folder(root_);
  EXPECT_EQ(folder.pipeline(), "FluxPipeline");
  const Checkpoint transformer = folder.open(PartRole::kTransformer);
  const auto* const axes =
      transformer.metadata->get_array<std::vector<std::int64_t>>("config.axes_dims_rope");
  ASSERT_NE(axes, nullptr);
  EXPECT_EQ(*axes, (std::vector<std::int64_t>{16, 56, 56}));
  EXPECT_NE(transformer.weights->find("a"), nullptr);
  EXPECT_NE(transformer.weights->find("b"), nullptr);
  const Checkpoint vae = folder.open(PartRole::kVae);
  EXPECT_EQ(vae.metadata->get<double>("config.scaling_factor"), 0.3611);
  EXPECT_NE(vae.weights->find("decoder"), nullptr);
  const Checkpoint text = folder.open(PartRole::kTextEncoder);
  EXPECT_EQ(text.metadata->get<std::int64_t>("config.hidden_size"), 24);
  EXPECT_NE(text.weights->find("token"), nullptr);
  const Checkpoint scheduler = folder.open(PartRole::kScheduler);
  EXPECT_EQ(scheduler.metadata->get<double>("config.shift"), 3.0);
  EXPECT_EQ(scheduler.weights, nullptr);
  const Checkpoint tokenizer = folder.open(PartRole::kTokenizer);
  EXPECT_EQ(tokenizer.metadata->get<std::int64_t>("tokenizer_config.model_max_length"), 77);
  EXPECT_EQ(tokenizer.files->find("vocab.json"), "{}");
  EXPECT_EQ(tokenizer.weights, nullptr);
}

TEST_F(Diffusers, PartsMayBeLeftOut) {
  const DiffusersFolder folder(root_);
  EXPECT_TRUE(folder.has(PartRole::kTextEncoder));
  EXPECT_FALSE(folder.has(PartRole::kTextEncoder2));
  EXPECT_THAT(refusal<NotFound>(PartRole::kTextEncoder2),
              AllOf(HasSubstr("names no part 'text_encoder_2'"), HasSubstr("T5EncoderModel")));
  // Named, and not there.
  EXPECT_THAT(refusal<NotFound>(PartRole::kTokenizer2),
              AllOf(HasSubstr("tokenizer_2"), HasSubstr("says holds a T5TokenizerFast")));
  fs::remove(root_ / "vae/diffusion_pytorch_model.safetensors");
  EXPECT_THAT(refusal<NotFound>(),
              HasSubstr("neither diffusion_pytorch_model.safetensors nor "
                        "diffusion_pytorch_model.safetensors.index.json is here"));
  write("vae/diffusion_pytorch_model.fp16.safetensors", weights("decoder"));
  EXPECT_THAT(refusal<NotFound>(),
              HasSubstr("rename it to diffusion_pytorch_model.safetensors if it is"));
  fs::remove(root_ / "vae/config.json");
  EXPECT_THAT(refusal<NotFound>(), HasSubstr("no config.json is here"));
  fs::remove(root_ / "scheduler/scheduler_config.json");
  EXPECT_THAT(refusal<NotFound>(PartRole::kScheduler), HasSubstr("no scheduler_config.json"));
}

TEST_F(Diffusers, OthersAreRefusedByName) {
  const auto with = [&](std::string_view part) {
    index(fmt::format("{{{}, {}}}", kPipeline, part));
    return refusal<UnsupportedError>();
  };
  EXPECT_THAT(with(R"("vae": ["diffusers", "AutoencoderTiny"])"),
              AllOf(HasSubstr("part 'vae' is a 'AutoencoderTiny'"), HasSubstr("AutoencoderKL")));
  EXPECT_THAT(
      with(R"("safety_checker": ["stable_diffusion", "Checker\u0007"])"),
      AllOf(HasSubstr("'safety_checker' is a 'Checker\\x07'"), HasSubstr("text_encoder_2")));
  index(R"({"_class_name": "StableDiffusionPipeline"})");
  EXPECT_THAT(refusal<UnsupportedError>(),
              AllOf(HasSubstr("'StableDiffusionPipeline'"), HasSubstr("FluxPipeline")));
  index(fmt::format("{{{}, {}}}", kPipeline, kParts));
  write("vae/config.json", R"({"_class_name": "AsymmetricAutoencoderKL"})");
  EXPECT_THAT(refusal<FormatError>(),
              AllOf(HasSubstr("'AsymmetricAutoencoderKL'"), HasSubstr("parts were exchanged")));
}

TEST_F(Diffusers, SettingsAreNoParts) {
  index(fmt::format(R"({{{}, {}, "_name_or_path": ["a", "b"], "requires_safety_checker": true,
                        "add_watermarker": null}})",
                    kPipeline, kParts));
  EXPECT_TRUE(DiffusersFolder(root_).has(PartRole::kVae));
}

TEST_F(Diffusers, DamagedDescriptionsAreRefused) {
  for (const char* const part :
       {R"("vae": [])", R"("vae": ["diffusers"])", R"("vae": ["diffusers", null])",
        R"("vae": [null, "AutoencoderKL"])", R"("vae": ["diffusers", 3])",
        R"("vae": ["diffusers", ""])", R"("vae": ["a", "b", "c"])", R"("vae": [["a"], ["b"]])"}) {
    index(fmt::format("{{{}, {}}}", kPipeline, part));
    EXPECT_THAT(refusal<FormatError>(), HasSubstr("part 'vae' isn't described")) << part;
  }
  for (const char* const text : {"", "[]", "{", "{}", R"({"_class_name": 3})", "\xff"}) {
    index(text);
    EXPECT_THAT(refusal<FormatError>(), HasSubstr("model_index.json")) << text;
  }
  const std::string deep(100000, '[');
  index(deep);
  EXPECT_THAT(refusal<FormatError>(), HasSubstr("model_index.json"));
  fs::remove(root_ / "model_index.json");
  EXPECT_FALSE(DiffusersFolder::is_at(root_));
  EXPECT_THAT(refusal<NotFound>(), HasSubstr("no model_index.json is here"));
}

}  // namespace
}  // namespace sirocco
