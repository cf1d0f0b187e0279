#include "sirocco/models/picture_folders.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/models/vision_schema.hpp"

namespace sirocco {
namespace {

/// What the classes of towers differ in where a folder leaves it out.
struct TowerDefaults {
  std::int64_t width;
  std::int64_t feed_forward;
  std::int64_t layers;
  std::int64_t heads;
  std::int64_t image;
  std::int64_t patch;
  double epsilon;
};
constexpr auto tower_keys(const TowerDefaults& d) {
  return std::array{
      ConfigKey{"vision.embedding_length", "hidden_size", {}, d.width},
      ConfigKey{"vision.feed_forward_length", "intermediate_size", {}, d.feed_forward},
      ConfigKey{"vision.block_count", "num_hidden_layers", {}, d.layers},
      ConfigKey{"vision.attention.head_count", "num_attention_heads", {}, d.heads},
      ConfigKey{"vision.attention.layer_norm_epsilon", "layer_norm_eps", {}, d.epsilon},
      ConfigKey{"vision.image_size", "image_size", {}, d.image},
      ConfigKey{"vision.patch_size", "patch_size", {}, d.patch},
      ConfigKey{"vision.num_channels", "num_channels", {}, std::int64_t{3}},
      ConfigKey{"vision.hidden_act", "hidden_act"},
  };
}
constexpr std::array kIdefics3Keys = tower_keys({1152, 3072, 12, 16, 224, 32, 1e-6});
constexpr std::array kSiglipKeys = tower_keys({768, 3072, 12, 12, 224, 16, 1e-6});
constexpr std::array kClipKeys = tower_keys({768, 3072, 12, 12, 224, 32, 1e-5});

constexpr std::array kTowerTensors = {
    TensorRule{"tower.embeddings.patch_embedding", "v.patch_embd"},
    TensorRule{"tower.embeddings.position_embedding", "v.position_embd"},
    TensorRule{"tower.encoder.layers.#.layer_norm1", "v.blk.#.ln1"},
    TensorRule{"tower.encoder.layers.#.layer_norm2", "v.blk.#.ln2"},
    TensorRule{"tower.encoder.layers.#.self_attn.q_proj", "v.blk.#.attn_q"},
    TensorRule{"tower.encoder.layers.#.self_attn.k_proj", "v.blk.#.attn_k"},
    TensorRule{"tower.encoder.layers.#.self_attn.v_proj", "v.blk.#.attn_v"},
    TensorRule{"tower.encoder.layers.#.self_attn.out_proj", "v.blk.#.attn_out"},
    TensorRule{"tower.encoder.layers.#.mlp.fc1", "v.blk.#.ffn_up"},
    TensorRule{"tower.encoder.layers.#.mlp.fc2", "v.blk.#.ffn_down"},
};
constexpr std::array kPostNorm = {TensorRule{"tower.post_layernorm", "v.post_ln"}};
constexpr std::array kIdefics3Tensors =
    joined(kTowerTensors, kPostNorm,
           std::array{TensorRule{"connector.modality_projection.proj", "mm.model.fc"}});
constexpr std::array kGemma3Tensors = joined(
    kTowerTensors, kPostNorm,
    std::array{
        TensorRule{"multi_modal_projector.mm_input_projection_weight",
                   "mm.input_projection.weight"},
        TensorRule{
            "multi_modal_projector.mm_soft_emb_norm", "mm.soft_emb_norm", {.one_plus = true}},
    });
constexpr std::array kLlavaTensors =
    joined(kTowerTensors, std::array{
                              TensorRule{"tower.embeddings.class_embedding", "v.class_embd"},
                              TensorRule{"tower.pre_layrnorm", "v.pre_ln"},
                              TensorRule{"multi_modal_projector.linear_1", "mm.0"},
                              TensorRule{"multi_modal_projector.linear_2", "mm.2"},
                              TensorRule{"image_newline", "v.image_newline"},
                          });
constexpr std::array kClipTensors =
    joined(kTowerTensors, kPostNorm,
           std::array{
               TensorRule{"tower.embeddings.class_embedding", "v.class_embd"},
               TensorRule{"tower.pre_layrnorm", "v.pre_ln"},
               TensorRule{"visual_projection", "mm.fc"},
           });
constexpr std::array kSiglipTensors =
    joined(kTowerTensors, kPostNorm,
           std::array{
               TensorRule{"tower.head.probe", "mm.probe"},
               TensorRule{"tower.head.attention.in_proj_weight", "mm.attn_qkv.weight"},
               TensorRule{"tower.head.attention.in_proj_bias", "mm.attn_qkv.bias"},
               TensorRule{"tower.head.attention.out_proj", "mm.attn_out"},
               TensorRule{"tower.head.layernorm", "mm.ln"},
               TensorRule{"tower.head.mlp.fc1", "mm.ffn_up"},
               TensorRule{"tower.head.mlp.fc2", "mm.ffn_down"},
           });
constexpr std::array kBiases = {CompanionRule{"v.blk.#.*"}};
constexpr std::array kSiglipBiases = joined(kBiases, std::array{CompanionRule{"v.patch_embd"}});
constexpr std::array kSiglipPairBiases =
    joined(kSiglipBiases, std::array{CompanionRule{"mm.attn_qkv"}, CompanionRule{"mm.attn_out"},
                                     CompanionRule{"mm.ffn_up"}, CompanionRule{"mm.ffn_down"}});

constexpr std::array<std::string_view, 2> kComputed = {"tower.embeddings.position_ids",
                                                       "tower.head."};
constexpr std::array<std::string_view, 1> kPositionIds = {"tower.embeddings.position_ids"};
// Rows are taken from before it.
constexpr std::array<std::string_view, 3> kLlavaUnused = {"tower.embeddings.position_ids",
                                                          "tower.head.", "tower.post_layernorm."};

void finish_idefics3(FolderDescription& d) {
  d.set("vision.projector.scale_factor", of_the_whole<std::int64_t>(d, "scale_factor", 2));
  say_activation(d, "gelu_pytorch_tanh");
}

void finish_gemma3(FolderDescription& d) {
  const auto rows = of_the_whole<std::int64_t>(d, "mm_tokens_per_image", 256);
  const auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(rows)));
  if (rows < 1 || side * side != rows) {
    throw UnsupportedError("{}: 'config.mm_tokens_per_image' is {}, which makes no square",
                           d.origin(), rows);
  }
  const std::int64_t patches = d.integer("vision.image_size") / d.integer("vision.patch_size");
  if (patches < side) {
    throw FormatError("{}: {} rows of a picture of {} x {} patches", d.origin(), rows, patches,
                      patches);
  }
  d.set("vision.projector.scale_factor", patches / side);
  say_activation(d, "gelu_pytorch_tanh");
}

