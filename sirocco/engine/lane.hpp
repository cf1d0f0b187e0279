#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "sirocco/base/seconds.hpp"
#include "sirocco/engine/channel.hpp"
#include "sirocco/engine/owner_accounts.hpp"
#include "sirocco/engine/request.hpp"
#include "sirocco/engine/statistics.hpp"

namespace sirocco {

/// What the lanes of an engine share.
struct LaneSurroundings {
  std::function<Seconds()> clock;
  std::shared_ptr<WakeUp> driver;
  std::shared_ptr<WaitingRoom> waiting;
  std::shared_ptr<OwnerAccounts> owners;  ///< for the thread that drives
  Seconds priority_worth;                 ///< as EngineOptions has it
};

/// What a lane could do now.
struct LaneNeeds {
  bool can_step = false;  ///< a step could be submitted or waited for
  bool patient = false;   ///< there is work that can wait
  Seconds urgent = 0;     ///< a step of the urgent work alone is expected to take; 0: there is none
};

/// One pipeline of an engine with the requests on it, whatever its kind. All but `close` belongs to
/// the thread that drives the engine.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Takes in what was submitted, lets go of what was cancelled, and begins what has room. True
  /// when any of that happened.
  virtual bool tidy() = 0;
  virtual LaneNeeds needs() = 0;
  /// Submits steps while works and tickets are there, then waits for the oldest. Work that can wait
  /// makes a step longer by `patience` at most; nothing: as long as is usual. Returns the seconds
  /// that it took.
  virtual Seconds step(std::optional<Seconds> patience) = 0;
  /// Ends every request as cancelled.
  virtual void cancel_all() = 0;
  /// Whether anybody waits for room, holds some, or is about to come in.
  virtual bool empty() = 0;
  /// Whether somebody waits for room that another holder of the pipeline's may give back.
  virtual bool waits_for_room() const = 0;
  /// When the first time limit of a request is over; infinity without one.
  virtual Seconds next_time_limit() const = 0;
  /// Nothing more is accepted. Thread-safe.
  virtual void close() = 0;
  virtual bool closed() = 0;
  /// Lets the pipeline go. No request is left.
  virtual void let_go() = 0;

  std::uint64_t stepped = 0;  ///< the number of the step that was its last
  Seconds used = 0;           ///< time spent on it; the lane with the least goes next
  bool rests = true;          ///< had nothing to do when it was last looked at
};

}  // namespace sirocco
