#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/clip_text.hpp"

namespace sirocco {
namespace {

/// In what the classes differ where a folder says nothing.
struct TextDefaults {
  std::int64_t width;
  std::int64_t feed_forward;
  std::int64_t heads;
  std::int64_t context;
  std::int64_t vocabulary;
  double epsilon;
};
constexpr auto text_keys(const TextDefaults& d) {
  return std::array{
      ConfigKey{"block_count", "num_hidden_layers", {}, std::int64_t{12}},
      ConfigKey{"context_length", "max_position_embeddings", {}, d.context},
      ConfigKey{"embedding_length", "hidden_size", {}, d.width},
      ConfigKey{"feed_forward_length", "intermediate_size", {}, d.feed_forward},
      ConfigKey{"attention.head_count", "num_attention_heads", {}, d.heads},
      ConfigKey{"attention.layer_norm_epsilon", "layer_norm_eps", {}, d.epsilon},
      ConfigKey{"vocab_size", "vocab_size", {}, d.vocabulary},
      ConfigKey{"hidden_act", "hidden_act"},
  };
}
// Those of ViT-B/32, and those of SigLIP's base of 224 pixels.
constexpr std::array kClipKeys =
    joined(text_keys({512, 2048, 8, 77, 49408, 1e-5}),
           std::array{ConfigKey{"eos_token_id", "eos_token_id", {}, std::int64_t{49407}}});
constexpr std::array kSiglipKeys = text_keys({768, 3072, 12, 64, 32000, 1e-6});

constexpr std::array kTextTensors = {
    TensorRule{"embeddings.token_embedding", "token_embd"},
    TensorRule{"embeddings.position_embedding", "position_embd"},
    TensorRule{"encoder.layers.#.layer_norm1", "blk.#.attn_norm"},
    TensorRule{"encoder.layers.#.self_attn.q_proj", "blk.#.attn_q"},
    TensorRule{"encoder.layers.#.self_attn.k_proj", "blk.#.attn_k"},
    TensorRule{"encoder.layers.#.self_attn.v_proj", "blk.#.attn_v"},
    TensorRule{"encoder.layers.#.self_attn.out_proj", "blk.#.attn_output"},
    TensorRule{"encoder.layers.#.layer_norm2", "blk.#.ffn_norm"},
    TensorRule{"encoder.layers.#.mlp.fc1", "blk.#.ffn_up"},
    TensorRule{"encoder.layers.#.mlp.fc2", "blk.#.ffn_down"},
    TensorRule{"final_layer_norm", "output_norm"},
};
// Numbered as what sentence-transformers puts behind the pooling.
constexpr std::array kClipTensors =
    joined(kTextTensors, std::array{TensorRule{"text_projection", "dense_2"}});
constexpr std::array kSiglipTensors =
    joined(kTextTensors, std::array{TensorRule{"head", "dense_2"}});
constexpr std::array kBiases = {CompanionRule{"blk.#.*"}, CompanionRule{"output_norm"}};
constexpr std::array kSiglipBiases = joined(kBiases, std::array{CompanionRule{"dense_2"}});
constexpr std::array<std::string_view, 2> kClipTypes = {"clip_text_model", "clip"};
constexpr std::array<std::string_view, 3> kClipClasses = {
    "CLIPModel", "CLIPTextModelWithProjection", "CLIPTextModel"};
constexpr std::array<std::string_view, 2> kSiglipTypes = {"siglip_text_model", "siglip"};
constexpr std::array<std::string_view, 2> kSiglipClasses = {"SiglipModel", "SiglipTextModel"};

}  // namespace

constexpr FolderSchema kClipTextFolder = {.architecture = "clip-text",
                                          .model_types = kClipTypes,
                                          .classes = kClipClasses,
                                          .keys = kClipKeys,
                                          .tensors = kClipTensors,
                                          .companions = kBiases,
                                          .tied = true,
                                          .encodes = true};
constexpr FolderSchema kSiglipTextFolder = {.architecture = "siglip-text",
                                            .model_types = kSiglipTypes,
                                            .classes = kSiglipClasses,
                                            .keys = kSiglipKeys,
                                            .tensors = kSiglipTensors,
                                            .companions = kSiglipBiases,
                                            .tied = true,
                                            .encodes = true};

}  // namespace sirocco
