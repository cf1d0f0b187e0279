#pragma once

#include <cstdint>
#include <ctime>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/image_model.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/engine/text_embedder.hpp"
#include "sirocco/engine/transcriber.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"
#include "sirocco/text/chat_format.hpp"

namespace sirocco {

/// ServedUse is something that a served model can be asked for.
enum class ServedUse : std::uint8_t {
  kChat,           ///< an answer in a conversation
  kCompletion,     ///< a text that goes on behind another
  kEmbedding,      ///< the vector of a text
  kPictures,       ///< to see pictures in a conversation, or the vector of one
  kSounds,         ///< to hear sounds in it
  kTranscription,  ///< the text of what is said in a sound
  kTranslation,    ///< the same in English
  kImages,         ///< a picture of what a text says
  kImageEdits,     ///< the same drawn from another picture
};
/// As programs know it: "chat", "completion", "embedding", "transcription", "translation", "image",
/// "image-edit"; that of pictures is "multimodal", that of sounds "audio", as llama-server calls
/// them.
std::string_view served_use_name(ServedUse use);
/// All of these together.
class ServedUses {
 public:
  constexpr ServedUses() = default;
  constexpr ServedUses(std::initializer_list<ServedUse> uses) {
    for (const ServedUse use : uses) add(use);
  }
  constexpr void add(ServedUse use) { bits_ |= bit(use); }
  constexpr bool has(ServedUse use) const { return (bits_ & bit(use)) != 0; }
  /// Their names, in the order of the enumeration.
  std::vector<std::string_view> names() const;

 private:
  static constexpr std::uint32_t bit(ServedUse use) { return 1U << static_cast<unsigned>(use); }
  std::uint32_t bits_ = 0;
};

/// A text model on an engine, with what a program needs to answer with it. Thread-safe.
class ServedText {
 public:
  /// Both outlive it; the engine has its own thread.
  ServedText(Engine& engine, LoadedModel model);
  ~ServedText();
  ServedText(const ServedText&) = delete;
  ServedText& operator=(const ServedText&) = delete;

  const LoadedModel& model() const { return model_; }
  const ModelInfo& info() const { return model_.info(); }
  const Tokenizer& tokenizer() const { return model_.tokenizer(); }
  const PipelineLimits& limits() const { return limits_of(pipeline_); }
  const LaneStatistics& statistics() const { return statistics_of(pipeline_); }
  ServedUses uses() const;
  LanguageSession& session() { return session_; }
  /// Throws what making it threw: NotFound where the checkpoint has no template, what reading it
  /// says.
  const ChatFormat& chat_format() const;
  /// How answers are made where a request says nothing.
  const RecommendedGeneration& recommended() const { return recommended_; }

  /// The vectors of its own texts, from the same weights: made at the first call. Throws as
  /// make_embedding_pipeline, UnsupportedError where the model is cut into stages.
  const Handle<EmbeddingPipeline>& embeddings() const;

 private:
  Engine& engine_;
  LoadedModel model_;
  TextHandle pipeline_;
  LanguageSession session_;
  std::variant<ChatFormat, std::exception_ptr> chat_format_;
  RecommendedGeneration recommended_;
  mutable std::mutex making_embeddings_;
  mutable std::optional<Handle<EmbeddingPipeline>> embeddings_;
};

/// An embedding model on an engine. Thread-safe.
class ServedEmbedder {
 public:
  ServedEmbedder(Engine& engine, LoadedEmbedder model);
  ~ServedEmbedder();
  ServedEmbedder(const ServedEmbedder&) = delete;
  ServedEmbedder& operator=(const ServedEmbedder&) = delete;

  const LoadedEmbedder& model() const { return model_; }
  const Handle<EmbeddingPipeline>& pipeline() const { return pipeline_; }
  const ModelInfo& info() const { return model_.info(); }
  const Tokenizer& tokenizer() const { return model_.tokenizer(); }
  const PipelineLimits& limits() const { return pipeline_.limits(); }
  const LaneStatistics& statistics() const { return pipeline_.statistics(); }
  ServedUses uses() const;
  /// As LoadedEmbedder has them, null too where what is there of them can't be used.
  const PictureInputs* pictures() const { return pictures_; }

