#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco::testing {

/// A model and caches for a few sequences, driven step by step without pipeline or engine: the
/// tests of models and of the numeric contract choose chunks, mixtures, block orders and cuts
/// themselves.
class StepRunner {
 public:
  struct Options {
    Isa isa = Isa::kRef;
    bool oracle = false;  ///< scalar code with the tier's bits instead of the tier
    int threads = 1;
    KvType kv_type = KvType::kF32;
    int block_positions = 16;
    int sequences = 1;
    int longest = 64;                  ///< positions a sequence may get
    std::uint32_t seed = 1;            ///< of the order of blocks
    const Format* quantize = nullptr;  ///< what float matrices are converted to
    std::vector<std::int32_t> cuts;    ///< first layers of the stages behind the first
  };
  /// In place of a token: the row comes as an embedding.
  static constexpr std::int32_t kGiven = -1;
  /// One sequence's part of a step.
  struct Chunk {
    int sequence;
    std::span<const std::int32_t> tokens;
    std::span<const float> embeddings = {};  ///< [N, D]: of the rows that are kGiven, in order
  };

  StepRunner(const std::filesystem::path& model, const Options& options);
  StepRunner(const Checkpoint& checkpoint, const Options& options);
  ~StepRunner();

  const ModelInfo& info() const;

  /// Feeds the chunks, in this order, behind what their sequences have had; logits of all rows,
  /// [T][V].
  std::vector<std::vector<float>> step(const std::vector<Chunk>& chunks);

 private:
  struct Stage;
  Options options_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  ModelInfo info_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::vector<int> lengths_;
};

}  // namespace sirocco::testing
