#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco::testing {

std::vector<TokenId> token_ids(std::span<const std::int32_t> numbers);

/// A LanguagePipeline of a checkpoint and leases on its cache for a few sequences, which takes the
/// logits of all rows home: the tests of models and of the numeric contract choose chunks,
/// mixtures, block orders and cuts themselves. What nobody wrote to the cache is NaN.
class StepRunner {
 public:
  struct Options {
    Isa isa = Isa::kRef;
    bool oracle = false;  ///< scalar code with the tier's bits instead of the tier
    int threads = 1;
    KvType kv_type = KvType::kF32;
    int block_positions = 16;
    int sequences = 1;
    int longest = 64;        ///< positions a sequence may get, as far as the model has them
    std::uint32_t seed = 1;  ///< of the order of blocks
    const Format* quantize = nullptr;  ///< what float matrices are converted to
    std::vector<std::int32_t> cuts;    ///< first layers of the stages behind the first
  };
  /// One sequence's part of a step.
  struct Chunk {
    int sequence;
    TextRows rows;
  };

  StepRunner(const std::filesystem::path& model, const Options& options);
  StepRunner(const Checkpoint& checkpoint, const Options& options);

  const ModelInfo& info() const { return pipeline_->info(); }
  /// The cache of a sequence, leased when it is first asked for.
  SequenceCache& cache(int sequence);
  /// Makes `to` a sequence of the same past.
  void fork(int from, int to);

  /// Feeds the chunks, in this order, behind what their sequences have had; logits of all rows,
  /// [T][V].
  std::vector<std::vector<float>> step(const std::vector<Chunk>& chunks);

 private:
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Backend>> behind_;  // of the stages behind a head
  ByteLedger ledger_{UINT64_MAX};
  std::unique_ptr<LanguagePipeline> pipeline_;
  std::vector<std::optional<SequenceCache>> caches_;
};

}  // namespace sirocco::testing
