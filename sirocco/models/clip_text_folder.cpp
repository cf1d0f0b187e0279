#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/clip_text.hpp"

namespace sirocco {
namespace {

// What the class has where a folder leaves it out: those of ViT-B/32.
constexpr std::array kKeys = {
    ConfigKey{"block_count", "num_hidden_layers", {}, std::int64_t{12}},
    ConfigKey{"context_length", "max_position_embeddings", {}, std::int64_t{77}},
    ConfigKey{"embedding_length", "hidden_size", {}, std::int64_t{512}},
    ConfigKey{"feed_forward_length", "intermediate_size", {}, std::int64_t{2048}},
    ConfigKey{"attention.head_count", "num_attention_heads", {}, std::int64_t{8}},
    ConfigKey{"attention.layer_norm_epsilon", "layer_norm_eps", {}, 1e-5},
    ConfigKey{"vocab_size", "vocab_size", {}, std::int64_t{49408}},
    ConfigKey{"hidden_act", "hidden_act"},
    ConfigKey{"eos_token_id", "eos_token_id", {}, std::int64_t{49407}},
};
constexpr std::array kTensors = {
    TensorRule{"embeddings.token_embedding", "token_embd"},
    TensorRule{"embeddings.position_embedding", "position_embd"},
    TensorRule{"encoder.layers.#.layer_norm1", "blk.#.attn_norm"},
    TensorRule{"encoder.layers.#.self_attn.q_proj", "blk.#.attn_q"},
    TensorRule{"encoder.layers.#.self_attn.k_proj", "blk.#.attn_k"},
    TensorRule{"encoder.layers.#.self_attn.v_proj", "blk.#.attn_v"},
    TensorRule{"encoder.layers.#.self_attn.out_proj", "blk.#.attn_output"},
    TensorRule{"encoder.layers.#.layer_norm2", "blk.#.ffn_norm"},
    TensorRule{"encoder.layers.#.mlp.fc1", "blk.#.ffn_up"},
    TensorRule{"encoder.layers.#.mlp.fc2", "blk.#.ffn_down"},
    TensorRule{"final_layer_norm", "output_norm"},
    // Numbered as what sentence-transformers puts behind the pooling.
    TensorRule{"text_projection", "dense_2"},
};
constexpr std::array kBiases = {CompanionRule{"blk.#.*"}, CompanionRule{"output_norm"}};
constexpr std::array<std::string_view, 2> kTypes = {"clip_text_model", "clip"};
constexpr std::array<std::string_view, 3> kClasses = {"CLIPModel", "CLIPTextModelWithProjection",
                                                      "CLIPTextModel"};

}  // namespace

constexpr FolderSchema kClipTextFolder = {.architecture = "clip-text",
                                          .model_types = kTypes,
                                          .classes = kClasses,
                                          .keys = kKeys,
                                          .tensors = kTensors,
                                          .companions = kBiases,
                                          .tied = true,
                                          .encodes = true};

}  // namespace sirocco
