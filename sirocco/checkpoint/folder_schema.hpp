#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

class FolderDescription;

/// A Fallback is what holds where a folder leaves a member out, which is what the library's class
/// for it has as the default; nothing: it stays unset.
using Fallback = std::variant<std::monostate, bool, std::int64_t, double>;

/// Null says what a member that is null means: nothing that could be run, or that there is none of
/// it, which models know by its staying unset, or by a zero where they have a default of their own.
enum class Null { kRefused, kNone, kZero };

/// A ConfigKey is how a value of a folder's config.json becomes one that models read.
struct ConfigKey {
  std::string_view canonical;   ///< below the architecture: "attention.head_count"
  std::string_view name;        ///< "num_attention_heads"; empty: no member says it
  std::string_view other = {};  ///< the name that another generation of folders gives it
  Fallback fallback = {};
  Null null = Null::kRefused;
};

/// A ConfigRule names a member of config.json that must have one of these values where it is there:
/// the architecture means them without saying so.
struct ConfigRule {
  std::string_view name;
  std::array<std::string_view, 4> values;  ///< text as it is, all else as in JSON
};

/// An Arrangement is what a folder's tensor goes through to be one that models read.
struct Arrangement {
  bool one_plus = false;     ///< 1 + w, in F32
  bool transposed = false;   ///< stored [inputs, outputs]; biases are as they are
  int part = 0;              ///< which of the
  int parts = 1;             ///< equal parts of the axis of outputs
  bool interleaved = false;  ///< every parts-th output is of the part, not a range of them
  /// The key that says how many inputs there are: `transposed` is where the innermost axis has
  /// another extent. Empty: it is as said.
  std::string_view inputs = {};
};

/// A TensorRule is how a folder's tensor becomes one or a part of one that models read. In both
/// names, # stands for a layer's number and @ for an expert's. Names end before ".weight" or
/// ".bias", so that a row speaks of both; only a canonical name that ends in one of them stands for
/// itself.
struct TensorRule {
  std::string_view folder;
  std::string_view canonical;
  Arrangement how = {};
};

/// A CompanionRule is what has to stand beside a tensor. Biases that no such row speaks of belong
/// to no model of the family, unless a row of tensors is for them alone.
struct CompanionRule {
  std::string_view of;           ///< "blk.#.attn_q", or with * at its end the beginning of several
  std::string_view member = {};  ///< of config.json that says whether it does; empty: it does
  std::string_view tensor = {};  ///< "blk.#.attn_q_norm.weight"; empty: the bias
  bool optional = false;         ///< it may stand there
  bool of_folders = false;       ///< GGUF files of the architecture may lack it

  bool operator==(const CompanionRule&) const = default;
};

/// A FolderSchema is how folders of a family become a checkpoint in the words of GGUF, which models
/// read.
struct FolderSchema {
  std::string_view architecture;                  ///< "llama"
  std::span<const std::string_view> model_types;  ///< config.json's model_type
  std::span<const std::string_view> classes;      ///< what its architectures may name
  std::span<const ConfigKey> keys;
  std::span<const ConfigRule> rules = {};
  std::span<const TensorRule> tensors;
  std::span<const CompanionRule> companions = {};
  bool tied = false;     ///< whether embedding and head are one where the folder doesn't say
  bool encodes = false;  ///< no head is run; one that is there may be the token table's other name
  RotaryRows rotary_rows = RotaryRows::kHalfSplit;
  /// Whether it is this architecture, where several share a model type.
  bool (*applies)(const FolderDescription&) = nullptr;
  /// What rows can't say; runs after them.
  void (*finish)(FolderDescription&) = nullptr;
  /// The member of config.json that describes it, where the model has several parts.
  std::string_view part = "text_config";
  /// Whether that part may say too that embedding and head are one, as before transformers 5; else
  /// only the whole does.
  bool tied_by_part = false;
  /// Whether it is described there alone, with whatever members; else where the part has a model
  /// type.
  bool part_alone = false;
  /// Beginnings of the names of tensors that belong to the half that writes, where only the half
  /// that reads is run.
  std::span<const std::string_view> writer = {};
  /// Whether what stands as the head is the token table's other name, whatever the folder says.
  bool one_table = false;
};

