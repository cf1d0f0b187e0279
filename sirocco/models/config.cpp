#include "sirocco/models/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"
#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {
namespace {

// Far beyond any model, and small enough that a product of two fits everywhere.
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 24;

}  // namespace

ConfigReader::ConfigReader(const Metadata& metadata)
    : metadata_(metadata), prefix_(metadata.require<std::string_view>("general.architecture")) {}

std::string ConfigReader::path(std::string_view key) const {
  return fmt::format("{}.{}", prefix_, key);
}

bool ConfigReader::has(std::string_view key) const { return metadata_.find(path(key)) != nullptr; }

std::int32_t ConfigReader::checked_dimension(const std::string& key, std::int64_t value) const {
  if (value < 1 || value > kMaxDimension) {
    throw FormatError("{}: {} is {}; expected 1 to {}", metadata_.origin(), quoted(key), value,
                      kMaxDimension);
  }
  return static_cast<std::int32_t>(value);
}

std::int32_t ConfigReader::dimension(std::string_view key) const {
  const std::string full = path(key);
  const MetadataValue* value = metadata_.find(full);
  const auto* layers = value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
  if (layers == nullptr) return checked_dimension(full, metadata_.require<std::int64_t>(full));
  if (layers->empty())
    throw FormatError("{}: {} is an empty array", metadata_.origin(), quoted(full));
  if (std::any_of(layers->begin(), layers->end(),
                  [&](std::int64_t v) { return v != layers->front(); })) {
    throw UnsupportedError(
        "{}: {} differs from layer to layer, but only one value for all layers is supported",
        metadata_.origin(), quoted(full));
  }
  return checked_dimension(full, layers->front());
}

std::int32_t ConfigReader::dimension_or(std::string_view key, std::int64_t fallback) const {
  return has(key) ? dimension(key) : checked_dimension(path(key), fallback);
}

float ConfigReader::positive(std::string_view key) const {
  const std::string full = path(key);
  const auto value = static_cast<float>(metadata_.require<double>(full));
  if (!std::isfinite(value) || value <= 0.0f) {
    throw FormatError("{}: {} is {}; expected a positive number", metadata_.origin(), quoted(full),
                      value);
  }
  return value;
}

float ConfigReader::positive_or(std::string_view key, float fallback) const {
  return has(key) ? positive(key) : fallback;
}

float ConfigReader::cap_or_none(std::string_view key) const {
  if (metadata_.get_or<double>(path(key), 0.0) == 0.0) return 0.0f;
  return positive(key);
}

std::string ConfigReader::text_or(std::string_view key, std::string_view fallback) const {
  return std::string(metadata_.get_or<std::string_view>(path(key), fallback));
}

