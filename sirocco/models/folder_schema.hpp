#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

class FolderDescription;

/// How a value of a folder's config.json becomes one that models read.
struct ConfigKey {
  std::string_view canonical;   ///< below the architecture: "attention.head_count"
  std::string_view name;        ///< "num_attention_heads"
  std::string_view other = {};  ///< the name that another generation of folders gives it
  double fallback = 0.0;        ///< where the folder leaves it out; 0: it stays unset
};

/// A member of config.json that must have one of these values where it is there: the architecture
/// means them without saying so.
struct ConfigRule {
  std::string_view name;
  std::array<std::string_view, 4> values;  ///< text as it is; true, false and numbers as in JSON
};

/// What a folder's tensor goes through to be one that models read.
struct Arrangement {
  bool one_plus = false;     ///< 1 + w, in F32
  bool transposed = false;   ///< stored [inputs, outputs]; biases are as they are
  int part = 0;              ///< which of the
  int parts = 1;             ///< equal parts of the axis of outputs
  bool interleaved = false;  ///< every parts-th output is of the part, not a range of them
};

/// How a folder's tensor becomes one or a part of one that models read. In both names, # stands for
/// a layer's number and @ for an expert's. Names end before ".weight" or ".bias", so that a row
/// speaks of both; only a canonical name that ends in one of them stands for itself.
struct TensorRule {
  std::string_view folder;
  std::string_view canonical;
  Arrangement how = {};
};

/// How folders of a family become a checkpoint in the words of GGUF, which models read.
struct FolderSchema {
  std::string_view architecture;                  ///< "llama"
  std::span<const std::string_view> model_types;  ///< config.json's model_type
  std::span<const std::string_view> classes;      ///< what its architectures may name
  std::span<const ConfigKey> keys;
  std::span<const ConfigRule> rules = {};
  std::span<const TensorRule> tensors;
  std::span<const std::string_view> ignored = {};  ///< beginnings of names that aren't run
  bool tied = false;  ///< whether embedding and head are one where the folder doesn't say
  RotaryRows rotary_rows = RotaryRows::kHalfSplit;
  /// Whether it is this architecture, where several share a model type.
  bool (*applies)(const FolderDescription&) = nullptr;
  /// What rows can't say; runs after them.
  void (*finish)(FolderDescription&) = nullptr;
};

/// Those of all families, in the order of the registry.
std::vector<const FolderSchema*> folder_schemas();

/// Tables one behind another.
template <class T, std::size_t... N>
constexpr auto joined(const std::array<T, N>&... tables) {
  std::array<T, (N + ...)> all{};
  std::size_t at = 0;
  const auto append = [&](const auto& table) {
    for (const T& row : table) all[at++] = row;
  };
  (append(tables), ...);
  return all;
}

/// What most decoders agree on.
inline constexpr std::array kDecoderKeys = {
    ConfigKey{"block_count", "num_hidden_layers"},
    ConfigKey{"context_length", "max_position_embeddings"},
    ConfigKey{"embedding_length", "hidden_size"},
    ConfigKey{"feed_forward_length", "intermediate_size"},
    ConfigKey{"attention.head_count", "num_attention_heads"},
    ConfigKey{"attention.head_count_kv", "num_key_value_heads"},
    ConfigKey{"attention.key_length", "head_dim"},
    ConfigKey{"attention.value_length", "head_dim"},
    ConfigKey{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    ConfigKey{"vocab_size", "vocab_size"},
};
inline constexpr std::array kDecoderTensors = {
    TensorRule{"embed_tokens", "token_embd"},
    TensorRule{"norm", "output_norm"},
    TensorRule{"lm_head", "output"},
};
inline constexpr std::array kAttentionTensors = {
    TensorRule{"layers.#.self_attn.q_proj", "blk.#.attn_q"},
    TensorRule{"layers.#.self_attn.k_proj", "blk.#.attn_k"},
    TensorRule{"layers.#.self_attn.v_proj", "blk.#.attn_v"},
    TensorRule{"layers.#.self_attn.o_proj", "blk.#.attn_output"},
};
inline constexpr std::array kQkNormTensors = {
    TensorRule{"layers.#.self_attn.q_norm", "blk.#.attn_q_norm"},
    TensorRule{"layers.#.self_attn.k_norm", "blk.#.attn_k_norm"},
};
inline constexpr std::array kGatedMlpTensors = {
    TensorRule{"layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
    TensorRule{"layers.#.mlp.up_proj", "blk.#.ffn_up"},
    TensorRule{"layers.#.mlp.down_proj", "blk.#.ffn_down"},
};
inline constexpr std::array kPreNormTensors = {
    TensorRule{"layers.#.input_layernorm", "blk.#.attn_norm"},
    TensorRule{"layers.#.post_attention_layernorm", "blk.#.ffn_norm"},
};
/// Experts one file tensor each, and all of a layer in one, gate above up.
inline constexpr std::array kExpertTensors = {
    TensorRule{"layers.#.mlp.gate", "blk.#.ffn_gate_inp"},
    TensorRule{"layers.#.mlp.experts.@.gate_proj", "blk.#.ffn_gate_exps"},
    TensorRule{"layers.#.mlp.experts.@.up_proj", "blk.#.ffn_up_exps"},
    TensorRule{"layers.#.mlp.experts.@.down_proj", "blk.#.ffn_down_exps"},
};
inline constexpr std::array kFusedExpertTensors = {
    TensorRule{"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", {.parts = 2}},
    TensorRule{
        "layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", {.part = 1, .parts = 2}},
    TensorRule{"layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight"},
};
inline constexpr std::array kSiluRules = {ConfigRule{"hidden_act", {"silu", "swish"}}};

}  // namespace sirocco
