#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/gpt_oss.hpp"

namespace sirocco {
namespace {

constexpr std::array kKeys =
    joined(decoder_keys({.context_length = 131072, .kv_heads = 8, .head_dim = 64, .epsilon = 1e-5}),
           std::array{ConfigKey{"expert_count", "num_local_experts", "num_experts", 128},
                      ConfigKey{"expert_used_count", "num_experts_per_tok", "experts_per_token", 4},
                      ConfigKey{"attention.sliding_window", "sliding_window", {}, 128}});
constexpr std::array kRules =
    joined(kSiluRules, std::array{ConfigRule{"swiglu_limit", {"7", "7.0"}},
                                  ConfigRule{"swiglu_alpha", {"1.702"}},
                                  ConfigRule{"attention_bias", {"true"}}});
// Experts stand as [inputs, outputs], or packed as [outputs, inputs]; gate and up in turn.
constexpr std::array kTensors = joined(
    kDecoderTensors, kAttentionTensors,
    std::array{
        TensorRule{"layers.#.self_attn.sinks", "blk.#.attn_sinks.weight"},
        TensorRule{"layers.#.input_layernorm", "blk.#.attn_norm"},
        TensorRule{"layers.#.post_attention_layernorm", "blk.#.post_attention_norm"},
        TensorRule{"layers.#.mlp.router", "blk.#.ffn_gate_inp"},
        TensorRule{"layers.#.mlp.experts.gate_up_proj",
                   "blk.#.ffn_gate_exps.weight",
                   {.transposed = true, .parts = 2, .interleaved = true}},
        TensorRule{"layers.#.mlp.experts.gate_up_proj",
                   "blk.#.ffn_up_exps.weight",
                   {.transposed = true, .part = 1, .parts = 2, .interleaved = true}},
        TensorRule{
            "layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", {.transposed = true}},
        TensorRule{"layers.#.mlp.experts.gate_up_proj_bias",
                   "blk.#.ffn_gate_exps.bias",
                   {.parts = 2, .interleaved = true}},
        TensorRule{"layers.#.mlp.experts.gate_up_proj_bias",
                   "blk.#.ffn_up_exps.bias",
                   {.part = 1, .parts = 2, .interleaved = true}},
        TensorRule{"layers.#.mlp.experts.down_proj_bias", "blk.#.ffn_down_exps.bias"},
    });
constexpr std::array kCompanions =
    joined(kQkvBiases, std::array{CompanionRule{"blk.#.attn_output"}, CompanionRule{"blk.#.ffn_*"},
                                  CompanionRule{"blk.#.attn_q", {}, "blk.#.attn_sinks.weight"}});
constexpr std::array<std::string_view, 1> kTypes = {"gpt_oss"};
constexpr std::array<std::string_view, 2> kClasses = {"GptOssForCausalLM", "GptOssModel"};

/// Layers with a window and without one in turn is all that there is.
void finish(FolderDescription& d) {
  if (const auto* const kinds = d.said_array<std::vector<std::string_view>>("layer_types")) {
    for (std::size_t i = 0; i < kinds->size(); ++i) {
      if ((*kinds)[i] == (i % 2 == 0 ? "sliding_attention" : "full_attention")) continue;
      throw UnsupportedError("{}: {} gives layer {} the kind {}, but layers take turns", d.origin(),
                             quoted(d.config_path("layer_types")), i, quoted((*kinds)[i]));
    }
  }
  set_rotary(d,
             {.base = 150000.0,
              .unsaid = FolderYarn{.factor = 32.0, .original_positions = 4096, .truncate = false}});
}

}  // namespace

constexpr FolderSchema kGptOssFolder = {.architecture = "gpt-oss",
                                        .model_types = kTypes,
                                        .classes = kClasses,
                                        .keys = kKeys,
                                        .rules = kRules,
                                        .tensors = kTensors,
                                        .companions = kCompanions,
                                        .finish = finish};

}  // namespace sirocco
