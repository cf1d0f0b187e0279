#include <cmath>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/gemma.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kPattern = "attention.sliding_window_pattern";
// A folder of several parts leaves out what is its class's default.
constexpr std::array kCommonKeys = {
    ConfigKey{"block_count", "num_hidden_layers", {}, 26},
    ConfigKey{"embedding_length", "hidden_size", {}, 2304},
    ConfigKey{"feed_forward_length", "intermediate_size", {}, 9216},
    ConfigKey{"attention.head_count", "num_attention_heads", {}, 8},
    ConfigKey{"attention.head_count_kv", "num_key_value_heads", {}, 4},
    ConfigKey{"attention.key_length", "head_dim", {}, 256},
    ConfigKey{"attention.value_length", "head_dim", {}, 256},
    ConfigKey{"attention.layer_norm_rms_epsilon", "rms_norm_eps", {}, 1e-6},
    ConfigKey{"attention.sliding_window", "sliding_window", {}, 4096},
    ConfigKey{"final_logit_softcapping", "final_logit_softcapping", {}, {}, Null::kNone},
    ConfigKey{"vocab_size", "vocab_size"},
};
constexpr std::array kGemma2Keys = joined(
    kCommonKeys,
    std::array{
        ConfigKey{"context_length", "max_position_embeddings", {}, 8192},
        ConfigKey{"attn_logit_softcapping", "attn_logit_softcapping", {}, 50, Null::kZero},
        ConfigKey{"final_logit_softcapping", "final_logit_softcapping", {}, 30, Null::kZero}});
constexpr std::array kGemma3Keys = joined(
    kCommonKeys, std::array{ConfigKey{"context_length", "max_position_embeddings", {}, 131072},
                            ConfigKey{"rope.freq_base_swa", "rope_local_base_freq", {}, 10000},
                            ConfigKey{kPattern, "sliding_window_pattern", {}, 6}});
constexpr std::array kRules = {
    ConfigRule{"hidden_activation", {"gelu_pytorch_tanh"}},
    ConfigRule{"attention_bias", {"false"}},
};
constexpr std::array kGemma2Rules =
    joined(kRules, std::array{ConfigRule{"use_bidirectional_attention", {"false", "null"}}});
constexpr std::array kGemma3Rules = joined(
    kRules, std::array{ConfigRule{"attn_logit_softcapping", {"null"}},
                       ConfigRule{"rope_parameters.sliding_attention.type", {"default"}},
                       ConfigRule{"rope_parameters.sliding_attention.rope_type", {"default"}}});
constexpr std::array kTensors = joined(
    kAttentionTensors, kGatedMlpTensors,
    std::array{
        TensorRule{"embed_tokens", "token_embd"},
        TensorRule{"norm", "output_norm", {.one_plus = true}},
        TensorRule{"lm_head", "output"},
        TensorRule{"layers.#.input_layernorm", "blk.#.attn_norm", {.one_plus = true}},
        TensorRule{
            "layers.#.post_attention_layernorm", "blk.#.post_attention_norm", {.one_plus = true}},
        TensorRule{"layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", {.one_plus = true}},
        TensorRule{
            "layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", {.one_plus = true}},
    });
constexpr std::array kGemma3Tensors = joined(
    kTensors,
    std::array{TensorRule{"layers.#.self_attn.q_norm", "blk.#.attn_q_norm", {.one_plus = true}},
               TensorRule{"layers.#.self_attn.k_norm", "blk.#.attn_k_norm", {.one_plus = true}}});
// Projections behind the pooling, which sentence-transformers keeps in folders of their own.
constexpr std::array kEmbeddingTensors =
    joined(kGemma3Tensors, std::array{TensorRule{"modules.#.linear", "dense_#"}});
constexpr std::array kEmbeddingCompanions =
    joined(kQkNorms, std::array{CompanionRule{"dense_#", {}, {}, true}});