 private:
  Engine& engine_;
  LoadedEmbedder model_;
  const PictureInputs* pictures_;
  Handle<EmbeddingPipeline> pipeline_;
};

/// A ServedTranscriber is a model that writes down what it hears, on an engine. Thread-safe.
class ServedTranscriber {
 public:
  ServedTranscriber(Engine& engine, LoadedTranscriber model);
  ~ServedTranscriber();
  ServedTranscriber(const ServedTranscriber&) = delete;
  ServedTranscriber& operator=(const ServedTranscriber&) = delete;

  const LoadedTranscriber& model() const { return model_; }
  const Handle<TranscriptionPipeline>& pipeline() const { return pipeline_; }
  const ModelInfo& info() const { return model_.pipeline().info(); }
  const Tokenizer& tokenizer() const { return model_.tokenizer(); }
  const PipelineLimits& limits() const { return pipeline_.limits(); }
  const LaneStatistics& statistics() const { return pipeline_.statistics(); }
  ServedUses uses() const;

 private:
  Engine& engine_;
  LoadedTranscriber model_;
  Handle<TranscriptionPipeline> pipeline_;
};

/// A ServedImageModel is a model that draws, on an engine. Thread-safe.
class ServedImageModel {
 public:
  ServedImageModel(Engine& engine, LoadedImageModel model);
  ~ServedImageModel();
  ServedImageModel(const ServedImageModel&) = delete;
  ServedImageModel& operator=(const ServedImageModel&) = delete;

  const LoadedImageModel& model() const { return model_; }
  const Handle<DiffusionPipeline>& pipeline() const { return pipeline_; }
  const ModelInfo& info() const { return model_.pipeline().info(); }
  const Tokenizer& tokenizer() const { return model_.tokenizer(); }
  const PipelineLimits& limits() const { return pipeline_.limits(); }
  const LaneStatistics& statistics() const { return pipeline_.statistics(); }
  ServedUses uses() const;

 private:
  Engine& engine_;
  LoadedImageModel model_;
  Handle<DiffusionPipeline> pipeline_;
};

/// How a model is brought up to be served.
struct ServeOptions {
  LoadOptions load;
  EmbeddingPipelineOptions embedding;          ///< of a model that only embeds
  TranscriptionPipelineOptions transcription;  ///< of one that writes down what it hears
  ImageModelOptions image;                     ///< of one that draws
};

/// A ServedModel is a model that a server offers under its names, of one of the kinds above.
class ServedModel {
 public:
  /// `Kind` is made of an engine and what was loaded.
  template <class Kind, class Loaded>
  ServedModel(std::in_place_type_t<Kind> kind, Engine& engine, Loaded loaded)
      : served_(kind, engine, std::move(loaded)) {}

  std::string name;
  std::vector<std::string> aliases;
  std::filesystem::path path;
  std::time_t since = 0;  ///< when it was loaded

  /// What it is as one of the kinds; null where it is another.
  template <class Kind>
  Kind* as() {
    return std::get_if<Kind>(&served_);
  }
  template <class Kind>
  const Kind* as() const {
    return std::get_if<Kind>(&served_);
  }
  /// For one that is known to generate text.
  ServedText& text() { return std::get<ServedText>(served_); }
  const ServedText& text() const { return std::get<ServedText>(served_); }

  // What all kinds have.

  ServedUses uses() const {
    return std::visit([](const auto& kind) { return kind.uses(); }, served_);
  }
  const ModelInfo& info() const {
    return std::visit([](const auto& kind) -> const auto& { return kind.info(); }, served_);
  }
  const Tokenizer& tokenizer() const {
    return std::visit([](const auto& kind) -> const auto& { return kind.tokenizer(); }, served_);
  }
  const PipelineLimits& limits() const {
    return std::visit([](const auto& kind) -> const auto& { return kind.limits(); }, served_);
  }
  const LaneStatistics& statistics() const {
    return std::visit([](const auto& kind) -> const auto& { return kind.statistics(); }, served_);
  }
  /// Positions that a sequence may have.
  std::int32_t context() const { return limits().max_context; }

 private:
  std::variant<ServedText, ServedEmbedder, ServedTranscriber, ServedImageModel> served_;
};

/// Loads the model at `path` onto the engine's machine, as what it is. Throws what loading throws.
std::unique_ptr<ServedModel> load_served_model(Engine& engine, std::string name,
                                               std::vector<std::string> aliases,
                                               const std::filesystem::path& path,
                                               ServeOptions options);

}  // namespace sirocco
