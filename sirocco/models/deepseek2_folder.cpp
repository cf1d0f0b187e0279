#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/deepseek2.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys = {
    ConfigKey{"block_count", "num_hidden_layers"},
    ConfigKey{"context_length", "max_position_embeddings"},
    ConfigKey{"embedding_length", "hidden_size"},
    ConfigKey{"feed_forward_length", "intermediate_size"},
    ConfigKey{"attention.head_count", "num_attention_heads"},
    ConfigKey{"attention.value_length", "v_head_dim"},
    ConfigKey{"attention.q_lora_rank", "q_lora_rank", {}, 1536, Null::kNone},
    ConfigKey{"attention.kv_lora_rank", "kv_lora_rank"},
    ConfigKey{"attention.layer_norm_rms_epsilon", "rms_norm_eps", {}, 1e-6},
    ConfigKey{"rope.dimension_count", "qk_rope_head_dim"},
    ConfigKey{"leading_dense_block_count", "first_k_dense_replace"},
    ConfigKey{"expert_count", "n_routed_experts", "num_experts"},
    ConfigKey{"expert_used_count", "num_experts_per_tok"},
    ConfigKey{"expert_feed_forward_length", "moe_intermediate_size"},
    ConfigKey{"vocab_size", "vocab_size"},
};
constexpr std::array kRules = joined(
    kSiluRules,
    std::array{ConfigRule{"moe_layer_freq", {"1"}}, ConfigRule{"rope_interleave", {"true"}}});
constexpr std::array kV2Rules =
    joined(kRules, std::array{ConfigRule{"scoring_func", {"softmax"}},
                              ConfigRule{"topk_method", {"greedy", "group_limited_greedy"}},
                              ConfigRule{"norm_topk_prob", {"false", "null"}},
                              ConfigRule{"mlp_bias", {"false"}}});
constexpr std::array kV3Rules = joined(kRules, std::array{ConfigRule{"scoring_func", {"sigmoid"}},
                                                          ConfigRule{"topk_method", {"noaux_tc"}}});
// What the two leave out means different things.
constexpr std::array kV2Keys = joined(
    kKeys, std::array{ConfigKey{"expert_shared_count", "n_shared_experts", {}, 2},
                      ConfigKey{"expert_weights_scale", "routed_scaling_factor"},
                      ConfigKey{"expert_group_count", "n_group", {}, {}, Null::kNone},
                      ConfigKey{"expert_group_used_count", "topk_group", {}, {}, Null::kNone}});
constexpr std::array kV3Keys = joined(
    kKeys, std::array{ConfigKey{"leading_dense_block_count", "first_k_dense_replace", {}, 3},
                      ConfigKey{"expert_gating_func", {}, {}, 2},  // sigmoids
                      ConfigKey{"expert_shared_count", "n_shared_experts", {}, 1},
                      ConfigKey{"expert_weights_norm", "norm_topk_prob", {}, true, Null::kNone},
                      ConfigKey{"expert_weights_scale", "routed_scaling_factor", {}, 2.5},
                      ConfigKey{"expert_group_count", "n_group", {}, 8},
                      ConfigKey{"expert_group_used_count", "topk_group", {}, 4}});
constexpr std::array kV3Companions = joined(
    kLatentBiases, std::array{CompanionRule{"blk.#.ffn_gate_inp", {}, "blk.#.exp_probs_b.bias"}});
constexpr std::array kTensors =
    joined(kDecoderTensors, kPreNormTensors, kGatedMlpTensors, kExpertTensors, kFusedExpertTensors,
           std::array{
               TensorRule{"layers.#.self_attn.q_proj", "blk.#.attn_q"},
               TensorRule{"layers.#.self_attn.q_a_proj", "blk.#.attn_q_a"},
               TensorRule{"layers.#.self_attn.q_a_layernorm", "blk.#.attn_q_a_norm"},
               TensorRule{"layers.#.self_attn.q_b_proj", "blk.#.attn_q_b"},
               TensorRule{"layers.#.self_attn.kv_a_proj_with_mqa", "blk.#.attn_kv_a_mqa"},
               TensorRule{"layers.#.self_attn.kv_a_layernorm", "blk.#.attn_kv_a_norm"},
               TensorRule{"layers.#.self_attn.kv_b_proj", "blk.#.attn_kv_b"},
               TensorRule{"layers.#.self_attn.o_proj", "blk.#.attn_output"},
               TensorRule{"layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias"},
               TensorRule{"layers.#.mlp.shared_experts.gate_proj", "blk.#.ffn_gate_shexp"},
               TensorRule{"layers.#.mlp.shared_experts.up_proj", "blk.#.ffn_up_shexp"},
               TensorRule{"layers.#.mlp.shared_experts.down_proj", "blk.#.ffn_down_shexp"},
           });
constexpr std::array<std::string_view, 1> kV2Types = {"deepseek_v2"};
constexpr std::array<std::string_view, 2> kV2Classes = {"DeepseekV2ForCausalLM", "DeepseekV2Model"};
constexpr std::array<std::string_view, 1> kV3Types = {"deepseek_v3"};
constexpr std::array<std::string_view, 2> kV3Classes = {"DeepseekV3ForCausalLM", "DeepseekV3Model"};

void finish(FolderDescription& d) {
  // Heads have a part that doesn't rotate and one that does.
  d.set("attention.key_length",
        d.whole_number("qk_nope_head_dim") + d.whole_number("qk_rope_head_dim"));
  set_rotary(d);
}

void finish_v2(FolderDescription& d) {
  finish(d);
  if (d.said<std::string_view>("topk_method").value_or("greedy") == "greedy") {
    d.unset("expert_group_count");
    d.unset("expert_group_used_count");
  }
}

}  // namespace

constexpr FolderSchema kDeepSeek2Folder = {.architecture = "deepseek2",
                                           .model_types = kV2Types,
                                           .classes = kV2Classes,
                                           .keys = kV2Keys,
                                           .rules = kV2Rules,
                                           .tensors = kTensors,
                                           .companions = kLatentBiases,
                                           .rotary_rows = RotaryRows::kNeighbouringPairs,
                                           .finish = finish_v2};
constexpr FolderSchema kDeepSeek3Folder = {.architecture = "deepseek2",
                                           .model_types = kV3Types,
                                           .classes = kV3Classes,
                                           .keys = kV3Keys,
                                           .rules = kV3Rules,
                                           .tensors = kTensors,
                                           .companions = kV3Companions,
                                           .rotary_rows = RotaryRows::kNeighbouringPairs,
                                           .finish = finish};

}  // namespace sirocco
