#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/arrange.hpp"
#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_names.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"
#include "sirocco/models/autoencoder.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {
namespace {

constexpr float kEpsilon = 1e-6f;  // no member says it
constexpr std::string_view kName = "AutoencoderKL";

// Beyond what memory could hold, so that sizes are computed without care.
constexpr std::int64_t kMaxChannels = std::int64_t{1} << 16;
constexpr std::int64_t kMaxLayers = 64;
constexpr std::size_t kMaxLevels = 8;

/// The members of an AutoencoderKL's config.json.
class Members {
 public:
  explicit Members(const Metadata& metadata) : metadata_(metadata) {}

  std::int64_t count(std::string_view name, std::int64_t fallback, std::int64_t max) const {
    return checked(name, metadata_.get_or<std::int64_t>(path(name), fallback), max);
  }
  std::vector<std::int64_t> counts(std::string_view name,
                                   std::vector<std::int64_t> fallback) const {
    const auto* found = metadata_.get_array<std::vector<std::int64_t>>(path(name));
    std::vector<std::int64_t> values = found != nullptr ? *found : std::move(fallback);
    if (values.empty() || values.size() > kMaxLevels) {
      throw FormatError("{}: {} has {} levels, but 1 to {} are run", metadata_.origin(),
                        shown(name), values.size(), kMaxLevels);
    }
    for (const std::int64_t value : values) checked(name, value, kMaxChannels);
    return values;
  }
  float number(std::string_view name, double fallback) const {
    const double value = metadata_.get_or<double>(path(name), fallback);
    if (!std::isfinite(static_cast<float>(value))) {
      throw FormatError("{}: {} is {}, but must be a finite number", metadata_.origin(),
                        shown(name), value);
    }
    return static_cast<float>(value);
  }
  bool flag(std::string_view name, bool fallback) const {
    return metadata_.get_or<bool>(path(name), fallback);
  }
  /// What only one text, or only it in a list, is run of.
  void require_text(std::string_view name, std::string_view only) const {
    const auto found = metadata_.get_or<std::string_view>(path(name), only);
    if (found != only) refuse(name, found, only);
  }
  void require_texts(std::string_view name, std::size_t levels, std::string_view only) const {
    const auto* found = metadata_.get_array<std::vector<std::string_view>>(path(name));
    if (found == nullptr) return;
    for (const std::string_view text : *found)
      if (text != only) refuse(name, text, only);
    if (found->size() != levels) {
      throw FormatError("{}: {} names {} levels, but block_out_channels has {}", metadata_.origin(),
                        shown(name), found->size(), levels);
    }
  }
  void require_unset(std::string_view name) const {
    if (metadata_.find(path(name)) != nullptr) {
      throw UnsupportedError("{}: {} is set, which isn't supported", metadata_.origin(),
                             shown(name));
    }
  }

 private:
  static std::string path(std::string_view name) { return fmt::format("config.{}", name); }
  static std::string shown(std::string_view name) { return quoted(path(name)); }
  std::int64_t checked(std::string_view name, std::int64_t value, std::int64_t max) const {
    if (value < 1 || value > max) {
      throw FormatError("{}: {} is {}, but must be 1 to {}", metadata_.origin(), shown(name), value,
                        max);
    }
    return value;
  }
  [[noreturn]] void refuse(std::string_view name, std::string_view found,
                           std::string_view only) const {
    throw UnsupportedError("{}: {} is {}, but only {} is supported", metadata_.origin(),
                           shown(name), quoted(found), quoted(only));
  }

  const Metadata& metadata_;
};

/// Makes the parts of both halves.
class AutoencoderLoader {
 public:
  AutoencoderLoader(const AutoencoderConfig& config, const WeightSource& weights,
                    WeightPacker& packer, LoadProgress progress)
      : config_(config), loader_(weights, packer, std::move(progress)) {}

  std::optional<Linear> mixing(std::string_view stem, bool is_there, std::int64_t channels) {
    if (!is_there) return std::nullopt;
    return loader_.linear(stem, channels, channels);
  }

  PictureLayers decoder() {
    std::int64_t channels = config_.channels.back();
    PictureConvolution first = convolution("decoder.conv_in", channels, config_.latent_channels);
    std::vector<PictureLayer> layers;
    add_middle("decoder", channels, layers);
    const std::size_t levels = config_.channels.size();
    for (std::size_t i = 0; i < levels; ++i) {
      const std::string block = fmt::format("decoder.up_blocks.{}", i);
      const std::int64_t to = config_.channels[levels - 1 - i];
      channels = add_residuals(block, config_.layers_per_level + 1, channels, to, layers);
      if (i + 1 < levels) {
        layers.emplace_back(ResizingPictureLayer(
            convolution(block + ".upsamplers.0.conv", to, to, Resizing::kDouble)));
      }
    }
    return finish("decoder", std::move(first), std::move(layers), channels,
                  config_.picture_channels);
  }

