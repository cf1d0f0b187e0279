#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "sirocco/engine/channel.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// SubmitOptions are what an engine is told of a job besides what it is.
struct SubmitOptions {
  std::uint64_t owner = 0;  ///< whose it is: those who share an engine get even parts of it
  int priority = 0;         ///< the higher goes first; see EngineOptions::priority_worth
  /// From its submission on; then it ends with what there is, whether it runs or still waits.
  std::optional<Seconds> time_limit = std::nullopt;
  std::shared_ptr<Bell> bell = nullptr;  ///< rung when an event or the end came
};

/// A Request is the caller's end of a job that an engine has accepted. Copies are the same request;
/// when the last of them goes before the end, the request is cancelled. Thread-safe.
template <RunsWork P>
class Request {
 public:
  using Event = typename P::Event;

  /// What holds for it: limits that the job gave, or that it was given.
  const typename P::Terms& terms() const { return end_->terms; }

  /// The next event, if one is there.
  std::optional<Event> try_next() const { return end_->channel->try_next(); }
  /// The next event; nothing when there is none to come. Blocks: some other thread must drive the
  /// engine.
  std::optional<Event> next() const { return end_->channel->next(); }

  /// Asks for the end; it comes before the next step. Never blocks.
  void cancel() const { end_->channel->cancel(); }
  /// The same for one of its choices, where its job has several. Events of it that are under way
  /// still come.
  void cancel_choice(std::uint32_t choice) const { end_->channel->cancel_choice(choice); }
  /// The end, once it was reached. Events that came before may still be there.
  std::optional<Finished> finished() const { return end_->channel->finished(); }
  /// Blocks until the end; events that nobody took are dropped. Some other thread must drive the
  /// engine.
  Finished wait() const {
    while (next()) {
    }
    return *finished();
  }

 private:
  friend class Engine;
  /// What the copies share.
  struct End {
    End(typename P::Terms t, std::shared_ptr<Channel<Event>> c)
        : terms(std::move(t)), channel(std::move(c)) {}
    ~End() { channel->cancel(); }
    End(const End&) = delete;
    End& operator=(const End&) = delete;
    const typename P::Terms terms;
    const std::shared_ptr<Channel<Event>> channel;
  };
  explicit Request(std::shared_ptr<const End> end) : end_(std::move(end)) {}

  std::shared_ptr<const End> end_;
};

}  // namespace sirocco
