#include <array>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/models/vision_schema.hpp"

/// The encoder of Pixtral and Mistral 3 in folders.
namespace sirocco {
namespace {

constexpr auto keys(std::int64_t image, std::int64_t patch) {
  return std::array{
      ConfigKey{"vision.embedding_length", "hidden_size", {}, std::int64_t{1024}},
      ConfigKey{"vision.feed_forward_length", "intermediate_size", {}, std::int64_t{4096}},
      ConfigKey{"vision.block_count", "num_hidden_layers", {}, std::int64_t{24}},
      ConfigKey{"vision.attention.head_count", "num_attention_heads", {}, std::int64_t{16}},
      ConfigKey{"vision.image_size", "image_size", {}, image},
      ConfigKey{"vision.patch_size", "patch_size", {}, patch},
      ConfigKey{"vision.num_channels", "num_channels", {}, std::int64_t{3}},
      ConfigKey{"vision.hidden_act", "hidden_act"},
  };
}
constexpr std::array kPixtralKeys = keys(1024, 16);
// What Mistral 3's class has for a tower of which nothing is said.
constexpr std::array kMistral3Keys = keys(1540, 14);

constexpr std::array kTensors = {
    TensorRule{"tower.patch_conv", "v.patch_embd"},
    TensorRule{"tower.ln_pre", "v.pre_ln"},
    TensorRule{"tower.transformer.layers.#.attention_norm", "v.blk.#.ln1"},
    TensorRule{"tower.transformer.layers.#.attention.q_proj", "v.blk.#.attn_q"},
    TensorRule{"tower.transformer.layers.#.attention.k_proj", "v.blk.#.attn_k"},
    TensorRule{"tower.transformer.layers.#.attention.v_proj", "v.blk.#.attn_v"},
    TensorRule{"tower.transformer.layers.#.attention.o_proj", "v.blk.#.attn_out"},
    TensorRule{"tower.transformer.layers.#.ffn_norm", "v.blk.#.ln2"},
    TensorRule{"tower.transformer.layers.#.feed_forward.gate_proj", "v.blk.#.ffn_gate"},
    TensorRule{"tower.transformer.layers.#.feed_forward.up_proj", "v.blk.#.ffn_up"},
    TensorRule{"tower.transformer.layers.#.feed_forward.down_proj", "v.blk.#.ffn_down"},
    TensorRule{"multi_modal_projector.linear_1", "mm.1"},
    TensorRule{"multi_modal_projector.linear_2", "mm.2"},
};
constexpr std::array kMistral3Tensors = joined(
    kTensors, std::array{
                  TensorRule{"multi_modal_projector.norm", "mm.input_norm"},
                  TensorRule{"multi_modal_projector.patch_merger.merging_layer", "mm.patch_merger"},
              });

void finish(FolderDescription& d, std::int64_t feature_layer) {
  d.set("vision.attention.layer_norm_epsilon", 1e-5);
  say_activation(d, "gelu");
  set_feature_layers(d, feature_layer);
  require_gelu_projector(d);
  for (const std::string_view name : {"rope_parameters.rope_theta", "rope_theta"})
    if (const auto base = d.said<double>(name)) {
      d.set("vision.rope.freq_base", *base);
      break;
    }
}

void finish_pixtral(FolderDescription& d) {
  constexpr std::string_view kStrategy = "vision_feature_select_strategy";
  finish(d, -2);
  // The other one leaves out the first row of all pictures as if it were a class token's.
  const auto strategy = of_the_whole<std::string_view>(d, kStrategy, "default");
  if (strategy != "full") {
    throw UnsupportedError("{}: {} is {}, but only 'full' is supported with this tower", d.origin(),
                           quoted("config." + std::string(kStrategy)), quoted(strategy));
  }
}

void finish_mistral3(FolderDescription& d) {
  finish(d, -1);
  d.set("vision.spatial_merge_size", of_the_whole<std::int64_t>(d, "spatial_merge_size", 2));
  d.set("vision.projector.epsilon", of_the_whole<double>(d, "text_config.rms_norm_eps", 1e-5));
}

constexpr std::array<std::string_view, 1> kPixtralTypes = {"llava"};
constexpr std::array<std::string_view, 2> kPixtralClasses = {"LlavaForConditionalGeneration",
                                                             "LlavaModel"};
constexpr std::array<std::string_view, 1> kMistral3Types = {"mistral3"};
constexpr std::array<std::string_view, 2> kMistral3Classes = {"Mistral3ForConditionalGeneration",
                                                              "Mistral3Model"};

bool is_pixtral(const FolderDescription& d) {
  return d.said<std::string_view>("model_type") == "pixtral";
}

}  // namespace

constexpr EncoderSchema kPixtralVision = schema_of({"Pixtral",
                                                    "pixtral",
                                                    kPixtralTypes,
                                                    kPixtralClasses,
                                                    kPixtralKeys,
                                                    kTensors,
                                                    {},
                                                    {},
                                                    finish_pixtral,
                                                    is_pixtral});
constexpr EncoderSchema kMistral3Vision = schema_of({"Mistral Small 3.1",
                                                     "pixtral",
                                                     kMistral3Types,
                                                     kMistral3Classes,
                                                     kMistral3Keys,
                                                     kMistral3Tensors,
                                                     {},
                                                     {},
                                                     finish_mistral3,
                                                     is_pixtral});

}  // namespace sirocco