void finish_llava(FolderDescription& d) {
  constexpr std::string_view kStrategy = "vision_feature_select_strategy";
  set_feature_layers(d, -2);
  const auto strategy = of_the_whole<std::string_view>(d, kStrategy, "default");
  if (strategy != "default" && strategy != "full") {
    throw UnsupportedError("{}: {} is {}, but only 'default' or 'full' is supported", d.origin(),
                           quoted("config." + std::string(kStrategy)), quoted(strategy));
  }
  d.set("vision.keeps_class", strategy == "full");
  require_gelu_projector(d);
}

void finish_clip(FolderDescription& d) { say_activation(d, "quick_gelu"); }
void finish_siglip(FolderDescription& d) { say_activation(d, "gelu_pytorch_tanh"); }

bool is_clip(const FolderDescription& d) {
  return d.said<std::string_view>("model_type") == "clip_vision_model";
}
bool is_siglip(const FolderDescription& d) {
  return d.said<std::string_view>("model_type") == "siglip_vision_model";
}

constexpr std::array<std::string_view, 1> kIdefics3Types = {"idefics3"};
constexpr std::array<std::string_view, 2> kIdefics3Classes = {"Idefics3ForConditionalGeneration",
                                                              "Idefics3Model"};
constexpr std::array<std::string_view, 1> kSmolVlmTypes = {"smolvlm"};
constexpr std::array<std::string_view, 2> kSmolVlmClasses = {"SmolVLMForConditionalGeneration",
                                                             "SmolVLMModel"};
