#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/phi2.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"block_count", "num_hidden_layers"},
    ConfigKey{"context_length", "max_position_embeddings", {}, 2048},
    ConfigKey{"embedding_length", "hidden_size"},
    ConfigKey{"feed_forward_length", "intermediate_size"},
    ConfigKey{"attention.head_count", "num_attention_heads"},
    ConfigKey{"attention.head_count_kv", "num_key_value_heads", {}, {}, Null::kNone},
    ConfigKey{"attention.layer_norm_epsilon", "layer_norm_eps", {}, 1e-5},
    ConfigKey{"vocab_size", "vocab_size"},
};
constexpr std::array kRules = {
    ConfigRule{"hidden_act", {"gelu_new", "gelu_pytorch_tanh"}},
    ConfigRule{"qk_layernorm", {"false"}},
};
constexpr std::array kTensors = {
    TensorRule{"embed_tokens", "token_embd"},
    TensorRule{"layers.#.input_layernorm", "blk.#.attn_norm"},
    TensorRule{"layers.#.self_attn.q_proj", "blk.#.attn_q"},
    TensorRule{"layers.#.self_attn.k_proj", "blk.#.attn_k"},
    TensorRule{"layers.#.self_attn.v_proj", "blk.#.attn_v"},
    TensorRule{"layers.#.self_attn.dense", "blk.#.attn_output"},
    TensorRule{"layers.#.mlp.fc1", "blk.#.ffn_up"},
    TensorRule{"layers.#.mlp.fc2", "blk.#.ffn_down"},
    TensorRule{"final_layernorm", "output_norm"},
    TensorRule{"lm_head", "output"},
};
constexpr std::array kBiases = {CompanionRule{"blk.#.*"}, CompanionRule{"output*"}};
constexpr std::array<std::string_view, 1> kTypes = {"phi"};
constexpr std::array<std::string_view, 2> kClasses = {"PhiForCausalLM", "PhiModel"};

}  // namespace

constexpr FolderSchema kPhi2Folder = {
    .architecture = "phi2",
    .model_types = kTypes,
    .classes = kClasses,
    .keys = kKeys,
    .rules = kRules,
    .tensors = kTensors,
    .companions = kBiases,
    .finish = [](FolderDescription& d) { set_rotary(d, {.part = 0.5}); }};

}  // namespace sirocco
