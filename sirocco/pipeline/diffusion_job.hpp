#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/picture_ops.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// A SourcePicture is a picture that another is drawn from, in place of noise alone.
struct SourcePicture {
  std::vector<float> pixels = {};  ///< f32 [h · w, 3], -1 to 1, of the size that is drawn
  /// How much of it is noise at first, 0 to 1; so much of the steps is done. With 1 nothing of it
  /// is left but what a mask keeps.
  double strength = 0.6;
  /// A byte a pixel, [h · w], not 0 where it is painted anew; empty: everywhere. Of latents, the
  /// first pixel of each decides.
  std::vector<std::uint8_t> mask = {};
  /// What its latents are drawn with, in place of what the seed makes: f32 [L, h, w].
  std::vector<float> noise = {};
};

/// A DiffusionJob is a picture that somebody wants.
struct DiffusionJob {
  /// What the picture shows, as the tokenizers of the encoders make it: filled up to the length
  /// that the model reads.
  std::vector<TokenId> text = {};
  std::vector<TokenId> pooled_text = {};  ///< the same for the encoder of one row for all of it
  PictureExtent size = {};                ///< pixels, whole patches
  std::int64_t steps = 28;
  float guidance = 3.5f;  ///< how closely to follow the text; not read by models without
  std::uint64_t seed = 0;
  std::uint32_t number = 0;  ///< of several pictures of a seed
  /// In place of what the seed makes: f32 [L, h, w].
  std::vector<float> noise = {};
  std::optional<SourcePicture> source = {};
  /// Pictures that are told on the way, evenly among the steps, as far as there are steps between.
  std::int64_t partials = 0;
};

/// DiffusionTerms are what holds for such a job.
struct DiffusionTerms {
  PatchGrid grid = {};
  std::int32_t latents_a_side = 0;  ///< of a patch
  std::int64_t steps = 0;           ///< that are done
  std::int64_t first_step = 0;      ///< that is one of these
  std::uint64_t bytes = 0;          ///< of memory that is held until it is done
};

/// A DenoisedStep says that a step of denoising is behind a picture.
struct DenoisedStep {
  std::int64_t step = 0;  ///< counted from 1
};
/// DrawnPixels are a picture, f32 [h · w, 3], row by row, whose colours are -1 to 1 and a little
/// beyond.
struct DrawnPixels {
  PictureExtent size = {};
  std::vector<float> values = {};
};
/// A PartialPicture is what a picture is expected to become, on the way.
struct PartialPicture {
  std::int64_t number = 0;  ///< counted from 1
  DrawnPixels pixels = {};
};
using DiffusionEvent = std::variant<DenoisedStep, PartialPicture, DrawnPixels>;

/// HeldBeside is what takes memory of its own in the making of a picture.
struct HeldBeside {
  bool source = false;    ///< it is drawn from another
  bool partials = false;  ///< some are told on the way
};

/// DiffusionLimits are what a model's pictures can be. They never change.
struct DiffusionLimits {
  std::int64_t text_vocabulary = 0;
  std::int64_t pooled_vocabulary = 0;
  std::int32_t max_text = 0;
  std::int32_t max_pooled_text = 0;
  std::int32_t patch = 0;            ///< pixels of a patch's side
  std::int32_t latents_a_side = 0;   ///< of a patch
  std::int64_t latent_channels = 0;  ///< L
  std::int64_t max_pixels = 0;
  std::int64_t max_steps = 0;
  bool reads_pictures = false;  ///< whether pictures can be drawn from others
  /// Bytes that a picture of such patches holds, with a text of so many rows.
  std::function<std::uint64_t(std::int64_t text_rows, PatchGrid grid, HeldBeside beside)> bytes =
      {};
};

/// A CheckedDiffusionJob is one that a pipeline of certain limits can run. Move-only.
class CheckedDiffusionJob {
 public:
  /// Throws InvalidArgument for texts that the encoders don't read, sizes that aren't whole patches
  /// or too large, too many steps or none, partial pictures that can't be, noise that isn't finite
  /// or of another size, and a source of another size, or whose strength leaves no step.
  /// UnsupportedError for a source where the model has no encoder of pictures.
  CheckedDiffusionJob(const PipelineLimits& limits, DiffusionJob job);
  CheckedDiffusionJob(CheckedDiffusionJob&&) noexcept = default;
  CheckedDiffusionJob& operator=(CheckedDiffusionJob&&) noexcept = default;

  const DiffusionTerms& terms() const { return terms_; }
  Usage usage() const { return {.prompt = std::ssize(job_.text)}; }

 private:
  friend class DiffusionPipeline;
  DiffusionJob job_;
  DiffusionTerms terms_;
};

}  // namespace sirocco
