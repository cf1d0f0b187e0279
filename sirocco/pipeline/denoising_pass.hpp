#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/models/denoiser.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// KeptLatents are those of a picture that stays as it is in places: behind each step they are put
/// back, with as much noise as the others have. All are f32 [N, inputs].
struct KeptLatents {
  std::vector<float> latents = {};
  std::vector<float> noise = {};  ///< what they are mixed with
  std::vector<float> mask = {};   ///< 1 where the picture is made anew, 0 where it stays
};

/// A DenoisingTask is a picture that is to be made of noise.
struct DenoisingTask {
  std::vector<float> text = {};     ///< f32 [T, text width]
  std::vector<float> pooled = {};   ///< f32 [pooled width]
  std::vector<float> latents = {};  ///< f32 [N, inputs], noise in part
  PatchGrid grid = {};              ///< how these lie; N patches
  std::vector<float> levels = {};   ///< how much is noise before each step and behind the last
  float guidance = 0;               ///< how closely to follow the text
  std::optional<KeptLatents> kept = {};
};

/// Latents of which `level`, 0 to 1, is noise.
std::vector<float> noised(std::span<const float> latents, std::span<const float> noise,
                          float level);

/// A DenoisingPass is a picture on its way through all steps of denoising, by Euler's method: in
/// each step layer by layer, and in each layer row by row, as an EncoderPass. What is done at once
/// is a row at least. The latents are the same bits however it is cut.
class DenoisingPass {
 public:
  /// `ledger`, when given, is charged for what is held between two calls of `advance`, and outlives
  /// the pass. Throws InvalidArgument where the sizes of a task don't fit it or the denoiser.
  DenoisingPass(AnyDenoiser denoiser, DenoisingTask task, ByteLedger* ledger = nullptr);

  /// Bytes that a pass over so many rows of a text and such a picture holds.
  static std::uint64_t bytes(const AnyDenoiser& denoiser, std::int64_t text_rows, PatchGrid grid);

  std::int64_t steps() const { return std::ssize(task_.levels) - 1; }
  std::int64_t steps_done() const { return step_; }
  bool ended() const { return step_ == steps(); }
  /// Products of two numbers that are left.
  double left() const { return left_; }
  /// The next row, and what more costs no more than `budget` together with it, to the end of a step
  /// of denoising at most. Throws ResourceExhausted, and NotANumber when velocities aren't finite.
  void advance(double budget, Backend& backend, StepMemory& memory);
  /// f32 [N, inputs], as the last step left them.
  const std::vector<float>& latents() const { return task_.latents; }
  /// What these are expected to become, right behind a step: they without their noise.
  std::vector<float> expected() const;

 private:
  /// What is done in a step of denoising, in this order; the three of a layer in each.
  enum class Stage : std::uint8_t { kCondition, kEmbed, kModulate, kRemember, kForward, kProject };

  std::int64_t rows() const { return sequence_.rows(); }
  double step_cost() const;
  std::int64_t stage_rows() const;
  double row_cost() const;
  void run_rows(RowRange rows, Backend& backend, StepMemory& memory);
  void next_stage();
  void end_step();

  AnyDenoiser denoiser_;
  DenoisingTask task_;
  SequenceRows sequence_;
  DenoiserCosts costs_;
  Arena arena_;
  std::optional<JointStream> stream_;  // in the arena
  Stage stage_ = Stage::kCondition;
  LayerIndex layer_ = LayerIndex(0);
  std::int64_t row_ = 0;  // the next of the stage
  std::int64_t step_ = 0;
  std::vector<float> velocities_;  // of the last step until the next one makes its own
  double left_ = 0;
};

}  // namespace sirocco