/// A GgufSchema is how GGUF files of an architecture with names of its own for the tensors of its
/// layers become a checkpoint in the words of the others.
struct GgufSchema {
  std::string_view architecture;
  /// `folder` is a name in the file. A tensor that no row speaks of keeps its name.
  std::span<const TensorRule> tensors;
  std::span<const std::string_view> writer = {};  ///< as FolderSchema has it
};

/// An EncoderSchema is how the part of a folder that sees pictures, or the one that hears, becomes
/// an encoder in the words of llama.cpp's mmproj files, which models read.
struct EncoderSchema {
  /// `model_types` and `classes` are those of the whole, `architecture` is "clip". Names of tensors
  /// stand without what is in front of the whole's and, of the encoder's own, behind "tower.".
  FolderSchema of;
  std::string_view models;     ///< for people: "Idefics3"
  std::string_view projector;  ///< what is between the two models, as llama.cpp calls it
  /// Beginnings of names whose tensors no answer depends on.
  std::span<const std::string_view> unused = {};
  bool hears = false;  ///< it encodes sound, not pictures
};

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

/// DecoderDefaults are in what the classes of decoders differ where a folder says nothing.
struct DecoderDefaults {
  std::int64_t context_length;
  Fallback kv_heads = {};  ///< nothing: as many as heads
  Fallback head_dim = {};  ///< nothing: the width over the heads
  double epsilon = 1e-6;
};
/// What most decoders agree on. Sizes have no default: the tensors wouldn't fit it.
constexpr std::array<ConfigKey, 10> decoder_keys(const DecoderDefaults& defaults) {
  return {{
      {"block_count", "num_hidden_layers"},
      {"context_length", "max_position_embeddings", {}, defaults.context_length},
      {"embedding_length", "hidden_size"},
      {"feed_forward_length", "intermediate_size"},
      {"attention.head_count", "num_attention_heads"},
      {"attention.head_count_kv", "num_key_value_heads", {}, defaults.kv_heads, Null::kNone},
      {"attention.key_length", "head_dim", {}, defaults.head_dim, Null::kNone},
      {"attention.value_length", "head_dim", {}, defaults.head_dim, Null::kNone},
      {"attention.layer_norm_rms_epsilon", "rms_norm_eps", {}, defaults.epsilon},
      {"vocab_size", "vocab_size"},
  }};
}
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
/// Biases that config.json speaks of.
inline constexpr std::array kAttentionBiases = {
    CompanionRule{"blk.#.attn_q", "attention_bias"},
    CompanionRule{"blk.#.attn_k", "attention_bias"},
    CompanionRule{"blk.#.attn_v", "attention_bias"},
    CompanionRule{"blk.#.attn_output", "attention_bias"},
};
inline constexpr std::array kMlpBiases = {
    CompanionRule{"blk.#.ffn_gate", "mlp_bias"},
    CompanionRule{"blk.#.ffn_up", "mlp_bias"},
    CompanionRule{"blk.#.ffn_down", "mlp_bias"},
};
inline constexpr std::array kLatentBiases = {
    CompanionRule{"blk.#.attn_q_a", "attention_bias"},
    CompanionRule{"blk.#.attn_kv_a_mqa", "attention_bias"},
    CompanionRule{"blk.#.attn_output", "attention_bias"},
};
/// Those that queries, keys and values always have, though llama.cpp runs models without them too.
inline constexpr std::array kQkvBiases = {
    CompanionRule{.of = "blk.#.attn_q", .of_folders = true},
    CompanionRule{.of = "blk.#.attn_k", .of_folders = true},
    CompanionRule{.of = "blk.#.attn_v", .of_folders = true},
};
inline constexpr std::array kQkNorms = {
    CompanionRule{"blk.#.attn_q", {}, "blk.#.attn_q_norm.weight"},
    CompanionRule{"blk.#.attn_k", {}, "blk.#.attn_k_norm.weight"},
};
inline constexpr std::array kSiluRules = {ConfigRule{"hidden_act", {"silu", "swish"}}};

}  // namespace sirocco
