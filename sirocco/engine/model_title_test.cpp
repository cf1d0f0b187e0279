#include "sirocco/engine/model_title.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sirocco {
namespace {

std::string title(ModelNameSources sources) { return model_title(sources).text(); }

struct Named {
  const char* path;
  const char* title;
};

TEST(ModelTitle, OfFiles) {
  const Named cases[] = {
      {"/s/models/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct (Q4_1)"},
      {"/m/mistral-7b-instruct-v0.2.Q4_K_M.gguf", "mistral-7b-instruct-v0.2 (Q4_K_M)"},
      {"/m/tinyllama-1.1b-chat-v1.0.Q8_0.gguf", "tinyllama-1.1b-chat-v1.0 (Q8_0)"},
      {"/m/Qwen2.5-0.5B-Instruct-IQ4_NL.gguf", "Qwen2.5-0.5B-Instruct (IQ4_NL)"},
      {"/m/qwen2.5-0.5b-instruct-q4_k_m.gguf", "qwen2.5-0.5b-instruct (Q4_K_M)"},
      {"/m/Meta-Llama-3-8B-Instruct.Q4_0_4_4.gguf", "Meta-Llama-3-8B-Instruct (Q4_0_4_4)"},
      {"/m/Mixtral-8x7B-v0.1.Q2_K.gguf", "Mixtral-8x7B-v0.1 (Q2_K)"},
      {"/m/gemma-3-270m-it-qat-Q4_0.gguf", "gemma-3-270m-it-qat (Q4_0)"},
      {"/m/gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b (MXFP4)"},
      {"/m/Qwen3-30B-A3B-MXFP4_MOE.gguf", "Qwen3-30B-A3B (MXFP4_MOE)"},
      {"/m/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf", "DeepSeek-R1 (IQ1_S)"},
      {"/m/Llama-3-70B.Q5_K_M-00001-of-00002.gguf", "Llama-3-70B (Q5_K_M)"},
      {"/m/Foo-7B.i1-Q4_K_M.gguf", "Foo-7B (Q4_K_M)"},
      {"/m/Foo-7B-IQ3_XXS-imat.gguf", "Foo-7B (IQ3_XXS)"},
      {"/m/Foo-7B-f16-Q4_K_M.gguf", "Foo-7B (Q4_K_M)"},
      {"/m/Foo-7B-Q4_K_M-fp16.gguf", "Foo-7B (Q4_K_M)"},
      {"/m/bge-small-en-v1.5-fp16.gguf", "bge-small-en-v1.5 (F16)"},
      {"/m/stories15M-q8.gguf", "stories15M (Q8)"},
      {"/m/phi-2.GGUF", "phi-2 (Q4_1)"},
      {"/m/phi-2", "phi-2 (Q4_1)"},
      {"/m/my own model Q4_K_S.gguf", "my own model (Q4_K_S)"},
      {"/m/ two\tblanks\n\n .gguf", "two blanks (Q4_1)"},
      {"/m/a\x1b[31mred\x7f\xff.gguf", "a [31mred (Q4_1)"},
      {"/m/日本語モデル.Q4_0.gguf", "日本語モデル (Q4_0)"},
      {"/m/Q-Former-Q4.gguf", "Q-Former (Q4)"},
  };
  for (const Named& c : cases) {
    ModelNameSources sources;
    sources.path = c.path;
    sources.general_name = "Something Else";
    sources.format = "q4_1";
    EXPECT_EQ(title(sources), c.title) << c.path;
  }
}

constexpr const char* kSnapshot = "/0123456789abcdef0123456789abcdef01234567";

TEST(ModelTitle, OfFilesThatNameNothing) {
  const std::string hub = std::string("/c/hub/models--org--Tiny-1B-GGUF/snapshots") + kSnapshot;
  const std::pair<std::string, const char*> cases[] = {
      {hub + "/model.gguf", "Tiny-1B (Q4_1)"},
      {hub + "/Q4_K_M/ggml-model-Q4_K_M-00001-of-00002.gguf", "Tiny-1B (Q4_K_M)"},
      {"/m/ggml-model-q4_0.gguf", "Own Name 1B (Q4_0)"},
      {"/m/unsloth.Q4_K_M.gguf", "Own Name 1B (Q4_K_M)"},
      {"/m/Q8_0.gguf", "Own Name 1B (Q8_0)"},
      {"/o/blobs/sha256-74701a8c35f6c8d9a4b91f3f3497643001d63e0c7a84e085bed452548fa88d45",
       "Own Name 1B (Q4_1)"},
      {std::string("/m") + kSnapshot + ".gguf", "Own Name 1B (Q4_1)"},
      {"/m/550e8400-e29b-41d4-a716-446655440000.gguf", "Own Name 1B (Q4_1)"},
      {"/m/.gguf", "Own Name 1B (Q4_1)"},
  };
  for (const auto& [path, expected] : cases) {
    ModelNameSources sources;
    sources.path = path;
    sources.general_name = "Own Name 1B";
    sources.format = "q4_1";
    EXPECT_EQ(title(sources), expected) << path;
  }
}

TEST(ModelTitle, OfFolders) {
  const std::string hub = std::string("/c/hub/models--org--Tiny-1B/snapshots") + kSnapshot;
  const std::pair<std::string, const char*> cases[] = {
      {"/m/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct (BF16)"},
      {"/m/SmolLM2-135M-Instruct/", "SmolLM2-135M-Instruct (BF16)"},
      {"/m/SmolLM2-135M-Instruct/.", "SmolLM2-135M-Instruct (BF16)"},
      {"/m/my model v2", "my model v2 (BF16)"},
      {hub, "Tiny-1B (BF16)"},
      {hub + "/", "Tiny-1B (BF16)"},
      {"/c/hub/models--org--Tiny-1B", "Tiny-1B (BF16)"},
      {"/m/smol-sft/checkpoint-500", "smol-sft/checkpoint-500 (BF16)"},
      {"/m/smol-sft/final", "smol-sft (BF16)"},
      {"/data/models/model", "llama (BF16)"},
      {"/", "llama (BF16)"},
      {"", "llama (BF16)"},
  };
  for (const auto& [path, expected] : cases) {
    ModelNameSources sources;
    sources.path = path;
    sources.is_folder = true;
    sources.architecture = "llama";
    sources.format = "bf16";
    EXPECT_EQ(title(sources), expected) << path;
  }
  ModelNameSources sources;
  sources.path = "/models/model";
  sources.is_folder = true;
  sources.general_name = "HuggingFaceTB/SmolLM2-135M-Instruct";
  EXPECT_EQ(title(sources), "SmolLM2-135M-Instruct");
  sources.general_name = "/runs/17/checkpoint-2000/";
  sources.architecture = "qwen3";
  EXPECT_EQ(title(sources), "qwen3");
}

TEST(ModelTitle, OfWhatTheCheckpointSays) {
  ModelNameSources sources;
  sources.path = "/models/model.gguf";
  EXPECT_EQ(title(sources), "model");
  sources.architecture = "llama";
  EXPECT_EQ(title(sources), "llama");
  sources.general_name = "Smollm2 135M 8k Lc100K Mix1 Ep2";
  EXPECT_EQ(title(sources), "Smollm2 135M 8k Lc100K Mix1 Ep2");
  sources.basename = "smollm2";
  sources.size_label = "135M";
  sources.finetune = "8k-lc100k-mix1-ep2";
  EXPECT_EQ(title(sources), "smollm2-135M");
  sources.finetune = "Instruct";
  sources.version = "v0.2";
  EXPECT_EQ(title(sources), "smollm2-135M-Instruct-v0.2");
  sources.general_name = "SmolLM2 135M Instruct";
  EXPECT_EQ(title(sources), "SmolLM2 135M Instruct");
  sources.general_name = "E:\\Models\\Llama-3-8B\\";
  EXPECT_EQ(title(sources), "Llama-3-8B");
  sources.general_name = ".";
  EXPECT_EQ(title(sources), "smollm2-135M-Instruct-v0.2");
  sources.general_name = "evil\u202e\u009b2J\nname";
  EXPECT_EQ(title(sources), "evil 2J name");
  const std::string endless(5000, 'x');
  sources.general_name = endless;
  EXPECT_EQ(title(sources), std::string(64, 'x') + "\u2026");
}

}  // namespace
}  // namespace sirocco