  PictureLayers encoder() {
    std::int64_t channels = config_.channels.front();
    PictureConvolution first = convolution("encoder.conv_in", channels, config_.picture_channels);
    std::vector<PictureLayer> layers;
    const std::size_t levels = config_.channels.size();
    for (std::size_t i = 0; i < levels; ++i) {
      const std::string block = fmt::format("encoder.down_blocks.{}", i);
      const std::int64_t to = config_.channels[i];
      channels = add_residuals(block, config_.layers_per_level, channels, to, layers);
      if (i + 1 < levels) {
        layers.emplace_back(ResizingPictureLayer(
            convolution(block + ".downsamplers.0.conv", to, to, Resizing::kHalve)));
      }
    }
    add_middle("encoder", channels, layers);
    return finish("encoder", std::move(first), std::move(layers), channels,
                  2 * config_.latent_channels);
  }

  void expect_all_read(std::string_view begin) const { loader_.expect_all_read(begin, kName); }

 private:
  PictureConvolution convolution(const std::string& stem, std::int64_t outputs, std::int64_t inputs,
                                 Resizing resizing = Resizing::kNone) {
    return PictureConvolution(
        loader_.convolution(stem, outputs, PictureConvolution::kPixels, inputs), resizing);
  }

  GroupNorm norm(const std::string& stem, std::int64_t channels) {
    WeightVector weight = loader_.vector(stem + ".weight", channels);
    return {std::move(weight), loader_.vector(stem + ".bias", channels), config_.groups, kEpsilon};
  }

  PictureLayer residual(const std::string& stem, std::int64_t from, std::int64_t to) {
    GroupNorm first_norm = norm(stem + ".norm1", from);
    PictureConvolution first = convolution(stem + ".conv1", to, from);
    GroupNorm second_norm = norm(stem + ".norm2", to);
    PictureConvolution second = convolution(stem + ".conv2", to, to);
    std::optional<Linear> shortcut;
    if (from != to) shortcut = loader_.linear(stem + ".conv_shortcut", to, from);
    return ResidualPictureLayer(std::move(first_norm), std::move(first), std::move(second_norm),
                                std::move(second), std::move(shortcut));
  }

  /// Those of a level, and how many channels they make.
  std::int64_t add_residuals(const std::string& block, std::int32_t count, std::int64_t from,
                             std::int64_t to, std::vector<PictureLayer>& layers) {
    for (std::int32_t j = 0; j < count; ++j)
      layers.push_back(residual(fmt::format("{}.resnets.{}", block, j), j == 0 ? from : to, to));
    return to;
  }

  void add_middle(std::string_view half, std::int64_t channels, std::vector<PictureLayer>& layers) {
    const std::string block = fmt::format("{}.mid_block", half);
    layers.push_back(residual(block + ".resnets.0", channels, channels));
    if (config_.has_attention) {
      const std::string stem = block + ".attentions.0";
      GroupNorm normed = norm(stem + ".group_norm", channels);
      const auto head_dim = static_cast<std::int32_t>(channels);
      Linear q = loader_.linear(stem + ".to_q", channels, channels);
      Linear k = loader_.linear(stem + ".to_k", channels, channels);
      Linear v = loader_.linear(stem + ".to_v", channels, channels);
      layers.emplace_back(PictureAttention(
          std::move(normed),
          BidirectionalAttention({.heads = 1, .kv_heads = 1, .head_dim = head_dim}, std::move(q),
                                 std::move(k), std::move(v),
                                 loader_.linear(stem + ".to_out.0", channels, channels))));
    }
    layers.push_back(residual(block + ".resnets.1", channels, channels));
  }

  PictureLayers finish(const std::string& half, PictureConvolution first,
                       std::vector<PictureLayer> layers, std::int64_t channels,
                       std::int64_t outputs) {
    GroupNorm normed = norm(half + ".conv_norm_out", channels);
    return {std::move(first), std::move(layers), std::move(normed),
            convolution(half + ".conv_out", outputs, channels)};
  }

  const AutoencoderConfig& config_;
  WeightLoader loader_;
};

// Names of an attention's products in folders of old. (Those of today are to_q, to_k, to_v,
// to_out.0.)
constexpr std::array kOldNames = {
    TensorRule{"decoder.mid_block.attentions.#.query", "decoder.mid_block.attentions.#.to_q"},
    TensorRule{"decoder.mid_block.attentions.#.key", "decoder.mid_block.attentions.#.to_k"},
    TensorRule{"decoder.mid_block.attentions.#.value", "decoder.mid_block.attentions.#.to_v"},
    TensorRule{"decoder.mid_block.attentions.#.proj_attn",
               "decoder.mid_block.attentions.#.to_out.0"},
    TensorRule{"encoder.mid_block.attentions.#.query", "encoder.mid_block.attentions.#.to_q"},
    TensorRule{"encoder.mid_block.attentions.#.key", "encoder.mid_block.attentions.#.to_k"},
    TensorRule{"encoder.mid_block.attentions.#.value", "encoder.mid_block.attentions.#.to_v"},
    TensorRule{"encoder.mid_block.attentions.#.proj_attn",
               "encoder.mid_block.attentions.#.to_out.0"},
};
constexpr std::array<std::string_view, 4> kParts = {"decoder.", "encoder.", "quant_conv.",
                                                    "post_quant_conv."};

std::string name_of_today(std::string_view name) {
  const NamePattern pattern = pattern_of(name);
  for (const TensorRule& rule : kOldNames) {
    const std::string today = canonical_pattern(rule, pattern.text);
    if (!today.empty()) return with_numbers(today, pattern.numbers);
  }
  return std::string(name);
}

}  // namespace

