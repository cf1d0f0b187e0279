#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/t5.hpp"

namespace sirocco {
namespace {

// What the class has where a folder leaves it out: T5-small's.
constexpr std::array kKeys = {
    ConfigKey{"block_count", "num_layers", "num_hidden_layers", std::int64_t{6}},
    ConfigKey{"context_length", "n_positions", {}, std::int64_t{512}},
    ConfigKey{"embedding_length", "d_model", "hidden_size", std::int64_t{512}},
    ConfigKey{"feed_forward_length", "d_ff", {}, std::int64_t{2048}},
    ConfigKey{"attention.head_count", "num_heads", "num_attention_heads", std::int64_t{8}},
    ConfigKey{"attention.key_length", "d_kv", "head_dim", std::int64_t{64}},
    ConfigKey{"attention.value_length", "d_kv", "head_dim", std::int64_t{64}},
    ConfigKey{"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", {}, 1e-6},
    ConfigKey{
        "attention.relative_buckets_count", "relative_attention_num_buckets", {}, std::int64_t{32}},
    ConfigKey{"attention.relative_max_distance",
              "relative_attention_max_distance",
              {},
              std::int64_t{128}},
    ConfigKey{"feed_forward_proj", "feed_forward_proj"},
    ConfigKey{"vocab_size", "vocab_size", {}, std::int64_t{32128}},
};
constexpr std::array kRules = {ConfigRule{"is_decoder", {"false"}}};
constexpr std::array kTensors = {
    TensorRule{"shared", "token_embd"},
    TensorRule{"encoder.embed_tokens", "output"},
    TensorRule{"encoder.block.#.layer.0.layer_norm", "blk.#.attn_norm"},
    TensorRule{"encoder.block.#.layer.0.SelfAttention.q", "blk.#.attn_q"},
    TensorRule{"encoder.block.#.layer.0.SelfAttention.k", "blk.#.attn_k"},
    TensorRule{"encoder.block.#.layer.0.SelfAttention.v", "blk.#.attn_v"},
    TensorRule{"encoder.block.#.layer.0.SelfAttention.o", "blk.#.attn_output"},
    TensorRule{"encoder.block.#.layer.0.SelfAttention.relative_attention_bias", "blk.#.attn_rel_b"},
    TensorRule{"encoder.block.#.layer.1.layer_norm", "blk.#.ffn_norm"},
    TensorRule{"encoder.block.#.layer.1.DenseReluDense.wi", "blk.#.ffn_up"},
    TensorRule{"encoder.block.#.layer.1.DenseReluDense.wi_0", "blk.#.ffn_gate"},
    TensorRule{"encoder.block.#.layer.1.DenseReluDense.wi_1", "blk.#.ffn_up"},
    TensorRule{"encoder.block.#.layer.1.DenseReluDense.wo", "blk.#.ffn_down"},
    TensorRule{"encoder.final_layer_norm", "output_norm"},
    // What sentence-transformers may put behind the pooling.
    TensorRule{"modules.#.linear", "dense_#"},
};
constexpr std::array kBiases = {CompanionRule{"dense_#", {}, {}, true}};
constexpr std::array<std::string_view, 1> kTypes = {"t5"};
constexpr std::array<std::string_view, 4> kClasses = {
    "T5EncoderModel", "T5Model", "T5ForConditionalGeneration", "T5WithLMHeadModel"};
constexpr std::array<std::string_view, 2> kWriter = {"decoder.", "lm_head."};

constexpr std::array kGgufTensors = {
    TensorRule{"enc.blk.#.attn_norm", "blk.#.attn_norm"},
    TensorRule{"enc.blk.#.attn_q", "blk.#.attn_q"},
    TensorRule{"enc.blk.#.attn_k", "blk.#.attn_k"},
    TensorRule{"enc.blk.#.attn_v", "blk.#.attn_v"},
    TensorRule{"enc.blk.#.attn_o", "blk.#.attn_output"},
    TensorRule{"enc.blk.#.attn_rel_b", "blk.#.attn_rel_b"},
    TensorRule{"enc.blk.#.ffn_norm", "blk.#.ffn_norm"},
    TensorRule{"enc.blk.#.ffn_gate", "blk.#.ffn_gate"},
    TensorRule{"enc.blk.#.ffn_up", "blk.#.ffn_up"},
    TensorRule{"enc.blk.#.ffn_down", "blk.#.ffn_down"},
    TensorRule{"enc.output_norm", "output_norm"},
};
constexpr std::array<std::string_view, 2> kGgufWriter = {"dec.", "output."};

}  // namespace

constexpr FolderSchema kT5Folder = {.architecture = "t5encoder",
                                    .model_types = kTypes,
                                    .classes = kClasses,
                                    .keys = kKeys,
                                    .rules = kRules,
                                    .tensors = kTensors,
                                    .companions = kBiases,
                                    .encodes = true,
                                    .writer = kWriter,
                                    .one_table = true};
constexpr GgufSchema kT5EncoderGguf = {
    .architecture = "t5encoder", .tensors = kGgufTensors, .writer = kGgufWriter};
constexpr GgufSchema kT5Gguf = {
    .architecture = "t5", .tensors = kGgufTensors, .writer = kGgufWriter};

}  // namespace sirocco
