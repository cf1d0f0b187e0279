#include <algorithm>

#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/qwen3.hpp"

namespace sirocco {
namespace {

constexpr std::array kQwen2Tensors =
    joined(kDecoderTensors, kAttentionTensors, kPreNormTensors, kGatedMlpTensors);
constexpr std::array kQwen3Tensors = joined(kQwen2Tensors, kQkNormTensors);
// All experts of a layer are one tensor, stored as [inputs, outputs] before transformers 5.
constexpr std::array kMoeTensors =
    joined(kDecoderTensors, kAttentionTensors, kQkNormTensors, kPreNormTensors,
           std::array{
               TensorRule{"layers.#.mlp.gate", "blk.#.ffn_gate_inp"},
               TensorRule{"layers.#.mlp.experts.gate_up_proj",
                          "blk.#.ffn_gate_exps.weight",
                          {.parts = 2, .inputs = "embedding_length"}},
               TensorRule{"layers.#.mlp.experts.gate_up_proj",
                          "blk.#.ffn_up_exps.weight",
                          {.part = 1, .parts = 2, .inputs = "embedding_length"}},
               TensorRule{"layers.#.mlp.experts.down_proj",
                          "blk.#.ffn_down_exps.weight",
                          {.inputs = "expert_feed_forward_length"}},
           });
constexpr std::array kQwen3Companions = joined(kAttentionBiases, kQkNorms);

constexpr std::array kQwen2Keys =
    decoder_keys({.context_length = 32768, .kv_heads = 8, .epsilon = 1e-5});
constexpr std::array kDeepStack = {ConfigKey{"n_deepstack_layers", "", {}, std::int64_t{0}}};
constexpr std::array kQwen3Keys =
    joined(decoder_keys({.context_length = 128000, .kv_heads = 32, .head_dim = 128}), kDeepStack);
// The weights of those that were chosen make one, whatever config.json says.
constexpr std::array kMoeKeys =
    joined(decoder_keys({.context_length = 128000, .kv_heads = 16}), kDeepStack,
           std::array{ConfigKey{"expert_count", "num_experts", "num_local_experts", 60},
                      ConfigKey{"expert_used_count", "num_experts_per_tok", {}, 4},
                      ConfigKey{"expert_feed_forward_length", "moe_intermediate_size", {}, 1408},
                      ConfigKey{"expert_weights_norm", "", {}, true}});

constexpr std::array kQwen2Rules =
    joined(kSiluRules, std::array{ConfigRule{"use_sliding_window", {"false"}},
                                  ConfigRule{"rope_scaling.mrope_interleaved", {"false"}},
                                  ConfigRule{"rope_parameters.mrope_interleaved", {"false"}}});
constexpr std::array kQwen3Rules =
    joined(kSiluRules, std::array{ConfigRule{"rope_scaling.mrope_interleaved", {"true"}},
                                  ConfigRule{"rope_parameters.mrope_interleaved", {"true"}}});
// Every layer has experts.
constexpr std::array kMoeRules = joined(
    kQwen3Rules,
    std::array{ConfigRule{"decoder_sparse_step", {"1"}}, ConfigRule{"mlp_only_layers", {"null"}}});

constexpr std::array<std::string_view, 4> kQwen2Types = {"qwen2_vl", "qwen2_vl_text", "qwen2_5_vl",
                                                         "qwen2_5_vl_text"};
constexpr std::array<std::string_view, 6> kQwen2Classes = {
    "Qwen2VLForConditionalGeneration",    "Qwen2VLModel",    "Qwen2VLTextModel",
    "Qwen2_5_VLForConditionalGeneration", "Qwen2_5_VLModel", "Qwen2_5_VLTextModel"};
constexpr std::array<std::string_view, 2> kQwen3Types = {"qwen3_vl", "qwen3_vl_text"};
constexpr std::array<std::string_view, 3> kQwen3Classes = {"Qwen3VLForConditionalGeneration",
                                                           "Qwen3VLModel", "Qwen3VLTextModel"};
constexpr std::array<std::string_view, 2> kMoeTypes = {"qwen3_vl_moe", "qwen3_vl_moe_text"};
constexpr std::array<std::string_view, 3> kMoeClasses = {"Qwen3VLMoeForConditionalGeneration",
                                                         "Qwen3VLMoeModel", "Qwen3VLMoeTextModel"};

void finish_qwen2(FolderDescription& d) {
  set_rotary(d, {.base = 1000000.0, .sections = {{16, 24, 24}}});
}

/// How many first layers a picture's rows are added behind: as many as those of its encoder that
/// give them.
void set_deep_stack(FolderDescription& d) {
  constexpr std::string_view kTower = "config.vision_config.";
  constexpr std::int64_t kUsual = 3;
  const Metadata& folder = d.folder();
  const auto* const said =
      folder.get_array<std::vector<std::int64_t>>(std::string(kTower) + "deepstack_visual_indexes");
  if (said != nullptr) return d.set("n_deepstack_layers", std::ssize(*said));
  if (std::ranges::any_of(folder.paths(),
                          [&](std::string_view path) { return path.starts_with(kTower); }))
    d.set("n_deepstack_layers", kUsual);
}

void finish_qwen3(FolderDescription& d) {
  set_deep_stack(d);
  set_rotary(d, {.base = 500000.0, .sections = {{24, 20, 20}}});
}

}  // namespace

constexpr FolderSchema kQwen2VlFolder = {.architecture = "qwen2vl",
                                         .model_types = kQwen2Types,
                                         .classes = kQwen2Classes,
                                         .keys = kQwen2Keys,
                                         .rules = kQwen2Rules,
                                         .tensors = kQwen2Tensors,
                                         .companions = kQkvBiases,
                                         .finish = finish_qwen2,
                                         .tied_by_part = true};
constexpr FolderSchema kQwen3VlFolder = {.architecture = "qwen3vl",
                                         .model_types = kQwen3Types,
                                         .classes = kQwen3Classes,
                                         .keys = kQwen3Keys,
                                         .rules = kQwen3Rules,
                                         .tensors = kQwen3Tensors,
                                         .companions = kQwen3Companions,
                                         .finish = finish_qwen3};
constexpr FolderSchema kQwen3VlMoeFolder = {.architecture = "qwen3vlmoe",
                                            .model_types = kMoeTypes,
                                            .classes = kMoeClasses,
                                            .keys = kMoeKeys,
                                            .rules = kMoeRules,
                                            .tensors = kMoeTensors,
                                            .companions = kQwen3Companions,
                                            .finish = finish_qwen3};

}  // namespace sirocco
