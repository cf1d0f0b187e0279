#include "sirocco/models/sound_folders.hpp"

#include <array>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"

namespace sirocco {
namespace {

/// What the classes of towers differ in where a folder leaves it out.
struct TowerDefaults {
  std::int64_t width;
  std::int64_t feed_forward;
  std::int64_t layers;
  std::int64_t heads;
  std::int64_t bins;
};
constexpr auto tower_keys(const TowerDefaults& d) {
  return std::array{
      ConfigKey{"audio.embedding_length", "d_model", "hidden_size", d.width},
      ConfigKey{"audio.feed_forward_length", "encoder_ffn_dim", "intermediate_size",
                d.feed_forward},
      ConfigKey{"audio.block_count", "encoder_layers", "num_hidden_layers", d.layers},
      ConfigKey{"audio.attention.head_count", "encoder_attention_heads", "num_attention_heads",
                d.heads},
      ConfigKey{"audio.num_mel_bins", "num_mel_bins", {}, d.bins},
      ConfigKey{"audio.attention.layer_norm_epsilon", {}, {}, 1e-5},
  };
}
constexpr std::array kLargeKeys = tower_keys({1280, 5120, 32, 20, 128});
constexpr std::array kWhisperKeys = tower_keys({384, 1536, 4, 6, 80});

constexpr std::array kTowerRules = {
    ConfigRule{"activation_function", {"gelu"}},
    ConfigRule{"scale_embedding", {"false"}},
};

constexpr std::array kTowerTensors = {
    TensorRule{"tower.conv1", "a.conv1d.1"},
    TensorRule{"tower.conv2", "a.conv1d.2"},
    TensorRule{"tower.embed_positions", "a.position_embd"},
    TensorRule{"tower.layers.#.self_attn_layer_norm", "a.blk.#.ln1"},
    TensorRule{"tower.layers.#.self_attn.q_proj", "a.blk.#.attn_q"},
    TensorRule{"tower.layers.#.self_attn.k_proj", "a.blk.#.attn_k"},
    TensorRule{"tower.layers.#.self_attn.v_proj", "a.blk.#.attn_v"},
    TensorRule{"tower.layers.#.self_attn.out_proj", "a.blk.#.attn_out"},
    TensorRule{"tower.layers.#.final_layer_norm", "a.blk.#.ln2"},
    TensorRule{"tower.layers.#.fc1", "a.blk.#.ffn_up"},
    TensorRule{"tower.layers.#.fc2", "a.blk.#.ffn_down"},
    TensorRule{"tower.layer_norm", "a.post_ln"},
};
constexpr std::array kQwen2AudioTensors =
    joined(kTowerTensors, std::array{TensorRule{"multi_modal_projector.linear", "mm.a.fc"}});
constexpr std::array kVoxtralTensors =
    joined(kTowerTensors, std::array{
                              TensorRule{"multi_modal_projector.linear_1", "mm.a.mlp.1"},
                              TensorRule{"multi_modal_projector.linear_2", "mm.a.mlp.2"},
                          });
constexpr std::array kUltravoxTensors =
    joined(kVoxtralTensors, std::array{
                                TensorRule{"multi_modal_projector.ln_pre", "mm.a.norm_pre"},
                                TensorRule{"multi_modal_projector.ln_mid", "mm.a.norm_mid"},
                                TensorRule{"multi_modal_projector.ln_post", "mm.a.norm_post"},
                            });
// All have a bias but for keys.
constexpr std::array kTowerBiases = {
    CompanionRule{"a.conv1d.1"},     CompanionRule{"a.conv1d.2"},
    CompanionRule{"a.post_ln"},      CompanionRule{"a.blk.#.ln1"},
    CompanionRule{"a.blk.#.ln2"},    CompanionRule{"a.blk.#.attn_q"},
    CompanionRule{"a.blk.#.attn_v"}, CompanionRule{"a.blk.#.attn_out"},
    CompanionRule{"a.blk.#.ffn_*"},
};
constexpr std::array kQwen2AudioBiases = joined(kTowerBiases, std::array{CompanionRule{"mm.a.fc"}});

/// Throws UnsupportedError where the whole has another value than the only one that is run.
void require_text(const FolderDescription& d, std::string_view name, std::string_view only) {
  const std::string path = "config." + std::string(name);
  const auto found = d.folder().get_or<std::string_view>(path, only);
  if (found == only) return;
  throw UnsupportedError("{}: {} is {}, but only {} is supported", d.origin(), quoted(path),
                         quoted(found), quoted(only));
}

void finish_voxtral(FolderDescription& d) {
  require_text(d, "projector_hidden_act", "gelu");
  const std::int64_t inner = d.integer("audio.feed_forward_length");
  const std::int64_t width = d.integer("audio.embedding_length");
  if (inner % width != 0) {
    throw FormatError("{}: rows of {} put together make none of {}", d.origin(), width, inner);
  }
  d.set("audio.projector.stack_factor", inner / width);
}

void finish_ultravox(FolderDescription& d) {
  constexpr std::string_view kLatency = "config.audio_latency_block_size";
  require_text(d, "projector_act", "swiglu");
  if (d.folder().find(kLatency) != nullptr) {
    throw UnsupportedError("{}: {} makes an encoder that hears block by block, which isn't run",
                           d.origin(), quoted(kLatency));
  }
  d.set("audio.projector.stack_factor", d.folder().get_or<std::int64_t>("config.stack_factor", 8));
}

constexpr std::array<std::string_view, 1> kQwen2AudioTypes = {"qwen2_audio"};
constexpr std::array<std::string_view, 2> kQwen2AudioClasses = {
    "Qwen2AudioForConditionalGeneration", "Qwen2AudioModel"};
constexpr std::array<std::string_view, 1> kVoxtralTypes = {"voxtral"};
constexpr std::array<std::string_view, 2> kVoxtralClasses = {"VoxtralForConditionalGeneration",
                                                             "VoxtralModel"};
constexpr std::array<std::string_view, 1> kUltravoxTypes = {"ultravox"};
constexpr std::array<std::string_view, 1> kUltravoxClasses = {"UltravoxModel"};

constexpr EncoderSchema kQwen2Audio = {.of = {.architecture = "clip",
                                              .model_types = kQwen2AudioTypes,
                                              .classes = kQwen2AudioClasses,
                                              .keys = kLargeKeys,
                                              .rules = kTowerRules,
                                              .tensors = kQwen2AudioTensors,
                                              .companions = kQwen2AudioBiases,
                                              .part = "audio_config"},
                                       .models = "Qwen2-Audio",
                                       .projector = "qwen2a",
                                       .hears = true};
constexpr EncoderSchema kVoxtral = {.of = {.architecture = "clip",
                                           .model_types = kVoxtralTypes,
                                           .classes = kVoxtralClasses,
                                           .keys = kLargeKeys,
                                           .rules = kTowerRules,
                                           .tensors = kVoxtralTensors,
                                           .companions = kTowerBiases,
                                           .finish = finish_voxtral,
                                           .part = "audio_config"},
                                    .models = "Voxtral",
                                    .projector = "voxtral",
                                    .hears = true};
constexpr EncoderSchema kUltravox = {.of = {.architecture = "clip",
                                            .model_types = kUltravoxTypes,
                                            .classes = kUltravoxClasses,
                                            .keys = kWhisperKeys,
                                            .rules = kTowerRules,
                                            .tensors = kUltravoxTensors,
                                            .companions = kTowerBiases,
                                            .finish = finish_ultravox,
                                            .part = "audio_config"},
                                     .models = "Ultravox",
                                     .projector = "ultravox",
                                     .hears = true};

constexpr std::array kEncoders = {&kQwen2Audio, &kVoxtral, &kUltravox};

}  // namespace

std::span<const EncoderSchema* const> known_sound_encoders() { return kEncoders; }

}  // namespace sirocco
