#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/models/flux.hpp"

/// FLUX.1's transformer in folders of diffusers.
namespace sirocco {
namespace {

constexpr std::array kTensors = {
    TensorRule{"x_embedder", "img_in"},
    TensorRule{"context_embedder", "txt_in"},
    TensorRule{"time_text_embed.timestep_embedder.linear_1", "time_in.in_layer"},
    TensorRule{"time_text_embed.timestep_embedder.linear_2", "time_in.out_layer"},
    TensorRule{"time_text_embed.guidance_embedder.linear_1", "guidance_in.in_layer"},
    TensorRule{"time_text_embed.guidance_embedder.linear_2", "guidance_in.out_layer"},
    TensorRule{"time_text_embed.text_embedder.linear_1", "vector_in.in_layer"},
    TensorRule{"time_text_embed.text_embedder.linear_2", "vector_in.out_layer"},
    TensorRule{"transformer_blocks.#.norm1.linear", "double_blocks.#.img_mod.lin"},
    TensorRule{"transformer_blocks.#.norm1_context.linear", "double_blocks.#.txt_mod.lin"},
    TensorRule{"transformer_blocks.#.attn.to_q", "double_blocks.#.img_attn.q"},
    TensorRule{"transformer_blocks.#.attn.to_k", "double_blocks.#.img_attn.k"},
    TensorRule{"transformer_blocks.#.attn.to_v", "double_blocks.#.img_attn.v"},
    TensorRule{"transformer_blocks.#.attn.to_out.0", "double_blocks.#.img_attn.proj"},
    TensorRule{"transformer_blocks.#.attn.norm_q", "double_blocks.#.img_attn.norm.query_norm"},
    TensorRule{"transformer_blocks.#.attn.norm_k", "double_blocks.#.img_attn.norm.key_norm"},
    TensorRule{"transformer_blocks.#.attn.add_q_proj", "double_blocks.#.txt_attn.q"},
    TensorRule{"transformer_blocks.#.attn.add_k_proj", "double_blocks.#.txt_attn.k"},
    TensorRule{"transformer_blocks.#.attn.add_v_proj", "double_blocks.#.txt_attn.v"},
    TensorRule{"transformer_blocks.#.attn.to_add_out", "double_blocks.#.txt_attn.proj"},
    TensorRule{"transformer_blocks.#.attn.norm_added_q",
               "double_blocks.#.txt_attn.norm.query_norm"},
    TensorRule{"transformer_blocks.#.attn.norm_added_k", "double_blocks.#.txt_attn.norm.key_norm"},
    TensorRule{"transformer_blocks.#.ff.net.0.proj", "double_blocks.#.img_mlp.0"},
    TensorRule{"transformer_blocks.#.ff.net.2", "double_blocks.#.img_mlp.2"},
    TensorRule{"transformer_blocks.#.ff_context.net.0.proj", "double_blocks.#.txt_mlp.0"},
    TensorRule{"transformer_blocks.#.ff_context.net.2", "double_blocks.#.txt_mlp.2"},
    TensorRule{"single_transformer_blocks.#.norm.linear", "single_blocks.#.modulation.lin"},
    TensorRule{"single_transformer_blocks.#.attn.to_q", "single_blocks.#.linear1.q"},
    TensorRule{"single_transformer_blocks.#.attn.to_k", "single_blocks.#.linear1.k"},
    TensorRule{"single_transformer_blocks.#.attn.to_v", "single_blocks.#.linear1.v"},
    TensorRule{"single_transformer_blocks.#.proj_mlp", "single_blocks.#.linear1.mlp"},
    TensorRule{"single_transformer_blocks.#.proj_out", "single_blocks.#.linear2"},
    TensorRule{"single_transformer_blocks.#.attn.norm_q", "single_blocks.#.norm.query_norm"},
    TensorRule{"single_transformer_blocks.#.attn.norm_k", "single_blocks.#.norm.key_norm"},
    TensorRule{"norm_out.linear", "final_layer.scale", {.parts = 2}},
    TensorRule{"norm_out.linear", "final_layer.shift", {.part = 1, .parts = 2}},
    TensorRule{"proj_out", "final_layer.linear"},
};
// All products have a bias.
constexpr std::array kBiases = {
    CompanionRule{"img_in"},
    CompanionRule{"txt_in"},
    CompanionRule{"time_in.*"},
    CompanionRule{"guidance_in.*"},
    CompanionRule{"vector_in.*"},
    CompanionRule{"double_blocks.#.img_mod.lin"},
    CompanionRule{"double_blocks.#.img_attn.q"},
    CompanionRule{"double_blocks.#.img_attn.k"},
    CompanionRule{"double_blocks.#.img_attn.v"},
    CompanionRule{"double_blocks.#.img_attn.proj"},
    CompanionRule{"double_blocks.#.img_mlp.*"},
    CompanionRule{"double_blocks.#.txt_mod.lin"},
    CompanionRule{"double_blocks.#.txt_attn.q"},
    CompanionRule{"double_blocks.#.txt_attn.k"},
    CompanionRule{"double_blocks.#.txt_attn.v"},
    CompanionRule{"double_blocks.#.txt_attn.proj"},
    CompanionRule{"double_blocks.#.txt_mlp.*"},
    CompanionRule{"single_blocks.#.modulation.lin"},
    CompanionRule{"single_blocks.#.linear1.*"},
    CompanionRule{"single_blocks.#.linear2"},
    CompanionRule{"final_layer.*"},
};
constexpr std::array kRules = {ConfigRule{"patch_size", {"1"}}};
constexpr std::array<std::string_view, 1> kClasses = {"FluxTransformer2DModel"};

void finish(FolderDescription& d) {
  d.set("block_count", d.said<std::int64_t>("num_layers").value_or(19) +
                           d.said<std::int64_t>("num_single_layers").value_or(38));
  if (const auto* dims = d.said_array<std::vector<std::int64_t>>("axes_dims_rope"))
    d.set("rope.axes_dims", *dims);
}

}  // namespace

// Sizes are those of the tensors.
constexpr FolderSchema kFluxFolder = {.architecture = "flux",
                                      .model_types = {},
                                      .classes = kClasses,
                                      .keys = {},
                                      .rules = kRules,
                                      .tensors = kTensors,
                                      .companions = kBiases,
                                      .rotary_rows = RotaryRows::kNeighbouringPairs,
                                      .finish = finish};

}  // namespace sirocco
