#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/opened_model.hpp"
#include "sirocco/engine/picture_inputs.hpp"
#include "sirocco/formats/sentence_modules.hpp"
#include "sirocco/pipeline/embedding_pipeline.hpp"

namespace sirocco {

/// How a text is taken.
struct TextOptions {
  /// The name of one of the model's prompts, put before it; without one, its default.
  std::optional<std::string_view> prompt = std::nullopt;
  /// The text is trusted: special tokens in it are these, as they are in the prompt, and not text.
  bool parse_special = false;
};

/// A model that turns texts into vectors, ready to run, with everything that it stands on: its
/// pooling, projections and prompts are those of the checkpoint, where it has any (GGUF's
/// pooling_type, or sentence-transformers' modules.json). Move-only.
class LoadedEmbedder {
 public:
  LoadedEmbedder(LoadedEmbedder&&) noexcept;
  LoadedEmbedder& operator=(LoadedEmbedder&&) noexcept;
  ~LoadedEmbedder();

  const ModelInfo& info() const { return pipeline().info(); }
  EmbeddingPipeline& pipeline() const;
  /// Shared with an engine. The model must still outlive the engine's use of it.
  std::shared_ptr<EmbeddingPipeline> shared_pipeline() const;
  const Tokenizer& tokenizer() const;
  /// By name; empty where the checkpoint has none.
  const std::map<std::string, std::string, std::less<>>& prompts() const;
  /// Tokens of a text, prompt included, that count at most.
  std::int64_t max_tokens() const;

  /// Makes pictures ready for jobs of the pipeline, whose vectors stand beside those of texts, with
  /// the part of the checkpoint that sees. That is loaded at the first call; null where there is
  /// none that makes one row of a picture. Throws what loading it throws. Thread-safe.
  const PictureInputs* pictures() const;

  struct Tokenized {
    /// With what the model adds around a text, and what fills it up (ModelInfo::fills_texts); may
    /// be none.
    std::vector<TokenId> tokens;
    std::size_t left_out = 0;  ///< tokens at the end of the text that don't count
  };
  /// Throws InvalidArgument, which lists the model's prompts, for the name of another, and
  /// UnsupportedError where texts are filled up and the tokenizer doesn't say with what.
  Tokenized tokenize(std::string_view text, const TextOptions& options = {}) const;

 private:
  friend LoadedEmbedder load_text_embedder(Machine&, const std::filesystem::path&, OpenOptions,
                                           EmbeddingPipelineOptions);
  struct State;
  explicit LoadedEmbedder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens a checkpoint and loads it onto `machine`, which outlives it, as an embedding model. Throws
/// what opening, the architecture, the files beside the checkpoint, the options and the memory say.
LoadedEmbedder load_text_embedder(Machine& machine, const std::filesystem::path& path,
                                  OpenOptions open = {}, EmbeddingPipelineOptions options = {});

/// The vectors of jobs, [N][width] in their order, made as the engine is stepped on this thread;
/// not while it has its own. Longest first, so that steps take sequences of like lengths together.
/// Throws InvalidArgument for a text that is longer than the context or has a token outside the
/// vocabulary, NotANumber for an embedding that isn't made of finite numbers, and ResourceExhausted
/// where a step failed otherwise; each names the text or picture by its number, from 1.
std::vector<EmbeddingEvent> embed_all(Engine& engine, const Handle<EmbeddingPipeline>& pipeline,
                                      std::vector<EmbeddingJob> jobs);
/// The same of sequences of tokens.
std::vector<EmbeddingEvent> embed_all(Engine& engine, const Handle<EmbeddingPipeline>& pipeline,
                                      std::span<const std::vector<TokenId>> sequences);

/// Texts in, vectors out: an embedding model on an engine, beside whatever else runs there. Both
/// outlive it. Thread-safe, but for `embed`.
class TextEmbedder {
 public:
  TextEmbedder(Engine& engine, Handle<EmbeddingPipeline> pipeline, const LoadedEmbedder& model);

  /// The vector of some tokens, made when its turn comes. Throws as Engine::submit.
  Request<EmbeddingPipeline> submit(std::vector<TokenId> tokens) const;

  /// The vectors of texts, as embed_all makes them. Throws what tokenize throws besides.
  std::vector<EmbeddingEvent> embed(std::span<const std::string> texts,
                                    const TextOptions& options = {}) const;

 private:
  Engine& engine_;
  Handle<EmbeddingPipeline> pipeline_;
  const LoadedEmbedder& model_;
};

}  // namespace sirocco
