#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/checkpoint/canonical.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/models/encoder.hpp"
#include "sirocco/models/model_outline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/stage_plan.hpp"
#include "sirocco/platform/isa.hpp"
#include "sirocco/platform/machine.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {

/// How any kind of model is brought onto a machine.
struct OpenOptions {
  Placement placement = {};
  int stages = 1;  ///< that the model is cut into
  /// One a stage. Stages on the same device have their part of its cores each; without any, all are
  /// on that of the placement.
  std::vector<Device> devices = {};
  std::optional<Isa> isa = std::nullopt;  ///< without: the best that this CPU runs
  LoadProgress progress = {};
  /// Matrices that the checkpoint holds as floats are converted to this as they are loaded.
  const Format* quantize = nullptr;
};

/// A checkpoint, and the backend that its model runs on: what every kind of loaded model stands on.
class OpenedModel {
 public:
  /// `machine` outlives it. Throws what opening says (open_checkpoint, require_isa),
  /// InvalidArgument unless there is a device for each stage, or none.
  OpenedModel(Machine& machine, const std::filesystem::path& path, const OpenOptions& options);

  /// Lets `use` load what it wants of the model. Throws what the architecture says
  /// (canonical_checkpoint, make_model_builder) and what loading does. `senses`: the parts for
  /// pictures and sound are loaded too, by load_encoders, so that nothing is said of their being
  /// left out.
  void load(OpenOptions options, FunctionRef<void(ModelBuilder&)> use, bool senses = false);

  /// The encoders in `from`, a checkpoint of its own or this one; nothing where it has none.
  /// `width` is the language model's D. Throws as canonical_encoder, make_picture_encoder and
  /// make_sound_encoder.
  std::optional<Encoders> load_encoders(const Checkpoint& from, std::int64_t width,
                                        const OpenOptions& options);
  /// The products of a row of the language model with its weights.
  std::uint64_t row_products(const OpenOptions& options) const;

  Machine& machine() const { return machine_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  /// Of what `load` would load.
  ModelOutline outline(const OpenOptions& options) const;
  const Metadata& metadata() const { return *checkpoint_.metadata; }
  /// That of the first stage.
  Backend& backend() const { return *backends_.front(); }
  /// One of each stage.
  std::span<const StagePlace> places() const { return places_; }
  /// Those of all stages.
  int threads() const { return threads_; }
  Isa isa() const { return isa_; }

  /// The model's tokenizer, made at the first call as that asks for it; thread-safe. Throws
  /// FormatError or UnsupportedError when the checkpoint has none that can be read.
  const Tokenizer& tokenizer(LetterCase letters = LetterCase::kKept) const;

 private:
  CanonicalCheckpoint canonical(const OpenOptions& options) const;

  Machine& machine_;
  Checkpoint checkpoint_;
  Isa isa_;
  int threads_ = 0;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<StagePlace> places_;
  mutable std::once_flag tokenizer_made_;
  mutable std::optional<Tokenizer> tokenizer_;
};

}  // namespace sirocco
