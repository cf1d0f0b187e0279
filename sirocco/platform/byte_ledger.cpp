#include "sirocco/platform/byte_ledger.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {

// Accounts are never removed: a process knows a handful of names, and a reservation keeps the
// index.
struct ByteLedger::State {
  explicit State(std::uint64_t budget) : limit(budget) {}

  std::size_t account_of(std::string_view name) {
    const auto found =
        std::ranges::find_if(accounts, [&](const Account& a) { return a.name == name; });
    if (found != accounts.end()) return static_cast<std::size_t>(found - accounts.begin());
    accounts.push_back({std::string(name), 0});
    return accounts.size() - 1;
  }

  std::uint64_t left() const { return limit - std::min(limit, in_use); }

  void take(std::size_t account, std::uint64_t bytes) {
    in_use += bytes;
    accounts[account].bytes += bytes;
  }

  void give_back(std::size_t account, std::uint64_t bytes) {
    in_use -= bytes;
    accounts[account].bytes -= bytes;
  }

  std::vector<Account> holders() const {
    std::vector<Account> out;
    for (const Account& account : accounts) {
      if (account.bytes != 0) out.push_back(account);
    }
    std::ranges::sort(out, [](const Account& a, const Account& b) {
      return a.bytes != b.bytes ? a.bytes > b.bytes : a.name < b.name;
    });
    return out;
  }

  [[noreturn]] void refuse(std::size_t account, std::uint64_t bytes) const {
    std::string held;
    for (const Account& holder : holders()) {
      held += (held.empty() ? ", in use: " : ", ") + holder.name + " " + byte_text(holder.bytes);
    }
    throw ResourceExhausted(
        "{} needs {}, but {} of the memory budget of {} are left{}; use a smaller model or "
        "context, or a larger budget",
        accounts[account].name, byte_text(bytes), byte_text(left()), byte_text(limit), held);
  }

  const std::uint64_t limit;
  mutable std::mutex mutex;
  std::uint64_t in_use = 0;
  std::vector<Account> accounts;
};

ByteLedger::Reservation::Reservation(std::shared_ptr<State> state, std::size_t account,
                                     std::uint64_t bytes, std::unique_ptr<Reservation> of_whole)
    : state_(std::move(state)), account_(account), bytes_(bytes), of_whole_(std::move(of_whole)) {
  state_->take(account_, bytes_);
}

ByteLedger::Reservation::Reservation(Reservation&& other) noexcept
    : state_(std::move(other.state_)),
      account_(other.account_),
      bytes_(std::exchange(other.bytes_, 0)),
      of_whole_(std::move(other.of_whole_)) {}

ByteLedger::Reservation& ByteLedger::Reservation::operator=(Reservation&& other) noexcept {
  Reservation taken(std::move(other));
  std::swap(state_, taken.state_);
  std::swap(account_, taken.account_);
  std::swap(bytes_, taken.bytes_);
  std::swap(of_whole_, taken.of_whole_);
  return *this;
}

ByteLedger::Reservation::~Reservation() {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  state_->give_back(account_, bytes_);
}

ByteLedger::ByteLedger(std::uint64_t limit) : state_(std::make_shared<State>(limit)) {}
ByteLedger::ByteLedger(std::uint64_t limit, ByteLedger& whole)
    : state_(std::make_shared<State>(limit)), whole_(&whole) {}

ByteLedger::Reservation ByteLedger::reserve(std::uint64_t bytes, std::string_view what) {
  std::unique_ptr<Reservation> of_whole;
  if (whole_ != nullptr) of_whole = std::make_unique<Reservation>(whole_->reserve(bytes, what));
  const std::lock_guard lock(state_->mutex);
  const std::size_t account = state_->account_of(what);
  if (bytes > state_->left()) state_->refuse(account, bytes);
  return {state_, account, bytes, std::move(of_whole)};
}

ByteLedger::Reservation ByteLedger::charge(std::uint64_t bytes, std::string_view what) {
  std::unique_ptr<Reservation> of_whole;
  if (whole_ != nullptr) of_whole = std::make_unique<Reservation>(whole_->charge(bytes, what));
  const std::lock_guard lock(state_->mutex);
  return {state_, state_->account_of(what), bytes, std::move(of_whole)};
}

std::uint64_t ByteLedger::limit() const { return state_->limit; }

std::uint64_t ByteLedger::in_use() const {
  const std::lock_guard lock(state_->mutex);
  return state_->in_use;
}

std::uint64_t ByteLedger::free() const {
  const std::uint64_t of_whole = whole_ == nullptr ? UINT64_MAX : whole_->free();
  const std::lock_guard lock(state_->mutex);
  return std::min(of_whole, state_->left());
}

std::vector<ByteLedger::Account> ByteLedger::accounts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->holders();
}

}  // namespace sirocco
