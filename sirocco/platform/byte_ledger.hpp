#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// A budget of bytes and who holds how much of it. Whoever wants to allocate reserves first, under
/// the name of an account ("weights", "KV cache"); reservations of one name are one account. It
/// counts and refuses, it allocates nothing. It may be a part of another, which counts what it
/// holds too: that of a device within its machine's. Thread-safe.
class ByteLedger {
  struct State;

 public:
  /// A held part of the budget, given back on destruction. Move-only; may outlive the ledger. One
  /// thread at a time.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation();

    std::uint64_t bytes() const { return bytes_; }

   private:
    friend class ByteLedger;
    /// The state is locked.
    Reservation(std::shared_ptr<State> state, std::size_t account, std::uint64_t bytes,
                std::unique_ptr<Reservation> of_whole);

    std::shared_ptr<State> state_;
    std::size_t account_ = 0;
    std::uint64_t bytes_ = 0;
    std::unique_ptr<Reservation> of_whole_;  // where the ledger is a part of another
  };

  struct Account {
    std::string name;
    std::uint64_t bytes;
  };

  explicit ByteLedger(std::uint64_t limit);
  /// A part of `whole`, which outlives it.
  ByteLedger(std::uint64_t limit, ByteLedger& whole);

  /// Takes `bytes` out of the budget for the account `what`. Throws ResourceExhausted that says
  /// what was wanted, the limit, and who holds how much.
  Reservation reserve(std::uint64_t bytes, std::string_view what);
  /// Counts `bytes` that are allocated in any case, beyond the budget too.
  Reservation charge(std::uint64_t bytes, std::string_view what);

  std::uint64_t limit() const;
  std::uint64_t in_use() const;
  /// What can still be reserved, here and in the whole.
  std::uint64_t free() const;
  /// The accounts that hold something, the largest first, equal ones by name.
  std::vector<Account> accounts() const;

 private:
  std::shared_ptr<State> state_;
  ByteLedger* whole_ = nullptr;
};

}  // namespace sirocco
