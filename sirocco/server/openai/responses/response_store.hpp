#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sirocco/server/http/message.hpp"
#include "sirocco/server/openai/responses/message_item.hpp"

namespace sirocco::openai {

/// A Turn is what was put in and what came out, behind the turns before it, which others may go on
/// from too. Immutable.
class Turn {
 public:
  Turn(std::shared_ptr<const Turn> before, std::vector<MessageItem> input, MessageItem output);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  /// However long the conversation is, without recursion.
  ~Turn();

  const std::shared_ptr<const Turn>& before() const { return before_; }
  const std::vector<MessageItem>& input() const { return input_; }
  const MessageItem& output() const { return output_; }
  /// Of the whole conversation.
  std::size_t items() const { return items_; }
  /// That this turn takes alone, texts and all.
  std::size_t bytes() const { return bytes_; }

 private:
  mutable std::shared_ptr<const Turn> before_;  // changed by the end alone
  std::vector<MessageItem> input_;
  MessageItem output_;
  std::size_t items_;
  std::size_t bytes_;
};

/// All items of the conversation that ends with `last`, in their order; none without it. They live
/// as long as `last`.
std::vector<const MessageItem*> items_of(const Turn* last);

/// A response that has ended.
struct StoredResponse {
  std::string body;  ///< as it was answered
  std::shared_ptr<const Turn> turn;
};

struct ResponseStoreLimits {
  std::size_t max_responses = 1024;  ///< 0: nothing is kept
  std::size_t max_bytes = std::size_t{256}
                          << 20;       ///< of what all responses stand on, texts and all
  http::Seconds max_unused_s = 86400;  ///< since it was made or last asked for
};

/// A ResponseStore keeps responses in memory, each for the key that it was made with, which alone
/// finds it. It holds no more than its limits. When there are too many, or too many bytes, the
/// least recently used one of the key that has most is forgotten. The turns before a response are
/// kept with it, also when the responses that they were are forgotten: they count once, however
/// many stand on them. Thread-safe.
class ResponseStore {
 public:
  /// `clock` is steady and thread-safe; the system's without.
  explicit ResponseStore(ResponseStoreLimits limits, std::function<http::Seconds()> clock = {});
  ResponseStore(const ResponseStore&) = delete;
  ResponseStore& operator=(const ResponseStore&) = delete;

  const ResponseStoreLimits& limits() const { return limits_; }

  /// Keeps a response. `id`, and those of the turn's items, are new; `owner` is whose key it was
  /// made with. One that alone is more than the limits allow is forgotten at once.
  void put(std::uint64_t owner, const std::string& id, StoredResponse response);
  /// The response, used by that; null where the owner has none of that id.
  std::shared_ptr<const StoredResponse> find(std::uint64_t owner, const std::string& id);
  /// An item of a response that is kept, which is used by that.
  std::optional<MessageItem> find_item(std::uint64_t owner, const std::string& id);
  /// Whether there was such a response. The conversations that went on from it stay.
  bool erase(std::uint64_t owner, const std::string& id);
  /// Forgets what wasn't used for too long, as each of the above does first. For whoever looks
  /// after the store while nobody asks it.
  void forget_unused();

  struct Held {
    std::size_t responses = 0;
    std::size_t bytes = 0;
    friend bool operator==(const Held&, const Held&) = default;
  };
  /// What it holds now, with what nobody finds any more and wasn't forgotten yet.
  Held held() const;

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<const StoredResponse> response;
    http::Seconds used_at = 0;
    std::uint64_t use = 0;  // counts all uses of the store
  };
  using Entries = std::list<Entry>;
  /// What one owner has.
  struct Shelf {
    Entries entries;  // most recently used first
    std::unordered_map<std::string, Entries::iterator> by_id;
    std::unordered_map<std::string, Entries::iterator> by_item;
    /// How many entries and later turns stand on a turn.
    std::unordered_map<const Turn*, std::size_t> leaning;
    std::size_t bytes = 0;
  };
  using Shelves = std::map<std::uint64_t, Shelf>;

  void lean_on(Shelf& shelf, const Turn* turn);
  void lean_off(Shelf& shelf, const Turn* turn);
  void use(Shelf& shelf, Entries::iterator entry);
  void forget(Shelf& shelf, Entries::iterator entry);
  void drop_unused();
  void forget_surplus();
  Held held_now() const;

  const ResponseStoreLimits limits_;
  const std::function<http::Seconds()> clock_;
  mutable std::mutex mutex_;
  Shelves shelves_;
  std::uint64_t uses_ = 0;
};

}  // namespace sirocco::openai
