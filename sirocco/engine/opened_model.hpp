#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/backend.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/isa.hpp"
#include "sirocco/platform/thread_group.hpp"
#include "sirocco/platform/topology.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {

/// How any kind of model is brought onto this machine.
struct OpenOptions {
  int threads = 0;  ///< 0: one a core of the device
  /// Threads that another model runs on too, in place of its own. Models of one engine never
  /// compute at the same time, so that one set serves them all.
  std::shared_ptr<ThreadGroup> shared_threads = {};
  std::optional<Isa> isa = std::nullopt;  ///< without: the best that this CPU runs
  /// The cores to run on; without, all that the process may use. Helper threads are bound to them;
  /// the thread that drives the engine is the caller's to bind.
  std::optional<Device> device = std::nullopt;
  LoadProgress progress = {};
  /// Matrices that the checkpoint holds as floats are converted to this as they are loaded.
  const Format* quantize = nullptr;
};

/// A checkpoint, and the threads and the backend that its model runs on: what every kind of loaded
/// model stands on.
class OpenedModel {
 public:
  /// Throws what opening says (open_checkpoint, require_isa). `ledger` may be null.
  OpenedModel(const std::filesystem::path& path, const OpenOptions& options, ByteLedger* ledger);

  /// Lets `use` load what it wants of the model. Throws what the architecture says
  /// (canonical_checkpoint, make_model_builder) and what loading does.
  void load(OpenOptions options, FunctionRef<void(ModelBuilder&)> use);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const Metadata& metadata() const { return *checkpoint_.metadata; }
  Backend& backend() const { return *backend_; }
  int threads() const { return threads_->size(); }
  const std::shared_ptr<ThreadGroup>& thread_group() const { return threads_; }
  Isa isa() const { return isa_; }

  /// The model's tokenizer, made at the first call as that asks for it; thread-safe. Throws
  /// FormatError or UnsupportedError when the checkpoint has none that can be read.
  const Tokenizer& tokenizer(LetterCase letters = LetterCase::kKept) const;

 private:
  Checkpoint checkpoint_;
  Isa isa_;
  // In this order: each stands on the ones before it.
  std::shared_ptr<ThreadGroup> threads_;
  std::unique_ptr<Backend> backend_;
  mutable std::once_flag tokenizer_made_;
  mutable std::optional<Tokenizer> tokenizer_;
};

}  // namespace sirocco