constexpr std::array<std::string_view, 1> kGemma3Types = {"gemma3"};
constexpr std::array<std::string_view, 2> kGemma3Classes = {"Gemma3ForConditionalGeneration",
                                                            "Gemma3Model"};
constexpr std::array<std::string_view, 2> kLlavaTypes = {"llava", "llava_next"};
constexpr std::array<std::string_view, 4> kLlavaClasses = {
    "LlavaForConditionalGeneration", "LlavaModel", "LlavaNextForConditionalGeneration",
    "LlavaNextModel"};

constexpr std::array<std::string_view, 1> kClipTypes = {"clip"};
constexpr std::array<std::string_view, 1> kClipClasses = {"CLIPModel"};
constexpr std::array<std::string_view, 1> kSiglipTypes = {"siglip"};
constexpr std::array<std::string_view, 1> kSiglipClasses = {"SiglipModel"};

constexpr EncoderSchema kIdefics3 =
    schema_of({"Idefics3", "idefics3", kIdefics3Types, kIdefics3Classes, kIdefics3Keys,
               kIdefics3Tensors, kSiglipBiases, kComputed, finish_idefics3});
constexpr EncoderSchema kSmolVlm =
    schema_of({"SmolVLM", "idefics3", kSmolVlmTypes, kSmolVlmClasses, kIdefics3Keys,
               kIdefics3Tensors, kSiglipBiases, kComputed, finish_idefics3});
constexpr EncoderSchema kGemma3 =
    schema_of({"Gemma 3", "gemma3", kGemma3Types, kGemma3Classes, kSiglipKeys, kGemma3Tensors,
               kSiglipBiases, kComputed, finish_gemma3});
constexpr EncoderSchema kLlavaClip =
    schema_of({"LLaVA-1.5, LLaVA-NeXT", "mlp", kLlavaTypes, kLlavaClasses, kClipKeys, kLlavaTensors,
               kBiases, kLlavaUnused,
               [](FolderDescription& d) {
                 finish_llava(d);
                 say_activation(d, "quick_gelu");
               },
               is_clip});
constexpr EncoderSchema kLlavaSiglip =
    schema_of({"LLaVA with SigLIP", "mlp", kLlavaTypes, kLlavaClasses, kSiglipKeys, kLlavaTensors,
               kSiglipBiases, kLlavaUnused,
               [](FolderDescription& d) {
                 finish_llava(d);
                 say_activation(d, "gelu_pytorch_tanh");
               },
               is_siglip});

constexpr EncoderSchema kClip = schema_of({"CLIP", "class", kClipTypes, kClipClasses, kClipKeys,
                                           kClipTensors, kBiases, kComputed, finish_clip});
constexpr EncoderSchema kSiglip =
    schema_of({"SigLIP, SigLIP 2 of one size", "attention_pool", kSiglipTypes, kSiglipClasses,
               kSiglipKeys, kSiglipTensors, kSiglipPairBiases, kPositionIds, finish_siglip});

constexpr std::array<const EncoderSchema*, 12> kEncoders = {
    &kIdefics3, &kSmolVlm,     &kGemma3,       &kLlavaClip,   &kLlavaSiglip,   &kClip,
    &kSiglip,   &kQwen2Vision, &kQwen25Vision, &kQwen3Vision, &kPixtralVision, &kMistral3Vision};

}  // namespace

std::span<const EncoderSchema* const> known_encoders() { return kEncoders; }

}  // namespace sirocco
