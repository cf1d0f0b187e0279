#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/models/vision_schema.hpp"

/// The encoders of Qwen2-VL, Qwen2.5-VL and Qwen3-VL in folders.
namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"vision.num_channels", "in_channels", "in_chans", std::int64_t{3}},
    ConfigKey{"vision.hidden_act", "hidden_act"},
    ConfigKey{"vision.spatial_merge_size", "spatial_merge_size", {}, std::int64_t{2}},
    ConfigKey{"vision.attention.head_count", "num_heads", "num_attention_heads", std::int64_t{16}},
};
constexpr std::array kQwen2Keys = joined(
    kKeys, std::array{
               ConfigKey{"vision.embedding_length", "embed_dim", {}, std::int64_t{1280}},
               ConfigKey{"vision.block_count", "depth", "num_hidden_layers", std::int64_t{32}},
               ConfigKey{"vision.patch_size", "patch_size", {}, std::int64_t{14}},
               ConfigKey{"vision.mlp_ratio", "mlp_ratio", {}, std::int64_t{4}},
           });
constexpr std::array kQwen25Keys = joined(
    kKeys, std::array{
               ConfigKey{"vision.embedding_length", "hidden_size", {}, std::int64_t{3584}},
               ConfigKey{"vision.feed_forward_length", "intermediate_size", {}, std::int64_t{3420}},
               ConfigKey{"vision.block_count", "depth", "num_hidden_layers", std::int64_t{32}},
               ConfigKey{"vision.patch_size", "patch_size", {}, std::int64_t{14}},
               ConfigKey{"vision.window_size", "window_size", {}, std::int64_t{112}},
           });
constexpr std::array kQwen3Keys = joined(
    kKeys, std::array{
               ConfigKey{"vision.embedding_length", "hidden_size", {}, std::int64_t{1152}},
               ConfigKey{"vision.feed_forward_length", "intermediate_size", {}, std::int64_t{4304}},
               ConfigKey{"vision.block_count", "depth", "num_hidden_layers", std::int64_t{27}},
               ConfigKey{"vision.patch_size", "patch_size", {}, std::int64_t{16}},
               ConfigKey{"vision.positions", "num_position_embeddings", {}, std::int64_t{2304}},
           });

constexpr std::array kTower = {
    TensorRule{"tower.patch_embed.proj", "v.patch_embd"},
    TensorRule{"tower.blocks.#.norm1", "v.blk.#.ln1"},
    TensorRule{"tower.blocks.#.norm2", "v.blk.#.ln2"},
    TensorRule{"tower.blocks.#.attn.proj", "v.blk.#.attn_out"},
};
constexpr std::array kSplit = {
    TensorRule{"tower.blocks.#.attn.qkv", "v.blk.#.attn_q", {.part = 0, .parts = 3}},
    TensorRule{"tower.blocks.#.attn.qkv", "v.blk.#.attn_k", {.part = 1, .parts = 3}},
    TensorRule{"tower.blocks.#.attn.qkv", "v.blk.#.attn_v", {.part = 2, .parts = 3}},
};
constexpr std::array kMerger = {
    TensorRule{"tower.merger.ln_q", "v.post_ln"},
    TensorRule{"tower.merger.mlp.#", "mm.#"},
};
constexpr std::array kQwen2Tensors =
    joined(kTower, kSplit, kMerger,
           std::array{
               TensorRule{"tower.blocks.#.mlp.fc1", "v.blk.#.ffn_up"},
               TensorRule{"tower.blocks.#.mlp.fc2", "v.blk.#.ffn_down"},
           });
constexpr std::array kQwen25Tensors =
    joined(kTower, kSplit, kMerger,
           std::array{
               TensorRule{"tower.blocks.#.mlp.gate_proj", "v.blk.#.ffn_gate"},
               TensorRule{"tower.blocks.#.mlp.up_proj", "v.blk.#.ffn_up"},
               TensorRule{"tower.blocks.#.mlp.down_proj", "v.blk.#.ffn_down"},
           });
