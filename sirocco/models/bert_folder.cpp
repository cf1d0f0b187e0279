#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/bert.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"block_count", "num_hidden_layers"},
    ConfigKey{"context_length", "max_position_embeddings"},
    ConfigKey{"embedding_length", "hidden_size"},
    ConfigKey{"feed_forward_length", "intermediate_size"},
    ConfigKey{"attention.head_count", "num_attention_heads"},
    ConfigKey{"attention.layer_norm_epsilon", "layer_norm_eps", {}, 1e-12},
    ConfigKey{"vocab_size", "vocab_size"},
};
constexpr std::array kRules = {
    ConfigRule{"hidden_act", {"gelu"}},
    ConfigRule{"position_embedding_type", {"absolute", "null"}},
    ConfigRule{"is_decoder", {"false"}},
};
constexpr std::array kTensors = {
    TensorRule{"embeddings.word_embeddings", "token_embd"},
    TensorRule{"embeddings.position_embeddings", "position_embd"},
    TensorRule{"embeddings.token_type_embeddings", "token_types"},
    TensorRule{"embeddings.LayerNorm", "token_embd_norm"},
    TensorRule{"encoder.layer.#.attention.self.query", "blk.#.attn_q"},
    TensorRule{"encoder.layer.#.attention.self.key", "blk.#.attn_k"},
    TensorRule{"encoder.layer.#.attention.self.value", "blk.#.attn_v"},
    TensorRule{"encoder.layer.#.attention.output.dense", "blk.#.attn_output"},
    TensorRule{"encoder.layer.#.attention.output.LayerNorm", "blk.#.attn_output_norm"},
    TensorRule{"encoder.layer.#.intermediate.dense", "blk.#.ffn_up"},
    TensorRule{"encoder.layer.#.output.dense", "blk.#.ffn_down"},
    TensorRule{"encoder.layer.#.output.LayerNorm", "blk.#.layer_output_norm"},
    // What the first checkpoints, converted from TensorFlow, call weights and biases of norms.
    TensorRule{"embeddings.LayerNorm.gamma", "token_embd_norm.weight"},
    TensorRule{"embeddings.LayerNorm.beta", "token_embd_norm.bias"},
    TensorRule{"encoder.layer.#.attention.output.LayerNorm.gamma", "blk.#.attn_output_norm.weight"},
    TensorRule{"encoder.layer.#.attention.output.LayerNorm.beta", "blk.#.attn_output_norm.bias"},
    TensorRule{"encoder.layer.#.output.LayerNorm.gamma", "blk.#.layer_output_norm.weight"},
    TensorRule{"encoder.layer.#.output.LayerNorm.beta", "blk.#.layer_output_norm.bias"},
    // What sentence-transformers may put behind the pooling.
    TensorRule{"modules.#.linear", "dense_#"},
    // What guesses masked words, which is the table of words.
    TensorRule{"cls.predictions.decoder.weight", "output.weight"},
};
constexpr std::array kBiases = {CompanionRule{"blk.#.*"}, CompanionRule{"token_embd_norm"},
                                CompanionRule{"dense_#", {}, {}, true}};
constexpr std::array<std::string_view, 1> kTypes = {"bert"};
constexpr std::array<std::string_view, 3> kClasses = {"BertModel", "BertForMaskedLM",
                                                      "BertForPreTraining"};

}  // namespace

constexpr FolderSchema kBertFolder = {.architecture = "bert",
                                      .model_types = kTypes,
                                      .classes = kClasses,
                                      .keys = kKeys,
                                      .rules = kRules,
                                      .tensors = kTensors,
                                      .companions = kBiases,
                                      .tied = true,
                                      .encodes = true};

}  // namespace sirocco