constexpr std::array<std::string_view, 1> kEmbeddingTypes = {"gemma3_text"};
constexpr std::array<std::string_view, 1> kEmbeddingClasses = {"Gemma3TextModel"};
constexpr std::array<std::string_view, 1> kGemma2Types = {"gemma2"};
constexpr std::array<std::string_view, 2> kGemma2Classes = {"Gemma2ForCausalLM", "Gemma2Model"};
constexpr std::array<std::string_view, 2> kGemma3Types = {"gemma3_text", "gemma3"};
constexpr std::array<std::string_view, 4> kGemma3Classes = {
    "Gemma3ForCausalLM", "Gemma3TextModel", "Gemma3ForConditionalGeneration", "Gemma3Model"};

/// The period of global layers, where a list gives the layers' kinds. A model whose layers are all
/// global has no window.
void set_windows(FolderDescription& d) {
  const auto* const kinds = d.said_array<std::vector<std::string_view>>("layer_types");
  if (kinds == nullptr) return;
  const auto is_global = [&](std::size_t i) { return (*kinds)[i] == "full_attention"; };
  std::size_t period = 0;
  while (period < kinds->size() && !is_global(period)) ++period;
  bool regular = std::cmp_equal(kinds->size(), d.integer("block_count"));
  bool all_global = regular;
  for (std::size_t i = 0; i < kinds->size(); ++i) {
    regular = regular && is_global(i) == ((i + 1) % (period + 1) == 0) &&
              (is_global(i) || (*kinds)[i] == "sliding_attention");
    all_global = all_global && is_global(i);
  }
  if (!regular) {
    throw UnsupportedError(
        "{}: {} is no repetition of local layers and a global one, one kind for each layer",
        d.origin(), sirocco::quoted(d.config_path("layer_types")));
  }
  if (all_global) return d.unset("attention.sliding_window");
  d.set(kPattern, static_cast<std::int64_t>(period + 1));
}

void finish(FolderDescription& d) {
  set_windows(d);
  // In the operations of the builder, which knows it of files that don't say it.
  constexpr std::string_view kScalar = "query_pre_attn_scalar";
  const float scalar = d.says(kScalar) ? static_cast<float>(d.number(kScalar)) : 256.0f;
  d.set("attention.scale", static_cast<double>(1.0f / std::sqrt(scalar)));
}

void finish_gemma3(FolderDescription& d) {
  finish(d);
  set_rotary(d, {.group = "full_attention", .base = 1000000.0});
  constexpr std::string_view kLocalBase = "rope_parameters.sliding_attention.rope_theta";
  if (d.says(kLocalBase)) d.set("rope.freq_base_swa", d.number(kLocalBase));
}

bool sees_both_sides(const FolderDescription& d) {
  return d.said<bool>("use_bidirectional_attention").value_or(false);
}

}  // namespace

constexpr FolderSchema kGemma2Folder = {.architecture = "gemma2",
                                        .model_types = kGemma2Types,
                                        .classes = kGemma2Classes,
                                        .keys = kGemma2Keys,
                                        .rules = kGemma2Rules,
                                        .tensors = kTensors,
                                        .tied = true,
                                        .finish = [](FolderDescription& d) {
                                          finish(d);
                                          set_rotary(d);
                                        }};
constexpr FolderSchema kGemma3Folder = {
    .architecture = "gemma3",
    .model_types = kGemma3Types,
    .classes = kGemma3Classes,
    .keys = kGemma3Keys,
    .rules = kGemma3Rules,
    .tensors = kGemma3Tensors,
    .companions = kQkNorms,
    .tied = true,
    .applies = [](const FolderDescription& d) { return !sees_both_sides(d); },
    .finish = finish_gemma3};
constexpr FolderSchema kEmbeddingGemmaFolder = {.architecture = "gemma-embedding",
                                                .model_types = kEmbeddingTypes,
                                                .classes = kEmbeddingClasses,
                                                .keys = kGemma3Keys,
                                                .rules = kGemma3Rules,
                                                .tensors = kEmbeddingTensors,
                                                .companions = kEmbeddingCompanions,
                                                .tied = true,
                                                .encodes = true,
                                                .applies = sees_both_sides,
                                                .finish = finish_gemma3};

}  // namespace sirocco
