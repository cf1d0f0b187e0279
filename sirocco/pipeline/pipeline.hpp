#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/pipeline/prefix_cache.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

class CacheCapacity;
struct DiffusionLimits;

/// What may be read of a pipeline on any thread: its bounds, which never change.
struct PipelineLimits {
  std::int64_t vocabulary = 0;            ///< V
  std::int64_t width = 0;                 ///< D
  int rotary_axes = 1;                    ///< as ModelInfo has it
  std::int32_t max_context = 0;           ///< positions that a sequence may have
  std::int32_t max_cached_positions = 0;  ///< that one sequence may have in the cache; at least 1
  /// What the cache holds of several sequences; null where they hold nothing beyond a step.
  std::shared_ptr<const CacheCapacity> cache = nullptr;
  int max_step = 0;                     ///< rows of a step
  int usual_step = 0;                   ///< rows of a step that are worth to be taken together
  int max_sequences = 0;                ///< at a time
  int max_steps_in_flight = 1;          ///< submitted and not yet waited for
  std::int64_t default_max_tokens = 0;  ///< of an answer whose job gives no limit
  std::int64_t input_width = 0;         ///< of the rows that an encoder takes; 0: there is none
  /// Embeddings may have so many rows of D besides, to be added behind as many first layers.
  std::int32_t deep_stack = 0;
  /// Of encoders' work (Demand::encodes), as much as is held to take as long as a row, until steps
  /// have shown it; 0: there is none.
  double encoded_a_row = 0;
  /// Of pictures that are drawn; null where none are.
  std::shared_ptr<const DiffusionLimits> diffusion = nullptr;
  /// Elements of an embedding before it is cut; 0: there are none.
  std::int64_t embedding_width = 0;
};

/// A submitted step, which has to be waited for, once. Move-only.
class [[nodiscard]] Ticket {
 public:
  explicit Ticket(std::uint64_t number) : number_(number) {}
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&&) noexcept = default;
  std::uint64_t number() const { return number_; }

 private:
  std::uint64_t number_;
};

struct StageTiming {
  int stage = 0;
  std::int64_t rows = 0;
  double seconds = 0.0;
};

/// Called on the thread that drives the pipeline; none may call back into it.
struct PipelineHooks {
  std::function<void(SequenceId, TokenId)> token;            ///< a token was chosen
  std::function<void(int stage, std::uint64_t bytes)> sent;  ///< hidden states or logits left it
  std::function<void(const StageTiming&)> stage;             ///< a stage finished its part
  std::function<void(const std::string& why)> lost;  ///< a stage is gone: no step can succeed again
};

/// Where a stage runs.
struct StagePlacement {
  std::string_view role;     ///< "whole", "head", …
  std::string_view backend;  ///< "avx512vnni", …
};

/// Where the blocks of a pipeline's cache are, those of all its groups added up, and what sharing
/// has brought.
struct CacheStatus {
  std::int64_t blocks = 0;
  std::int64_t held = 0;
  std::int64_t idle = 0;       ///< their contents are known, and no sequence holds them
  std::int64_t available = 0;  ///< free or idle, and not promised to a sequence
  PrefixStats prefixes = {};
};

/// The runtime of one loaded model: owns its parts, its cache, its hooks and where it runs. What it
/// can be asked to do is each kind's own: see RunsWork.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  virtual const ModelInfo& info() const = 0;
  virtual std::vector<StagePlacement> placement() const = 0;
  /// Shared with whoever reads them on other threads.
  virtual std::shared_ptr<const PipelineLimits> limits() const = 0;
  /// Of what sequences hold beyond a step; one thread at a time, the same as its steps.
  virtual CacheStatus cache_status() const { return {}; }
};

/// What an engine asks of a kind of pipeline P:
/// - P::Job, what a caller wants, and P::Terms, what it gets: bounds that hold for it.
/// - P::check makes a P::CheckedJob of a job, on any thread. Throws InvalidArgument for what can't
///   be right and ResourceExhausted for what can never fit, with the figures.
/// - begin makes a P::Work of a checked job: a move-only value which holds all that the job needs
///   to its end, its room in the cache included. Nothing, and the job is as it was, when there is
///   no room now.
/// - A step is submitted, then waited for; each of its works has then advanced by one bounded unit
///   and has what came of it: P::Event values, perhaps its end. wait returns the seconds that the
///   step took. Steps end in the order of their submission. When either throws, the works of the
///   step are good for nothing but their destruction.
/// - A work is in one step at a time, but for those that say so (Work::kOverlapsSteps): they may be
///   in several, as long as they have a demand.
/// - Where a job may have several choices, a work has cancel_choices(bits), which ends those whose
///   bits are set; not within a step.
/// All but check belong to one thread at a time; works are destroyed there too.
template <class P>
concept RunsWork = std::derived_from<P, Pipeline> &&
                   requires(P& pipeline, const PipelineLimits& limits, typename P::Job job,
                            typename P::CheckedJob& checked,
                            std::span<const Share<typename P::Work>> shares, Ticket ticket) {
                     { P::check(limits, std::move(job)) } -> std::same_as<typename P::CheckedJob>;
                     { pipeline.begin(checked) } -> std::same_as<std::optional<typename P::Work>>;
                     { pipeline.submit(shares) } -> std::same_as<Ticket>;
                     { pipeline.wait(std::move(ticket)) } -> std::same_as<double>;
                   } &&
                   requires(const typename P::CheckedJob& checked) {
                     { checked.terms() } -> std::convertible_to<typename P::Terms>;
                     { checked.usage() } -> std::same_as<Usage>;
                   } && requires(typename P::Work& work, const typename P::Work& seen) {
                     requires std::movable<typename P::Work> && !std::copyable<typename P::Work>;
                     { seen.demand() } -> std::same_as<Demand>;
                     { work.next_event() } -> std::same_as<std::optional<typename P::Event>>;
                     { seen.ending() } -> std::same_as<const std::optional<Ending>&>;
                     { seen.usage() } -> std::same_as<Usage>;
                   };

}  // namespace sirocco
