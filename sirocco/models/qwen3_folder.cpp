#include "sirocco/models/folder_description.hpp"
#include "sirocco/models/qwen3.hpp"

namespace sirocco {
namespace {

constexpr std::array kTensors =
    joined(kDecoderTensors, kAttentionTensors, kQkNormTensors, kPreNormTensors, kGatedMlpTensors);
constexpr std::array kRules =
    joined(kSiluRules, std::array{ConfigRule{"use_sliding_window", {"false"}}});
constexpr std::array kMoeKeys = joined(
    kDecoderKeys, std::array{ConfigKey{"expert_count", "num_experts", "num_local_experts"},
                             ConfigKey{"expert_used_count", "num_experts_per_tok"},
                             ConfigKey{"expert_feed_forward_length", "moe_intermediate_size"},
                             ConfigKey{"expert_weights_norm", "norm_topk_prob"}});
constexpr std::array kMoeTensors = joined(kDecoderTensors, kAttentionTensors, kQkNormTensors,
                                          kPreNormTensors, kExpertTensors, kFusedExpertTensors);
// Every layer has experts.
constexpr std::array kMoeRules = joined(
    kRules,
    std::array{ConfigRule{"decoder_sparse_step", {"1"}}, ConfigRule{"mlp_only_layers", {"none"}}});
constexpr std::array<std::string_view, 1> kMoeTypes = {"qwen3_moe"};
constexpr std::array<std::string_view, 2> kMoeClasses = {"Qwen3MoeForCausalLM", "Qwen3MoeModel"};
constexpr std::array<std::string_view, 1> kQwen2Types = {"qwen2"};
constexpr std::array<std::string_view, 2> kQwen2Classes = {"Qwen2ForCausalLM", "Qwen2Model"};
constexpr std::array<std::string_view, 1> kQwen3Types = {"qwen3"};
constexpr std::array<std::string_view, 2> kQwen3Classes = {"Qwen3ForCausalLM", "Qwen3Model"};

void finish_moe(FolderDescription& d) {
  set_rotary(d);
  // Files of the architecture mean the opposite where they don't say it.
  if (!d.is_set("expert_weights_norm")) d.set("expert_weights_norm", false);
}

}  // namespace

constexpr FolderSchema kQwen2Folder = {.architecture = "qwen2",
                                       .model_types = kQwen2Types,
                                       .classes = kQwen2Classes,
                                       .keys = kDecoderKeys,
                                       .rules = kRules,
                                       .tensors = kTensors,
                                       .finish = [](FolderDescription& d) { set_rotary(d); }};
constexpr FolderSchema kQwen3Folder = {.architecture = "qwen3",
                                       .model_types = kQwen3Types,
                                       .classes = kQwen3Classes,
                                       .keys = kDecoderKeys,
                                       .rules = kRules,
                                       .tensors = kTensors,
                                       .finish = [](FolderDescription& d) { set_rotary(d); }};
constexpr FolderSchema kQwen3MoeFolder = {.architecture = "qwen3moe",
                                          .model_types = kMoeTypes,
                                          .classes = kMoeClasses,
                                          .keys = kMoeKeys,
                                          .rules = kMoeRules,
                                          .tensors = kMoeTensors,
                                          .finish = finish_moe};

}  // namespace sirocco