namespace {

RouterScoring read_scoring(const ConfigReader& reader, RouterScoring fallback) {
  constexpr std::array kScorings = {RouterScoring::kSoftmax, RouterScoring::kSigmoid,
                                    RouterScoring::kSoftmaxOfChosen};  // from 1 on
  const std::int32_t number = reader.dimension_or("expert_gating_func", kScorings.size() + 1);
  if (number <= std::ssize(kScorings)) return kScorings[static_cast<std::size_t>(number - 1)];
  if (!reader.has("expert_gating_func")) return fallback;
  throw UnsupportedError(
      "{}: {} is {}; known are 1 (softmax), 2 (sigmoid) and 3 (softmax of the "
      "chosen)",
      reader.metadata().origin(), quoted(reader.path("expert_gating_func")), number);
}

/// In a GGUF file, which can't say that token table and head are one, it is the table that stands
/// for both.
const StoredTensor& token_table(const WeightSource& weights) {
  constexpr std::string_view kTable = "token_embd.weight";
  constexpr std::string_view kHead = "output.weight";
  const StoredTensor* const table = weights.find(kTable);
  if (table != nullptr && table->shape.rank() == 2) return *table;
  if (table != nullptr) {
    throw FormatError("{}: tensor {} is {}; expected a matrix", weights.origin(),
                      weights.called(kTable), table->shape.to_string());
  }
  if (weights.tensors().empty()) {
    throw FormatError("{}: holds no tensors, so it is no model but at most a vocabulary",
                      weights.origin());
  }
  if (weights.find(kHead) != nullptr) {
    throw FormatError(
        "{}: tensor {} is missing, and nothing says that {} stands for it too; the checkpoint is "
        "incomplete: convert it again with its token table, which stands for both where they are "
        "one",
        weights.origin(), weights.called(kTable), weights.called(kHead));
  }
  throw FormatError("{}: tensor {} is missing; the checkpoint is incomplete, or no language model",
                    weights.origin(), weights.called(kTable));
}

/// As llama.cpp numbers them; 0 says that there is none.
std::optional<Pooling> read_pooling(const ConfigReader& reader) {
  switch (reader.metadata().get_or<std::int64_t>(reader.path("pooling_type"), 0)) {
    case 1:
      return Pooling::kMean;
    case 2:
      return Pooling::kFirst;
    case 3:
      return Pooling::kLast;
    default:
      return std::nullopt;
  }
}

ExpertConfig read_experts(const ConfigReader& reader, const RouterSpec& router,
                          std::int32_t feed_forward, std::int32_t layers) {
  const Metadata& metadata = reader.metadata();
  ExpertConfig e;
  e.count = reader.dimension("expert_count");
  e.feed_forward = reader.dimension_or("expert_feed_forward_length", feed_forward);
  const auto shared = metadata.get_or<std::int64_t>(reader.path("expert_shared_count"), 0);
  if (shared != 0) {
    const std::int64_t together =
        std::int64_t{reader.dimension("expert_shared_count")} * e.feed_forward;
    e.shared = reader.dimension_or("expert_shared_feed_forward_length", together);
  }
  const auto dense = metadata.get_or<std::int64_t>(reader.path("leading_dense_block_count"), 0);
  if (dense < 0 || dense > layers) {
    throw FormatError("{}: {} is {}; the model has {} layers", metadata.origin(),
                      quoted(reader.path("leading_dense_block_count")), dense, layers);
  }
  e.dense_layers = static_cast<std::int32_t>(dense);
  e.router = router;
  e.router.chosen = reader.dimension("expert_used_count");
  e.router.scoring = read_scoring(reader, router.scoring);
  e.router.groups = reader.dimension_or("expert_group_count", 1);
  e.router.groups_chosen = reader.dimension_or("expert_group_used_count", e.router.groups);
  e.router.normalize = metadata.get_or<bool>(reader.path("expert_weights_norm"), router.normalize);
  e.router.scale = reader.positive_or("expert_weights_scale", router.scale);
  return e;
}

/// By what a scaling stretches; as llama.cpp has it, 1 where that is left out or 0.
float read_stretch(const ConfigReader& reader) {
  for (const std::string_view key : {"rope.scaling.factor", "rope.scale_linear"}) {
    if (!reader.has(key)) continue;
    const float factor = reader.cap_or_none(key);
    return factor == 0.0f ? 1.0f : factor;
  }
  return 1.0f;
}

void read_scaling(const ConfigReader& reader, DecoderConfig& c) {
  const std::string scaling = reader.text_or("rope.scaling.type", "linear");
  const float multiplier = reader.cap_or_none("rope.scaling.yarn_log_multiplier");
  if (multiplier != 0.0f) {
    // The magnitude goes into the scores, on keys and queries without rotation too.
    const float stretched = std::max(1.0f, read_stretch(reader));
    const double each = 1.0 + double{multiplier} * std::log(double{stretched});
    c.score_factor = static_cast<float>(each * each);
  }
  if (scaling == "linear") {
    c.rotary_divisor = read_stretch(reader);
  } else if (scaling == "dynamic") {
    if (c.rotary_dims <= 2) {
      throw FormatError("{}: {} rotary elements a head; a dynamic scaling needs more than 2",
                        reader.metadata().origin(), c.rotary_dims);
    }
    c.ntk = NtkScaling{.factor = reader.positive("rope.scaling.factor"),
                       .trained_context = static_cast<float>(c.info.context_length)};
  } else if (scaling == "yarn") {
    if (!(c.rotary_base > 1.0f)) {
      throw FormatError("{}: {} is {}; YaRN needs one above 1", reader.metadata().origin(),
                        quoted(reader.path("rope.freq_base")), c.rotary_base);
    }
    c.yarn = YarnScaling{.factor = read_stretch(reader),
                         .original_context = static_cast<float>(reader.dimension_or(
                             "rope.scaling.original_context_length", c.info.context_length)),
                         .fast = reader.positive_or("rope.scaling.yarn_beta_fast", 32.0f),
                         .slow = reader.positive_or("rope.scaling.yarn_beta_slow", 1.0f),
                         .truncate = reader.metadata().get_or<bool>(
                             reader.path("rope.scaling.yarn_truncate"), true)};
    c.rotary_magnitude = reader.positive_or("rope.scaling.attn_factor", 1.0f);
    if (multiplier == 0.0f) c.rotary_magnitude *= c.yarn->magnitude();
  } else if (scaling != "none") {
    throw UnsupportedError(
        "{}: rotary scaling {} isn't supported; known are 'none', 'linear', 'yarn' and 'dynamic'",
        reader.metadata().origin(), quoted(scaling));
  }
}

void read_sections(const ConfigReader& reader, DecoderConfig& c) {
  constexpr std::string_view kKey = "rope.dimension_sections";
  const Metadata& metadata = reader.metadata();
  const auto* const said = metadata.get_array<std::vector<std::int64_t>>(reader.path(kKey));
  if (said == nullptr) return;
  for (const std::int64_t pairs : *said) {
    if (pairs < 0 || pairs > c.rotary_dims / 2) {
      throw FormatError("{}: {} holds {}; a head has {} pairs", metadata.origin(),
                        quoted(reader.path(kKey)), pairs, c.rotary_dims / 2);
    }
    c.rotary_sections.push_back(static_cast<int>(pairs));
  }
  // Files have room for a fourth axis, which says nothing.
  while (!c.rotary_sections.empty() && c.rotary_sections.back() == 0) c.rotary_sections.pop_back();
  c.info.rotary_axes = std::max(1, static_cast<int>(c.rotary_sections.size()));
}

}  // namespace

