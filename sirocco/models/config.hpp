#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/models/model.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {

/// A ConfigReader reads the description of a model by the names that all architectures share, below
/// the architecture's own prefix ("llama.block_count"), and checks each number once. Throws
/// FormatError naming the key.
class ConfigReader {
 public:
  /// Below the name of the checkpoint's own architecture.
  explicit ConfigReader(const Metadata& metadata);

  /// A positive integer that a dimension can be. One number a model: arrays with one value for all
  /// layers are read as it; others throw UnsupportedError.
  std::int32_t dimension(std::string_view key) const;
  std::int32_t dimension_or(std::string_view key, std::int64_t fallback) const;
  /// A positive, finite number, rounded to float.
  float positive(std::string_view key) const;
  float positive_or(std::string_view key, float fallback) const;
  /// As `positive_or`, but 0 is allowed and means that the feature is off.
  float cap_or_none(std::string_view key) const;
  std::string text_or(std::string_view key, std::string_view fallback) const;
  bool has(std::string_view key) const;
  std::string path(std::string_view key) const;
  const Metadata& metadata() const { return metadata_; }

 private:
  std::int32_t checked_dimension(const std::string& key, std::int64_t value) const;
  const Metadata& metadata_;
  std::string prefix_;
};

/// An ExpertConfig describes a mixture of experts in some layers of a decoder.
struct ExpertConfig {
  std::int32_t count = 0;
  std::int32_t feed_forward = 0;  ///< of one expert
  std::int32_t shared = 0;        ///< feed-forward of what every token goes through; 0: nothing
  std::int32_t dense_layers = 0;  ///< the first layers, which have none
  RouterSpec router;
};

/// A DecoderConfig is the description that decoders have in common.
struct DecoderConfig {
  ModelInfo info;
  AttentionConfig attention;  ///< value_dim is set; scale and cap are the family's
  std::int32_t feed_forward = 0;
  std::optional<ExpertConfig> experts;
  std::int32_t rotary_dims = 0;
  float rotary_base = 0.0f;
  float rotary_divisor = 1.0f;      ///< linear scaling
  std::optional<YarnScaling> yarn;  ///< instead of it
  std::optional<NtkScaling> ntk;    ///< instead of both
  std::int32_t context = 0;         ///< positions that sequences will have; 0: as trained for
  float score_factor = 1.0f;        ///< of attention scores besides 1 / sqrt(E), by YaRN's mscale
  float rotary_magnitude = 1.0f;    ///< of cosines and sines
  /// By how many pairs each axis of positions turns; empty: positions have one axis.
  std::vector<int> rotary_sections;
  SectionOrder section_order = SectionOrder::kInARow;
  float norm_epsilon = 0.0f;
  float embedding_scale = 1.0f;
  float final_cap = 0.0f;  ///< the soft cap on logits; 0: none
  /// Whether the first of the token types, a row of token_types, is added to the embedding and a
  /// norm stands over the sum, token_embd_norm.
  bool normalizes_embedding = false;
  /// What to tell who wants text where the checkpoint lacks the vocabulary head that models of the
  /// family have, so that it makes embeddings only; else empty.
  std::string lacks_head;

  /// Has it learn a vector a position instead of rotating, position_embd [P, D], which ends the
  /// context.
  void learn_positions() {
    info.position_limit = info.context_length;
    info.rotary_axes = 0;
  }
  /// Has it know distances only, by its attention, so that nothing ends the context.
  void place_by_distance() { info.rotary_axes = 0; }
  bool rotates() const { return info.rotary_axes != 0; }
  bool learns_positions() const { return info.position_limit != 0; }
};

/// The function reads it; the vocabulary's size is that of the token table. Throws UnsupportedError
/// for a rotary scaling other than linear, YaRN and dynamic. `router` is how the family routes
/// where the file doesn't say; null: the family has no experts, and a file with some is an
/// UnsupportedError.
DecoderConfig read_decoder_config(const ConfigReader& reader, const WeightSource& weights,
                                  const RouterSpec* router = nullptr);

/// A WindowPattern is of layers with a window and, every so often, one that sees everything.
/// (Beltagy et al. 2020)
struct WindowPattern {
  std::optional<std::int32_t> window;  ///< none: every layer sees everything
  std::int32_t global_every = 1;  ///< so do layers global_every - 1, 2 · global_every - 1, …

  bool is_local(LayerIndex layer) const {
    return window && (layer.value() + 1) % global_every != 0;
  }
};
/// `global_every` is the family's, where the file doesn't say.
WindowPattern read_window_pattern(const ConfigReader& reader, std::int32_t global_every);

/// The rotary encoding: theta's angles, of a base that has grown with the context, stretched as
/// YaRN does or divided by the linear factor, and divided by the checkpoint's own table
/// (rope_freqs) where it has one.
Rotary read_rotary(const DecoderConfig& config, class WeightLoader& loader);

}  // namespace sirocco
