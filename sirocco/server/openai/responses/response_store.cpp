#include "sirocco/server/openai/responses/response_store.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <tuple>
#include <utility>

namespace sirocco::openai {
namespace {

// What there is besides texts: ids, nodes and what allocation itself takes.
constexpr std::size_t kItemBytes = sizeof(MessageItem) + 256;
constexpr std::size_t kPartBytes = sizeof(ItemPart) + 160;
constexpr std::size_t kTurnBytes = sizeof(Turn) + 128;
constexpr std::size_t kEntryBytes = sizeof(StoredResponse) + 512;

std::size_t bytes_of(const MessageItem& item) {
  std::size_t bytes = kItemBytes;
  for (const ItemPart& part : item.parts) {
    const SentMedium* const shown = medium_of(part);
    const std::string& text = shown != nullptr ? *shown->source : std::get<std::string>(part);
    bytes += kPartBytes + text.size();
  }
  return bytes;
}

std::size_t bytes_of(const StoredResponse& response) { return kEntryBytes + response.body.size(); }

http::Seconds steady_seconds() {
  return std::chrono::duration<http::Seconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Turn::Turn(std::shared_ptr<const Turn> before, std::vector<MessageItem> input, MessageItem output)
    : before_(std::move(before)),
      input_(std::move(input)),
      output_(std::move(output)),
      items_((before_ ? before_->items() : 0) + input_.size() + 1),
      bytes_(kTurnBytes + bytes_of(output_)) {
  for (const MessageItem& item : input_) bytes_ += bytes_of(item);
}

Turn::~Turn() {
  // Whoever lets go of the last lease takes the turn before along, and so on.
  std::shared_ptr<const Turn> before = std::move(before_);
  while (before && before.use_count() == 1) before = std::move(before->before_);
}

std::vector<const MessageItem*> items_of(const Turn* last) {
  std::vector<const MessageItem*> out;
  if (last != nullptr) out.reserve(last->items());
  for (const Turn* turn = last; turn != nullptr; turn = turn->before().get()) {
    out.push_back(&turn->output());
    for (auto item = turn->input().rbegin(); item != turn->input().rend(); ++item)
      out.push_back(&*item);
  }
  std::ranges::reverse(out);
  return out;
}

ResponseStore::ResponseStore(ResponseStoreLimits limits, std::function<http::Seconds()> clock)
    : limits_(limits), clock_(clock ? std::move(clock) : steady_seconds) {}

void ResponseStore::lean_on(Shelf& shelf, const Turn* turn) {
  for (; turn != nullptr && shelf.leaning[turn]++ == 0; turn = turn->before().get())
    shelf.bytes += turn->bytes();
}

void ResponseStore::lean_off(Shelf& shelf, const Turn* turn) {
  for (; turn != nullptr; turn = turn->before().get()) {
    const auto at = shelf.leaning.find(turn);
    if (--at->second > 0) return;
    shelf.leaning.erase(at);
    shelf.bytes -= turn->bytes();
  }
}

void ResponseStore::put(std::uint64_t owner, const std::string& id, StoredResponse response) {
  const std::lock_guard lock(mutex_);
  drop_unused();
  Shelf& shelf = shelves_[owner];
  shelf.entries.push_front(
      {id, std::make_shared<const StoredResponse>(std::move(response)), clock_(), ++uses_});
  const auto entry = shelf.entries.begin();
  const Turn& turn = *entry->response->turn;
  shelf.by_id.emplace(id, entry);
  for (const MessageItem& item : turn.input()) shelf.by_item.emplace(item.id, entry);
  shelf.by_item.emplace(turn.output().id, entry);
  shelf.bytes += bytes_of(*entry->response);
  lean_on(shelf, &turn);
  forget_surplus();
}

std::shared_ptr<const StoredResponse> ResponseStore::find(std::uint64_t owner,
                                                          const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_unused();
  const auto shelf = shelves_.find(owner);
  if (shelf == shelves_.end()) return nullptr;
  const auto found = shelf->second.by_id.find(id);
  if (found == shelf->second.by_id.end()) return nullptr;
  use(shelf->second, found->second);
  return found->second->response;
}

std::optional<MessageItem> ResponseStore::find_item(std::uint64_t owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_unused();
  const auto shelf = shelves_.find(owner);
  if (shelf == shelves_.end()) return std::nullopt;
  const auto found = shelf->second.by_item.find(id);
  if (found == shelf->second.by_item.end()) return std::nullopt;
  use(shelf->second, found->second);
  const Turn& turn = *found->second->response->turn;
  const auto item = std::ranges::find(turn.input(), id, &MessageItem::id);
  return item != turn.input().end() ? *item : turn.output();
}

bool ResponseStore::erase(std::uint64_t owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_unused();
  const auto shelf = shelves_.find(owner);
  if (shelf == shelves_.end()) return false;
  const auto found = shelf->second.by_id.find(id);
  if (found == shelf->second.by_id.end()) return false;
  forget(shelf->second, found->second);
  return true;
}

void ResponseStore::forget_unused() {
  const std::lock_guard lock(mutex_);
  drop_unused();
}

ResponseStore::Held ResponseStore::held() const {
  const std::lock_guard lock(mutex_);
  return held_now();
}

ResponseStore::Held ResponseStore::held_now() const {
  Held sum;
  for (const auto& [owner, shelf] : shelves_) {
    sum.responses += shelf.entries.size();
    sum.bytes += shelf.bytes;
  }
  return sum;
}

void ResponseStore::use(Shelf& shelf, Entries::iterator entry) {
  entry->used_at = clock_();
  entry->use = ++uses_;
  shelf.entries.splice(shelf.entries.begin(), shelf.entries, entry);
}

void ResponseStore::forget(Shelf& shelf, Entries::iterator entry) {
  const Turn& turn = *entry->response->turn;
  for (const MessageItem& item : turn.input()) shelf.by_item.erase(item.id);
  shelf.by_item.erase(turn.output().id);
  shelf.by_id.erase(entry->id);
  shelf.bytes -= bytes_of(*entry->response);
  lean_off(shelf, &turn);
  shelf.entries.erase(entry);
}

void ResponseStore::drop_unused() {
  const http::Seconds now = clock_();
  for (auto& [owner, shelf] : shelves_) {
    while (!shelf.entries.empty() && now - shelf.entries.back().used_at > limits_.max_unused_s)
      forget(shelf, std::prev(shelf.entries.end()));
  }
}

void ResponseStore::forget_surplus() {
  const auto forget_of_most = [&](auto size_of) {
    const auto order = [&](const Shelves::value_type& a, const Shelves::value_type& b) {
      const auto key = [&](const Shelf& shelf) {
        return std::tuple(!shelf.entries.empty(), size_of(shelf),
                          shelf.entries.empty() ? 0 : -shelf.entries.back().use);
      };
      return key(a.second) < key(b.second);
    };
    Shelf& most = std::ranges::max_element(shelves_, order)->second;
    forget(most, std::prev(most.entries.end()));
  };
  while (held_now().responses > limits_.max_responses)
    forget_of_most([](const Shelf& shelf) { return shelf.entries.size(); });
  while (held_now().bytes > limits_.max_bytes)
    forget_of_most([](const Shelf& shelf) { return shelf.bytes; });
}

}  // namespace sirocco::openai
