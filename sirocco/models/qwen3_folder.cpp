#include "sirocco/checkpoint/unsaid_sizes.hpp"
#include "sirocco/models/qwen3.hpp"

namespace sirocco {
namespace {

constexpr std::array kQwen2Tensors =
    joined(kDecoderTensors, kAttentionTensors, kPreNormTensors, kGatedMlpTensors);
constexpr std::array kTensors = joined(kQwen2Tensors, kQkNormTensors);
constexpr std::array kCompanions = joined(kAttentionBiases, kQkNorms);
constexpr std::array kQwen2Keys = decoder_keys({.context_length = 32768, .kv_heads = 32});
constexpr std::array kKeys =
    decoder_keys({.context_length = 32768, .kv_heads = 32, .head_dim = 128});
constexpr std::array kRules =
    joined(kSiluRules, std::array{ConfigRule{"use_sliding_window", {"false"}}});
// Files of the architecture mean the opposite where they don't say whether weights are normalized.
constexpr std::array kMoeKeys =
    joined(decoder_keys({.context_length = 32768, .kv_heads = 4}),
           std::array{ConfigKey{"expert_count", "num_experts", "num_local_experts", 128},
                      ConfigKey{"expert_used_count", "num_experts_per_tok", {}, 8},
                      ConfigKey{"expert_feed_forward_length", "moe_intermediate_size", {}, 768},
                      ConfigKey{"expert_weights_norm", "norm_topk_prob", {}, false}});
constexpr std::array kMoeTensors = joined(kDecoderTensors, kAttentionTensors, kQkNormTensors,
                                          kPreNormTensors, kExpertTensors, kFusedExpertTensors);
// Every layer has experts.
constexpr std::array kMoeRules = joined(
    kRules,
    std::array{ConfigRule{"decoder_sparse_step", {"1"}}, ConfigRule{"mlp_only_layers", {"null"}}});
constexpr std::array<std::string_view, 1> kMoeTypes = {"qwen3_moe"};
constexpr std::array<std::string_view, 2> kMoeClasses = {"Qwen3MoeForCausalLM", "Qwen3MoeModel"};
constexpr std::array<std::string_view, 1> kQwen2Types = {"qwen2"};
constexpr std::array<std::string_view, 2> kQwen2Classes = {"Qwen2ForCausalLM", "Qwen2Model"};
constexpr std::array<std::string_view, 1> kQwen3Types = {"qwen3"};
constexpr std::array<std::string_view, 2> kQwen3Classes = {"Qwen3ForCausalLM", "Qwen3Model"};

void finish(FolderDescription& d) { set_rotary(d); }

}  // namespace

constexpr FolderSchema kQwen2Folder = {.architecture = "qwen2",
                                       .model_types = kQwen2Types,
                                       .classes = kQwen2Classes,
                                       .keys = kQwen2Keys,
                                       .rules = kRules,
                                       .tensors = kQwen2Tensors,
                                       .companions = kQkvBiases,
                                       .finish = [](FolderDescription& d) {
                                         set_unsaid_sizes(d, {.feed_forward = 22016});
                                         finish(d);
                                       }};
constexpr FolderSchema kQwen3Folder = {.architecture = "qwen3",
                                       .model_types = kQwen3Types,
                                       .classes = kQwen3Classes,
                                       .keys = kKeys,
                                       .rules = kRules,
                                       .tensors = kTensors,
                                       .companions = kCompanions,
                                       .finish = finish};
constexpr FolderSchema kQwen3MoeFolder = {.architecture = "qwen3moe",
                                          .model_types = kMoeTypes,
                                          .classes = kMoeClasses,
                                          .keys = kMoeKeys,
                                          .rules = kMoeRules,
                                          .tensors = kMoeTensors,
                                          .companions = kCompanions,
                                          .finish = finish};

}  // namespace sirocco