constexpr std::array kQwen3Tensors =
    joined(kTower, std::array{
                       TensorRule{"tower.blocks.#.attn.qkv", "v.blk.#.attn_qkv"},
                       TensorRule{"tower.blocks.#.mlp.linear_fc1", "v.blk.#.ffn_up"},
                       TensorRule{"tower.blocks.#.mlp.linear_fc2", "v.blk.#.ffn_down"},
                       TensorRule{"tower.pos_embed", "v.position_embd"},
                       TensorRule{"tower.merger.norm", "v.post_ln"},
                       TensorRule{"tower.merger.linear_fc1", "mm.0"},
                       TensorRule{"tower.merger.linear_fc2", "mm.2"},
                       TensorRule{"tower.deepstack_merger_list.#.norm", "v.deepstack.#.norm"},
                       TensorRule{"tower.deepstack_merger_list.#.linear_fc1", "v.deepstack.#.fc1"},
                       TensorRule{"tower.deepstack_merger_list.#.linear_fc2", "v.deepstack.#.fc2"},
                   });

constexpr std::array kBiases = {CompanionRule{"v.blk.#.attn_*"}, CompanionRule{"v.blk.#.ffn_*"},
                                CompanionRule{"mm.#"}};
constexpr std::array kQwen3Biases =
    joined(kBiases, std::array{CompanionRule{"v.patch_embd"}, CompanionRule{"v.deepstack.#.*"}});

void finish(FolderDescription& d, std::string_view activation, std::int64_t image_size) {
  d.set("vision.attention.layer_norm_epsilon", 1e-6);
  d.set("vision.image_size", image_size);
  say_activation(d, activation);
  if (const auto base = d.said<double>("rope_parameters.rope_theta"))
    d.set("vision.rope.freq_base", *base);
}

/// What files of llama.cpp say, though pictures may have any size.
constexpr std::int64_t kImageSize = 560;

void finish_qwen2(FolderDescription& d) {
  d.set("vision.feed_forward_length",
        d.integer("vision.embedding_length") * d.integer("vision.mlp_ratio"));
  finish(d, "quick_gelu", kImageSize);
}

void finish_qwen2_5(FolderDescription& d) {
  constexpr std::array<std::int64_t, 4> kFull = {7, 15, 23, 31};
  set_layers(d, "vision.full_attention_layers", "fullatt_block_indexes", kFull);
  finish(d, "silu", kImageSize);
}

void finish_qwen3(FolderDescription& d) {
  constexpr std::array<std::int64_t, 3> kDeep = {8, 16, 24};
  set_layers(d, "vision.deepstack_layers", "deepstack_visual_indexes", kDeep);
  const std::int64_t positions = d.integer("vision.positions");
  const auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(positions)));
  if (side * side != positions) {
    throw UnsupportedError("{}: {} is {}, which makes no square", d.origin(),
                           quoted(d.config_path("num_position_embeddings")), positions);
  }
  finish(d, "gelu_pytorch_tanh", side * d.integer("vision.patch_size"));
}

constexpr std::array<std::string_view, 1> kQwen2Types = {"qwen2_vl"};
constexpr std::array<std::string_view, 2> kQwen2Classes = {"Qwen2VLForConditionalGeneration",
                                                           "Qwen2VLModel"};
constexpr std::array<std::string_view, 1> kQwen25Types = {"qwen2_5_vl"};
constexpr std::array<std::string_view, 2> kQwen25Classes = {"Qwen2_5_VLForConditionalGeneration",
                                                            "Qwen2_5_VLModel"};
constexpr std::array<std::string_view, 2> kQwen3Types = {"qwen3_vl", "qwen3_vl_moe"};
constexpr std::array<std::string_view, 4> kQwen3Classes = {
    "Qwen3VLForConditionalGeneration", "Qwen3VLModel", "Qwen3VLMoeForConditionalGeneration",
    "Qwen3VLMoeModel"};

}  // namespace

constexpr EncoderSchema kQwen2Vision = schema_of({"Qwen2-VL",
                                                  "qwen2vl_merger",
                                                  kQwen2Types,
                                                  kQwen2Classes,
                                                  kQwen2Keys,
                                                  kQwen2Tensors,
                                                  kBiases,
                                                  {},
                                                  finish_qwen2});
constexpr EncoderSchema kQwen25Vision = schema_of({"Qwen2.5-VL",
                                                   "qwen2.5vl_merger",
                                                   kQwen25Types,
                                                   kQwen25Classes,
                                                   kQwen25Keys,
                                                   kQwen25Tensors,
                                                   kBiases,
                                                   {},
                                                   finish_qwen2_5});
constexpr EncoderSchema kQwen3Vision = schema_of({"Qwen3-VL, Qwen3-VL-MoE",
                                                  "qwen3vl_merger",
                                                  kQwen3Types,
                                                  kQwen3Classes,
                                                  kQwen3Keys,
                                                  kQwen3Tensors,
                                                  kQwen3Biases,
                                                  {},
                                                  finish_qwen3});

}  // namespace sirocco
