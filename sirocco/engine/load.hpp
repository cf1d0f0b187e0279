#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/engine/media_reader.hpp"
#include "sirocco/engine/model_title.hpp"
#include "sirocco/engine/opened_model.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/pipeline/embedding_pipeline.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"
#include "sirocco/pipeline/stage_plan.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/chat_templates.hpp"
#include "sirocco/transport/any_transport.hpp"
#include "sirocco/transport/terms.hpp"

namespace sirocco {

/// LoadOptions are how a text model is brought onto a machine.
struct LoadOptions : OpenOptions {
  /// Layers after which the model is cut into stages; without, it is cut into `stages` that take
  /// equally long.
  std::vector<LayerIndex> cuts;
  LmHeadPlace lm_head = LmHeadPlace::kBest;  ///< which stages compute the vocabulary's head
  /// The file that holds the parts of a GGUF model that see and hear ("mmproj"), or a folder with
  /// them. Without, a file that lies beside the model's and is named for it, or alone there, is
  /// taken.
  std::optional<std::filesystem::path> mmproj = std::nullopt;
  bool senses = true;  ///< without, such parts aren't loaded
  /// Context, cache and hooks. A context of 0 becomes the model's own, or what fits into half of
  /// the machine's memory, whichever is less.
  LanguagePipelineOptions pipeline;
  /// Where other processes hold the stages behind the head: makes this one's end of what is between
  /// them, which throws where the ends don't have the same terms.
  std::function<std::unique_ptr<AnyTransport>(const std::vector<Term>&)> connect = {};
};

/// A LoadedModel is a text model that is ready to run, with everything that it stands on.
/// Move-only; its const members are thread-safe.
class LoadedModel {
 public:
  LoadedModel(LoadedModel&&) noexcept;
  LoadedModel& operator=(LoadedModel&&) noexcept;
  ~LoadedModel();

  const ModelInfo& info() const { return pipeline().info(); }
  LanguagePipeline& pipeline() const;
  /// A pipeline for the vectors of texts, over the same weights, with the model's own pooling or,
  /// where it has none, that of the last token, made as long as 1. Throws as EmbeddingPipeline, and
  /// UnsupportedError where the model is cut into stages.
  std::shared_ptr<EmbeddingPipeline> make_embedding_pipeline(
      EmbeddingPipelineOptions options = {}) const;
  /// Shared with an engine. The model must still outlive the engine's use of it.
  std::shared_ptr<LanguagePipeline> shared_pipeline() const;
  /// The same with the parts of the model that see and hear; null where there are none. An engine
  /// has one of the two.
  std::shared_ptr<MultimodalPipeline> multimodal_pipeline() const;
  /// That of the two which has all parts of the model, added to an engine.
  TextHandle add_to(Engine& engine) const;
  /// How pictures and sounds come into its prompts, made at the first call; null where it takes
  /// neither. Throws as MediaReader.
  const MediaReader* media() const;
  /// Of that one; null where the model doesn't see, or doesn't hear.
  const PictureReader* pictures() const;
  const SoundReader* sounds() const;
  const Metadata& metadata() const;
  const WeightSource& weights() const;  ///< as the checkpoint stores them
  Machine& machine() const;
  Backend& backend() const;
  int threads() const;
  Isa isa() const;
  double load_seconds() const;
  /// What people call it.
  const ModelTitle& title() const;

  /// The model's tokenizer, made at the first call. Throws FormatError or UnsupportedError when the
  /// checkpoint has none that can be read.
  const Tokenizer& tokenizer() const;
  /// The model's chat templates, read anew. Throws as read_chat_templates.
  ChatTemplates chat_templates() const;
  /// How it wants to be talked to, by its template `name` or without one by those that ChatFormat
  /// chooses; made anew. Throws as chat_templates and make_chat_format.
  ChatFormat chat_format(std::optional<std::string_view> name = {}) const;
  /// A format of the caller's own, which shows pictures and sounds where the model takes them.
  ChatFormat with_media(ChatFormat format) const;
  /// How the model's makers recommend to generate, over what is usual for chats.
  RecommendedGeneration recommended_generation() const;

 private:
  friend LoadedModel load_language_model(Machine&, const std::filesystem::path&, LoadOptions);
  struct State;
  explicit LoadedModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens a checkpoint and loads its model onto `machine`, which outlives it; no tokenizer is
/// needed. Throws what opening (open_checkpoint), the architecture (make_model_builder) and the
/// memory say.
LoadedModel load_language_model(Machine& machine, const std::filesystem::path& path,
                                LoadOptions options = {});

/// ModelKind is what a model is loaded as.
enum class ModelKind : std::uint8_t {
  kText,      ///< it generates text: load_language_model
  kEmbedder,  ///< it only makes vectors of texts: load_text_embedder
  kSpeech,    ///< it writes down what it hears: load_transcriber
  kImages,    ///< it draws what a text says: load_image_model
};

/// The kind of the model at `path`. Reads no weights. Throws what opening and the architecture say.
ModelKind model_kind(Machine& machine, const std::filesystem::path& path,
                     const OpenOptions& options);

/// Is one of the stages behind the head of a model in another process, which `options.connect`
/// connects, until the head has no more use for it. Throws what opening and loading throw, and
/// PeerLost when another stage is gone.
void serve_model_stage(Machine& machine, const std::filesystem::path& path, LoadOptions options);

}  // namespace sirocco
