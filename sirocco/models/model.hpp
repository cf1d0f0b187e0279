#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/parts.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/vocabulary_range.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A Pooling says how the rows of a sequence become its one embedding: by their mean, the first, or
/// the last.
enum class Pooling : std::uint8_t { kMean, kFirst, kLast };
/// The pooling that is called "mean", "cls" or "last"; throws InvalidArgument for another name.
Pooling parse_pooling(std::string_view name);

/// A ModelInfo is what there is to know of a model besides its weights.
struct ModelInfo {
  std::string architecture;  ///< as the checkpoint spells it: "llama"
  std::string name;          ///< as its authors call it; may be empty
  std::int32_t layers = 0;
  std::int64_t width = 0;           ///< D
  std::int64_t vocabulary = 0;      ///< V
  std::int32_t context_length = 0;  ///< positions that it was trained for
  /// Positions that it can have at all, where it holds a table of them; else 0.
  std::int32_t position_limit = 0;
  int rotary_axes = 1;  ///< numbers that place a row for its rotary encoding; 0: it has none
  /// Behind so many first layers it may be given rows of D to be added to those of a picture.
  std::int32_t deep_stack = 0;
  std::optional<Pooling> pooling;  ///< where the checkpoint says what its embeddings are
  /// Whether it has a vocabulary head; encoders have none, and checkpoints may lack theirs.
  bool generates = true;
  /// Whether a text is filled up with the padding token before it is read. The model sees that as
  /// it sees any other token.
  bool fills_texts = false;
};

/// Layers [begin, end) of a model: what one stage of a pipeline runs.
struct LayerRange {
  LayerIndex begin;
  LayerIndex end;
};

/// A LoadProgress is told how many bytes of weights have been loaded, of all that will be.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// A ModelBuilder makes the parts of one checkpoint's model when they are asked for; a table that
/// embedding and head share is packed once. Borrows its sources while it lives; the parts don't.
/// Throws FormatError, UnsupportedError, ResourceExhausted.
class ModelBuilder {
 public:
  virtual ~ModelBuilder() = default;
  virtual const ModelInfo& info() const = 0;
  /// Says how many positions sequences will have, for rotary encodings that depend on it; told
  /// nothing, or 0, the builder takes those that the model was trained for. Comes before the parts.
  virtual void expect_context(std::int32_t positions) = 0;
  virtual AnyEmbed embed() = 0;
  virtual AnyBlocks blocks(LayerRange range) = 0;
  /// Throws UnsupportedError where the model doesn't generate, FormatError where it lacks its head.
  virtual AnyLmHead lm_head() = 0;
  /// The part of the same that `range` has, which is not empty. Of a table that is packed already
  /// for the embedding, rows are shared; else only those of the part are packed. Throws as lm_head.
  virtual AnyLmHeadShard lm_head_shard(VocabularyRange range) = 0;
  /// What the pooled row of an embedding model goes through, in order; mostly nothing.
  virtual std::vector<Linear> projections() = 0;

  LayerRange all_layers() const { return {LayerIndex(0), LayerIndex(info().layers)}; }
};

/// Loads just the tensors that a role's parts hold.
template <class Role>
Role load_parts(ModelBuilder& builder, LayerRange range) {
  if constexpr (std::same_as<Role, Head>) return Head(builder.embed(), builder.blocks(range));
  if constexpr (std::same_as<Role, Middle>) return Middle(builder.blocks(range));
  if constexpr (std::same_as<Role, Tail>) return Tail(builder.blocks(range), builder.lm_head());
  if constexpr (std::same_as<Role, Whole>)
    return Whole(builder.embed(), builder.blocks(range), builder.lm_head());
}

/// The same for a role that has some of the vocabulary's head.
template <class Role>
Role load_parts(ModelBuilder& builder, LayerRange range, VocabularyRange vocabulary) {
  if constexpr (std::same_as<Role, ShardedHead>) {
    AnyEmbed embed = builder.embed();  // first: the head may share its table
    return ShardedHead(std::move(embed), builder.blocks(range), builder.lm_head_shard(vocabulary));
  }
  if constexpr (std::same_as<Role, ShardedTail>)
    return ShardedTail(builder.blocks(range), builder.lm_head_shard(vocabulary));
}

}  // namespace sirocco