AutoencoderConfig::AutoencoderConfig(const Metadata& metadata) {
  const Members members(metadata);
  members.require_text("act_fn", "silu");
  members.require_unset("latents_mean");
  members.require_unset("latents_std");
  channels = members.counts("block_out_channels", {64});
  members.require_texts("down_block_types", channels.size(), "DownEncoderBlock2D");
  members.require_texts("up_block_types", channels.size(), "UpDecoderBlock2D");
  layers_per_level = static_cast<std::int32_t>(members.count("layers_per_block", 1, kMaxLayers));
  groups = members.count("norm_num_groups", 32, kMaxChannels);
  latent_channels = members.count("latent_channels", 4, kMaxChannels);
  picture_channels = members.count("out_channels", 3, kMaxChannels);
  if (members.count("in_channels", 3, kMaxChannels) != picture_channels) {
    throw UnsupportedError("{}: pictures of as many channels as are made are supported, not others",
                           metadata.origin());
  }
  for (const std::int64_t level : channels) {
    if (level % groups != 0) {
      throw FormatError("{}: {} channels are no {} groups of as many each", metadata.origin(),
                        level, groups);
    }
  }
  scaling_factor = members.number("scaling_factor", 0.18215);
  if (!(scaling_factor > 0.0f)) {
    throw FormatError("{}: {} is {}, but must be positive", metadata.origin(),
                      quoted("config.scaling_factor"), scaling_factor);
  }
  shift_factor = members.number("shift_factor", 0.0);
  mixes_moments = members.flag("use_quant_conv", true);
  mixes_latents = members.flag("use_post_quant_conv", true);
  has_attention = members.flag("mid_block_add_attention", true);
}

std::shared_ptr<const WeightSource> canonical_autoencoder(
    std::shared_ptr<const WeightSource> weights) {
  constexpr TensorRule kKernel = {{}, {}, {.transposed = true}};
  auto derived = std::make_shared<DerivedWeights>(weights, std::nullopt);
  std::map<std::string, std::string, std::less<>> names;
  for (const StoredTensor& stored : weights->tensors()) {
    if (std::ranges::none_of(kParts, [&](auto part) { return stored.name.starts_with(part); }))
      refuse_unknown_tensor(weights->origin(), quoted(stored.name), kName);
    StoredTensor tensor = stored;
    const Shape& shape = stored.shape;
    if (shape.rank() == 4 && stored.made == nullptr) {
      if (shape[2] * shape[3] == 1) {
        tensor.shape = {shape[0], shape[1]};
      } else {
        tensor.shape = {shape[0], shape[1], shape[2] * shape[3]};
        tensor = arranged(kKernel, false, tensor, *derived);
      }
    }
    if (const Format& floats = *find_format(FormatId::kF32);
        tensor.shape.rank() == 2 && tensor.format != &floats) {
      tensor = derived->make(floats, tensor.shape,
                             std::make_unique<const ConvertedRows>(tensor, floats));
    }
    const std::string name = name_of_today(stored.name);
    names.emplace(name, stored.name);
    derived->add(name, tensor);
  }
  derived->finish();
  derived->name_by([names = std::move(names)](std::string_view name) {
    const auto at = names.find(name);
    return at == names.end() ? std::string(name) : at->second;
  });
  return derived;
}

std::shared_ptr<const VaeDecoder> make_vae_decoder(const Metadata& metadata,
                                                   std::shared_ptr<const WeightSource> weights,
                                                   WeightPacker& packer, LoadProgress progress) {
  const AutoencoderConfig config(metadata);
  const auto canonical = canonical_autoencoder(std::move(weights));
  AutoencoderLoader loader(config, *canonical, packer, std::move(progress));
  std::optional<Linear> mixing =
      loader.mixing("post_quant_conv", config.mixes_latents, config.latent_channels);
  auto decoder = std::make_shared<const VaeDecoder>(config, std::move(mixing), loader.decoder());
  loader.expect_all_read("decoder.");
  loader.expect_all_read("post_quant_conv.");
  return decoder;
}

std::shared_ptr<const VaeEncoder> make_vae_encoder(const Metadata& metadata,
                                                   std::shared_ptr<const WeightSource> weights,
                                                   WeightPacker& packer, LoadProgress progress) {
  const AutoencoderConfig config(metadata);
  const auto canonical = canonical_autoencoder(std::move(weights));
  AutoencoderLoader loader(config, *canonical, packer, std::move(progress));
  std::optional<Linear> mixing =
      loader.mixing("quant_conv", config.mixes_moments, 2 * config.latent_channels);
  auto encoder = std::make_shared<const VaeEncoder>(config, std::move(mixing), loader.encoder());
  loader.expect_all_read("encoder.");
  loader.expect_all_read("quant_conv.");
  return encoder;
}

}  // namespace sirocco
