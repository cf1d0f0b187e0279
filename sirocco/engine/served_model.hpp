#pragma once

#include <ctime>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/engine/text_embedder.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"
#include "sirocco/text/chat_format.hpp"

namespace sirocco {

/// A text model on an engine, with what a program needs to answer with it. Thread-safe.
class ServedText {
 public:
  /// Both outlive it; the engine has its own thread.
  ServedText(Engine& engine, LoadedModel model);
  ~ServedText();
  ServedText(const ServedText&) = delete;
  ServedText& operator=(const ServedText&) = delete;

  const LoadedModel& model() const { return model_; }
  const Tokenizer& tokenizer() const { return model_.tokenizer(); }
  const PipelineLimits& limits() const { return limits_of(pipeline_); }
  const LaneStatistics& statistics() const { return statistics_of(pipeline_); }
  LanguageSession& session() { return session_; }
  /// Throws what making it threw: NotFound where the checkpoint has no template, what reading it
  /// says.
  const ChatFormat& chat_format() const;
  /// How answers are made where a request says nothing.
  const RecommendedGeneration& recommended() const { return recommended_; }

  /// The vectors of its own texts, from the same weights: made at the first call. Throws as
  /// make_embedding_pipeline, UnsupportedError where the model is cut into stages.
  const Handle<EmbeddingPipeline>& embeddings();

 private:
  Engine& engine_;
  LoadedModel model_;
  TextHandle pipeline_;
  LanguageSession session_;
  std::variant<ChatFormat, std::exception_ptr> chat_format_;
  RecommendedGeneration recommended_;
  std::mutex making_embeddings_;
  std::optional<Handle<EmbeddingPipeline>> embeddings_;
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

 private:
  Engine& engine_;
  LoadedEmbedder model_;
  Handle<EmbeddingPipeline> pipeline_;
};

/// How a model is brought up to be served.
struct ServeOptions {
  LoadOptions load;
  EmbeddingPipelineOptions embedding;  ///< of a model that only embeds
};

/// A model that a server offers under its names.
struct ServedModel {
  std::string name;
  std::vector<std::string> aliases;
  std::filesystem::path path;
  std::time_t since = 0;                     ///< when it was loaded
  std::unique_ptr<ServedText> text;          ///< null of a model that only embeds
  std::unique_ptr<ServedEmbedder> embedder;  ///< null of a text model

  const ModelInfo& info() const;
  /// Positions that a sequence may have.
  std::int32_t context() const;
};

/// Loads the model at `path` onto the engine's machine, as what it is. Throws what loading throws.
std::unique_ptr<ServedModel> load_served_model(Engine& engine, std::string name,
                                               std::vector<std::string> aliases,
                                               const std::filesystem::path& path,
                                               ServeOptions options);

}  // namespace sirocco