DecoderConfig read_decoder_config(const ConfigReader& reader, const WeightSource& weights,
                                  const RouterSpec* router) {
  const Metadata& metadata = reader.metadata();
  DecoderConfig c;
  c.info.architecture = metadata.require<std::string_view>("general.architecture");
  c.info.name = metadata.get_or<std::string_view>("general.name", "");
  c.info.layers =
      reader.dimension("block_count") - static_cast<std::int32_t>(gguf_layers(metadata).guessing);
  c.info.width = reader.dimension("embedding_length");
  c.info.context_length = reader.dimension("context_length");
  c.info.vocabulary = token_table(weights).shape[0];

  c.info.pooling = read_pooling(reader);
  c.lacks_head = reader.text_or("lacks_head", "");
  c.info.generates = c.lacks_head.empty();

  AttentionConfig& a = c.attention;
  a.heads = reader.dimension("attention.head_count");
  a.kv_heads = reader.dimension_or("attention.head_count_kv", a.heads);
  a.head_dim = reader.dimension_or("attention.key_length", c.info.width / a.heads);
  a.value_dim = reader.dimension_or("attention.value_length", a.head_dim);
  c.feed_forward = reader.dimension("feed_forward_length");
  // A model has either kind of norm, or no key at all.
  constexpr std::string_view kCenteredEpsilon = "attention.layer_norm_epsilon";
  c.norm_epsilon = reader.positive(
      reader.has(kCenteredEpsilon) ? kCenteredEpsilon : "attention.layer_norm_rms_epsilon");

  c.rotary_dims = reader.dimension_or("rope.dimension_count", a.head_dim);
  if (c.rotary_dims % 2 != 0 || c.rotary_dims > a.head_dim) {
    throw FormatError("{}: {} is {}; expected an even number of at most {}", metadata.origin(),
                      quoted(reader.path("rope.dimension_count")), c.rotary_dims, a.head_dim);
  }
  c.rotary_base = reader.positive_or("rope.freq_base", 10000.0f);
  read_scaling(reader, c);
  read_sections(reader, c);
  if (constexpr std::string_view kDeepStack = "n_deepstack_layers";
      metadata.get_or<std::int64_t>(reader.path(kDeepStack), 0) != 0)
    c.info.deep_stack = reader.dimension(kDeepStack);
  if (c.info.deep_stack > c.info.layers) {
    throw FormatError("{}: rows are to be added behind {} layers, and the model has {}",
                      metadata.origin(), c.info.deep_stack, c.info.layers);
  }
  if (metadata.get_or<std::int64_t>(reader.path("expert_count"), 0) != 0) {
    if (router == nullptr) {
      throw UnsupportedError("{}: a mixture of experts, which isn't supported for {}",
                             metadata.origin(), quoted(c.info.architecture));
    }
    c.experts = read_experts(reader, *router, c.feed_forward, c.info.layers);
  }
  return c;
}

WindowPattern read_window_pattern(const ConfigReader& reader, std::int32_t global_every) {
  WindowPattern out;
  out.global_every = global_every;
  if (reader.has("attention.sliding_window"))
    out.window = reader.dimension("attention.sliding_window");
  // The key may be a list too, which says what the architecture means anyway.
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  const MetadataValue* const pattern = reader.metadata().find(reader.path(kPattern));
  if (pattern != nullptr && std::holds_alternative<std::int64_t>(*pattern))
    out.global_every = reader.dimension(kPattern);
  return out;
}

namespace {

Rotary in_sections(const DecoderConfig& c, std::vector<float> frequencies) {
  Rotary rotary(std::move(frequencies), c.rotary_magnitude);
  if (c.rotary_sections.empty()) return rotary;
  try {
    return std::move(rotary).with_sections(c.rotary_sections, c.section_order);
  } catch (const InvalidArgument& e) {
    throw FormatError("{}: {}", quoted(c.info.architecture + ".rope.dimension_sections"), e.what());
  }
}

}  // namespace

Rotary read_rotary(const DecoderConfig& c, WeightLoader& loader) {
  const auto base = double{c.rotary_base};
  std::vector<float> frequencies =
      c.yarn  ? yarn_frequencies(c.rotary_dims, base, *c.yarn)
      : c.ntk ? rotary_frequencies(c.rotary_dims, c.ntk->base(c.rotary_dims, base, c.context))
              : divided(rotary_frequencies(c.rotary_dims, base), c.rotary_divisor);
  if (!loader.has("rope_freqs.weight")) return in_sections(c, std::move(frequencies));
  const std::vector<float> factors = loader.floats("rope_freqs.weight", c.rotary_dims / 2);
  for (const float factor : factors) {
    if (!std::isfinite(factor) || factor <= 0.0f) {
      throw FormatError("tensor 'rope_freqs.weight' holds {}; expected positive numbers", factor);
    }
  }
  return in_sections(c, divided(std::move(frequencies), factors));
}

}  // namespace sirocco
