#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/gpt2.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"block_count", "n_layer"},
    ConfigKey{"context_length", "n_positions", "n_ctx"},
    ConfigKey{"embedding_length", "n_embd"},
    ConfigKey{"feed_forward_length", "n_inner", {}, {}, Null::kNone},
    ConfigKey{"attention.head_count", "n_head"},
    ConfigKey{"attention.layer_norm_epsilon", "layer_norm_epsilon", {}, 1e-5},
    ConfigKey{"vocab_size", "vocab_size"},
};
constexpr std::array kRules = {
    ConfigRule{"activation_function", {"gelu_new", "gelu_pytorch_tanh"}},
    ConfigRule{"scale_attn_weights", {"true"}},
    ConfigRule{"scale_attn_by_inverse_layer_idx", {"false"}},
    ConfigRule{"add_cross_attention", {"false"}},
};
// Its projections are one-dimensional convolutions, [inputs, outputs].
constexpr std::array kTensors = {
    TensorRule{"wte", "token_embd"},
    TensorRule{"wpe", "position_embd"},
    TensorRule{"h.#.ln_1", "blk.#.attn_norm"},
    TensorRule{"h.#.attn.c_attn", "blk.#.attn_qkv", {.transposed = true}},
    TensorRule{"h.#.attn.c_proj", "blk.#.attn_output", {.transposed = true}},
    TensorRule{"h.#.ln_2", "blk.#.ffn_norm"},
    TensorRule{"h.#.mlp.c_fc", "blk.#.ffn_up", {.transposed = true}},
    TensorRule{"h.#.mlp.c_proj", "blk.#.ffn_down", {.transposed = true}},
    TensorRule{"ln_f", "output_norm"},
    TensorRule{"lm_head", "output"},
};
constexpr std::array kBiases = {CompanionRule{"blk.#.*"}, CompanionRule{"output_norm"}};
constexpr std::array<std::string_view, 1> kTypes = {"gpt2"};
constexpr std::array<std::string_view, 2> kClasses = {"GPT2LMHeadModel", "GPT2Model"};

void finish(FolderDescription& d) {
  if (!d.is_set("feed_forward_length"))
    d.set("feed_forward_length", 4 * d.integer("embedding_length"));
}

}  // namespace

constexpr FolderSchema kGpt2Folder = {.architecture = "gpt2",
                                      .model_types = kTypes,
                                      .classes = kClasses,
                                      .keys = kKeys,
                                      .rules = kRules,
                                      .tensors = kTensors,
                                      .companions = kBiases,
                                      .tied = true,
                                      .finish = finish};

}  // namespace sirocco
