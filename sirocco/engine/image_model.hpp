#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/opened_model.hpp"
#include "sirocco/media/picture.hpp"
#include "sirocco/media/picture_writer.hpp"
#include "sirocco/pipeline/diffusion_pipeline.hpp"

namespace sirocco {

/// An ImageSource is a picture that another is drawn from.
struct ImageSource {
  Picture picture;
  /// Where it is bright, 128 of 255 and more, the picture is painted anew, elsewhere it stays; it
  /// is stretched to the picture's size. Nothing: all of it is painted anew.
  std::optional<Picture> mask = std::nullopt;
  double strength = 0.6;  ///< how far from it: 0 to 1, which is the part of the steps that is done
};

/// An ImageRequest is a picture that is asked for in words. What isn't given is as the model's
/// makers mean it to be.
struct ImageRequest {
  std::string prompt;
  /// What the source is stretched to. Nothing: the source's own in whole patches, and smaller by so
  /// much that it has no more pixels than the model's usual size; the usual size without a source.
  std::optional<PictureSize> size = std::nullopt;
  std::optional<std::int64_t> steps = std::nullopt;  ///< of denoising
  std::optional<float> guidance = std::nullopt;      ///< how closely to follow the prompt
  std::uint64_t seed = 0;
  std::uint32_t number = 0;  ///< of several pictures of a seed
  /// In place of what the seed makes: f32 [L, h, w].
  std::vector<float> noise = {};
  std::optional<ImageSource> source = std::nullopt;
  std::int64_t partials = 0;  ///< pictures that are told on the way
};

/// ImageDefaults are what a model's makers mean a picture to be.
struct ImageDefaults {
  PictureSize size;
  std::int64_t steps = 0;
  float guidance = 0;
  bool guided = false;  ///< whether guidance says anything to the model
};

struct ImageModelOptions {
  DiffusionPipelineOptions pipeline = {};
  /// Whether the half of the autoencoder that reads pictures is loaded too, where the model has it:
  /// without it none is drawn from another.
  bool reads_pictures = true;
};

/// A LoadedImageModel is a model that draws what a text says, ready to run, with everything that it
/// stands on. Move-only; its const members are thread-safe.
class LoadedImageModel {
 public:
  LoadedImageModel(LoadedImageModel&&) noexcept;
  LoadedImageModel& operator=(LoadedImageModel&&) noexcept;
  ~LoadedImageModel();

  DiffusionPipeline& pipeline() const;
  /// Shared with an engine. The model must still outlive the engine's use of it.
  std::shared_ptr<DiffusionPipeline> shared_pipeline() const;
  const ImageDefaults& defaults() const;
  const Tokenizer& tokenizer() const;  ///< of the text's tokens
  double load_seconds() const;
  int threads() const;
  Isa isa() const;

  struct Prepared {
    DiffusionJob job;
    std::string left_out;  ///< the end of the prompt, which the model doesn't read; mostly empty
    std::int64_t prompt_tokens = 0;  ///< those of the text that are read, without padding
  };
  /// Throws as FixedLengthTokenizer::tokenize; what can't be drawn the pipeline says.
  Prepared prepare(ImageRequest request) const;
  /// What made a picture, as programs that draw write it into their files.
  PictureNote note_of(std::string_view prompt, const DiffusionJob& job) const;

 private:
  friend LoadedImageModel load_image_model(Machine&, const std::filesystem::path&, OpenOptions,
                                           ImageModelOptions);
  struct State;
  explicit LoadedImageModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens a folder of diffusers and loads it onto `machine`, which outlives it. Matrices are
/// converted to `open.quantize` in the transformer and in the encoders of the text. Throws what
/// DiffusersFolder, the parts, the options and the memory say, InvalidArgument for several stages.
LoadedImageModel load_image_model(Machine& machine, const std::filesystem::path& path,
                                  OpenOptions open = {}, ImageModelOptions options = {});

}  // namespace sirocco
