#include "sirocco/models/whisper.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"block_count", "decoder_layers"},
    ConfigKey{"context_length", "max_target_positions"},
    ConfigKey{"embedding_length", "d_model"},
    ConfigKey{"feed_forward_length", "decoder_ffn_dim"},
    ConfigKey{"attention.head_count", "decoder_attention_heads"},
    ConfigKey{"vocab_size", "vocab_size"},
    ConfigKey{"encoder.block_count", "encoder_layers"},
    ConfigKey{"encoder.context_length", "max_source_positions"},
    ConfigKey{"encoder.feed_forward_length", "encoder_ffn_dim"},
    ConfigKey{"encoder.attention.head_count", "encoder_attention_heads"},
    ConfigKey{"encoder.bands", "num_mel_bins"},
};
constexpr std::array kRules = {
    ConfigRule{"activation_function", {"gelu"}},
    ConfigRule{"scale_embedding", {"false"}},
    ConfigRule{"is_encoder_decoder", {"true"}},
};
// Kernels of convolutions are stored [outputs, inputs, taps].
constexpr std::array kTensors = {
    TensorRule{"encoder.conv1", "enc.conv1", {.transposed = true}},
    TensorRule{"encoder.conv2", "enc.conv2", {.transposed = true}},
    TensorRule{"encoder.embed_positions", "enc.position_embd"},
    TensorRule{"encoder.layers.#.self_attn_layer_norm", "enc.#.attn_norm"},
    TensorRule{"encoder.layers.#.self_attn.q_proj", "enc.#.attn_q"},
    TensorRule{"encoder.layers.#.self_attn.k_proj", "enc.#.attn_k"},
    TensorRule{"encoder.layers.#.self_attn.v_proj", "enc.#.attn_v"},
    TensorRule{"encoder.layers.#.self_attn.out_proj", "enc.#.attn_output"},
    TensorRule{"encoder.layers.#.final_layer_norm", "enc.#.ffn_norm"},
    TensorRule{"encoder.layers.#.fc1", "enc.#.ffn_up"},
    TensorRule{"encoder.layers.#.fc2", "enc.#.ffn_down"},
    TensorRule{"encoder.layer_norm", "enc.output_norm"},
    TensorRule{"decoder.embed_tokens", "token_embd"},
    TensorRule{"decoder.embed_positions", "position_embd"},
    TensorRule{"decoder.layers.#.self_attn_layer_norm", "blk.#.attn_norm"},
    TensorRule{"decoder.layers.#.self_attn.q_proj", "blk.#.attn_q"},
    TensorRule{"decoder.layers.#.self_attn.k_proj", "blk.#.attn_k"},
    TensorRule{"decoder.layers.#.self_attn.v_proj", "blk.#.attn_v"},
    TensorRule{"decoder.layers.#.self_attn.out_proj", "blk.#.attn_output"},
    TensorRule{"decoder.layers.#.encoder_attn_layer_norm", "blk.#.cross_norm"},
    TensorRule{"decoder.layers.#.encoder_attn.q_proj", "blk.#.cross_q"},
    TensorRule{"decoder.layers.#.encoder_attn.k_proj", "blk.#.cross_k"},
    TensorRule{"decoder.layers.#.encoder_attn.v_proj", "blk.#.cross_v"},
    TensorRule{"decoder.layers.#.encoder_attn.out_proj", "blk.#.cross_output"},
    TensorRule{"decoder.layers.#.final_layer_norm", "blk.#.ffn_norm"},
    TensorRule{"decoder.layers.#.fc1", "blk.#.ffn_up"},
    TensorRule{"decoder.layers.#.fc2", "blk.#.ffn_down"},
    TensorRule{"decoder.layer_norm", "output_norm"},
    TensorRule{"proj_out", "output"},
};
// All have a bias but for keys.
constexpr std::array kBiases = {
    CompanionRule{"enc.conv1"},          CompanionRule{"enc.conv2"},
    CompanionRule{"enc.output_norm"},    CompanionRule{"enc.#.attn_norm"},
    CompanionRule{"enc.#.attn_q"},       CompanionRule{"enc.#.attn_v"},
    CompanionRule{"enc.#.attn_output"},  CompanionRule{"enc.#.ffn_*"},
    CompanionRule{"output_norm"},        CompanionRule{"blk.#.attn_norm"},
    CompanionRule{"blk.#.attn_q"},       CompanionRule{"blk.#.attn_v"},
    CompanionRule{"blk.#.attn_output"},  CompanionRule{"blk.#.cross_norm"},
    CompanionRule{"blk.#.cross_q"},      CompanionRule{"blk.#.cross_v"},
    CompanionRule{"blk.#.cross_output"}, CompanionRule{"blk.#.ffn_*"},
};
constexpr std::array<std::string_view, 1> kTypes = {"whisper"};
constexpr std::array<std::string_view, 2> kClasses = {"WhisperForConditionalGeneration",
                                                      "WhisperModel"};

}  // namespace

constexpr FolderSchema kWhisperFolder = {.architecture = "whisper",
                                         .model_types = kTypes,
                                         .classes = kClasses,
                                         .keys = kKeys,
                                         .rules = kRules,
                                         .tensors = kTensors,
                                         .companions = kBiases,
                                         .tied = true};

}  // namespace sirocco
