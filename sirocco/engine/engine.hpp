#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/engine/scheduler.hpp"
#include "sirocco/engine/sequence.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

using PipelineId = StrongId<struct PipelineIdTag, std::int32_t>;

enum class Verdict : std::uint8_t { kContinue, kStop };

/// Receives the tokens of one request, on the thread that drives the engine, which waits for it.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  /// The next token; kStop ends the answer with it. An exception ends it as failed.
  virtual Verdict on_token(TokenId token) = 0;
  /// The end, exactly once, whatever happened. Must not throw.
  virtual void on_finish(const Finished& finished) = 0;
};

/// What a program asks of a model.
struct Request {
  std::vector<TokenId> prompt;  ///< at least one token
  SamplingParams sampling;
  /// Tokens to generate at most. Without, the engine's default, as far as the context allows.
  std::optional<std::int64_t> max_tokens;
  /// The answer ends when one of these is chosen; it isn't passed on.
  std::vector<TokenId> end_tokens;
  std::shared_ptr<TokenSink> sink;
};

/// The caller's end of a submitted request. Copies are the same request. Thread-safe.
class RequestHandle {
 public:
  SequenceId id() const;
  /// The limit on generated tokens that holds for it, given or default.
  std::int64_t limit() const;
  /// Asks for the end; it comes at the next step. Never blocks; safe in a signal's thread.
  void cancel() const;
  bool finished() const;
  /// Blocks until the end. Some other thread must drive the engine.
  Finished wait() const;
  /// The end, once it was reached.
  std::optional<Finished> result() const;

 private:
  friend class Engine;
  struct Shared;
  explicit RequestHandle(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

struct EngineOptions {
  /// Bytes that all pipelines together may hold; 0: the machine's memory.
  std::uint64_t memory_limit = 0;
  SchedulerLimits scheduler;
  std::int64_t default_max_tokens = 2048;  ///< for a request that gives no limit
  std::size_t max_queued = 1024;           ///< requests that wait for room, at most
  std::function<Seconds()> clock;          ///< a steady clock; the system's without
};

struct EngineStats {
  std::size_t queued = 0;
  std::size_t active = 0;
  std::uint64_t finished = 0;
  std::uint64_t steps = 0;
  std::uint64_t rows = 0;
};

/// The runtime: one scheduler and one byte ledger over several pipelines, and the sequences that
/// run on them. A caller drives it step by step, or starts its thread. Requests are served in the
/// order of their arrival on each pipeline; pipelines share the time evenly while they have work.
///
/// submit, cancel, stats are thread-safe and don't wait for a step. step, run, start and stop
/// belong to one thread at a time.
class Engine {
 public:
  explicit Engine(EngineOptions options = {});
  /// Cancels what is left.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The budget that pipelines charge for what they hold.
  ByteLedger& ledger();

  PipelineId add(std::shared_ptr<Pipeline> pipeline);

  /// Queues a request. Throws InvalidArgument for what can't be right (an empty prompt, a token
  /// outside the vocabulary, sampling parameters, a limit below 1, a prompt that fills the context)
  /// and ResourceExhausted for what can never fit or when too many wait, each with the figures.
  RequestHandle submit(PipelineId pipeline, Request request);

  /// One step of one pipeline. False when there was nothing to do.
  bool step();
  /// Steps until nothing is left.
  void run();

  /// Drives the engine on a thread of its own until `stop`.
  void start();
  /// Ends the thread after the step that runs. Requests stay where they are.
  void stop();

  EngineStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sirocco
