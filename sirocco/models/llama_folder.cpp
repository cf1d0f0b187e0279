#include "sirocco/checkpoint/unsaid_sizes.hpp"
#include "sirocco/models/llama.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = decoder_keys({.context_length = 2048});
// Llama's own files may speak of a window, which Llama doesn't look through.
constexpr std::array kMistralKeys = joined(
    decoder_keys({.context_length = 131072, .kv_heads = 8}),
    std::array{ConfigKey{"attention.sliding_window", "sliding_window", {}, 4096, Null::kNone}});
constexpr std::array kBiases = joined(kAttentionBiases, kMlpBiases);
constexpr std::array kTensors =
    joined(kDecoderTensors, kAttentionTensors, kPreNormTensors, kGatedMlpTensors);
constexpr std::array kMixtralKeys =
    joined(decoder_keys({.context_length = 131072, .kv_heads = 8, .epsilon = 1e-5}),
           std::array{ConfigKey{"attention.sliding_window", "sliding_window", {}, {}, Null::kNone},
                      ConfigKey{"expert_count", "num_local_experts", "num_experts", 8},
                      ConfigKey{"expert_used_count", "num_experts_per_tok", {}, 2}});
constexpr std::array kMixtralTensors =
    joined(kDecoderTensors, kAttentionTensors, kPreNormTensors, kFusedExpertTensors,
           std::array{
               TensorRule{"layers.#.mlp.gate", "blk.#.ffn_gate_inp"},
               TensorRule{"layers.#.block_sparse_moe.gate", "blk.#.ffn_gate_inp"},
               TensorRule{"layers.#.block_sparse_moe.experts.@.w1", "blk.#.ffn_gate_exps"},
               TensorRule{"layers.#.block_sparse_moe.experts.@.w3", "blk.#.ffn_up_exps"},
               TensorRule{"layers.#.block_sparse_moe.experts.@.w2", "blk.#.ffn_down_exps"},
           });
constexpr std::array<std::string_view, 1> kTypes = {"llama"};
constexpr std::array<std::string_view, 1> kMistralTypes = {"mistral"};
constexpr std::array<std::string_view, 1> kMixtralTypes = {"mixtral"};
constexpr std::array<std::string_view, 2> kMixtralClasses = {"MixtralForCausalLM", "MixtralModel"};
constexpr std::array<std::string_view, 2> kMistralClasses = {"MistralForCausalLM", "MistralModel"};
constexpr std::array<std::string_view, 2> kClasses = {"LlamaForCausalLM", "LlamaModel"};

}  // namespace

constexpr FolderSchema kLlamaFolder = {.architecture = "llama",
                                       .model_types = kTypes,
                                       .classes = kClasses,
                                       .keys = kKeys,
                                       .rules = kSiluRules,
                                       .tensors = kTensors,
                                       .companions = kBiases,
                                       .finish = [](FolderDescription& d) {
                                         set_unsaid_sizes(d, {.feed_forward = 11008});
                                         set_rotary(d);
                                       }};
constexpr FolderSchema kMistralFolder = {.architecture = "llama",
                                         .model_types = kMistralTypes,
                                         .classes = kMistralClasses,
                                         .keys = kMistralKeys,
                                         .rules = kSiluRules,
                                         .tensors = kTensors,
                                         .finish = [](FolderDescription& d) {
                                           set_unsaid_sizes(d, {.feed_forward = 14336});
                                           set_rotary(d);
                                         }};
constexpr FolderSchema kMixtralFolder = {
    .architecture = "llama",
    .model_types = kMixtralTypes,
    .classes = kMixtralClasses,
    .keys = kMixtralKeys,
    .rules = kSiluRules,
    .tensors = kMixtralTensors,
    .finish = [](FolderDescription& d) { set_rotary(d, {.base = 1000000.0}); }};

}  // namespace sirocco
