#include "sirocco/text/spelling/merges.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace sirocco {
namespace {

// Up to this length a scan for the smallest rank beats a heap.
constexpr std::size_t kScanLength = 32;
constexpr std::int32_t kNoRank = std::numeric_limits<std::int32_t>::max();

}  // namespace

void MergeTable::append(std::uint64_t pair, TokenId merged) {
  index_.insert(mix_product(pair ^ index_.seed(), 0x9E3779B97F4A7C15ULL),
                static_cast<std::int32_t>(rules_.size()));
  rules_.push_back({pair, merged});
}

void MergeTable::add(TokenId left, TokenId right, TokenId merged) {
  if (rank(left, right) < 0) append(pair_of(left, right), merged);
}

void MergeTable::set(TokenId left, TokenId right, std::optional<TokenId> merged) {
  const std::int32_t before = rank(left, right);
  // No two tokens have these ids, so nothing finds the old rule any more.
  if (before >= 0)
    rules_[static_cast<std::size_t>(before)].pair = pair_of(TokenId(-1), TokenId(-1));
  if (merged) append(pair_of(left, right), *merged);
}

void MergeTable::apply(std::vector<TokenId>& word, TokenizeStats& stats) const {
  if (word.size() < 2) return;
  if (word.size() <= kScanLength) {
    apply_by_scan(word, stats);
  } else {
    apply_by_heap(word, stats);
  }
}

void MergeTable::apply_by_scan(std::vector<TokenId>& word, TokenizeStats& stats) const {
  std::size_t size = word.size();
  std::array<std::int32_t, kScanLength> ranks;  // ranks[i]: of word[i] with word[i + 1]
  const auto rank_at = [&](std::size_t i) {
    const std::int32_t found = rank(word[i], word[i + 1]);
    return found < 0 ? kNoRank : found;
  };
  for (std::size_t i = 0; i + 1 < size; ++i) ranks[i] = rank_at(i);
  stats.merge_steps += size;
  while (size > 1) {
    const auto best =
        std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(size - 1));
    if (*best == kNoRank) break;
    const auto at = static_cast<std::size_t>(best - ranks.begin());
    word[at] = rules_[static_cast<std::size_t>(*best)].merged;
    for (std::size_t i = at + 1; i + 1 < size; ++i) {
      word[i] = word[i + 1];
      ranks[i - 1] = ranks[i];
    }
    --size;
    if (at + 1 < size) ranks[at] = rank_at(at);
    if (at > 0) ranks[at - 1] = rank_at(at - 1);
    ++stats.merge_steps;
  }
  word.resize(size);
}

void MergeTable::apply_by_heap(std::vector<TokenId>& word, TokenizeStats& stats) const {
  struct Link {
    std::uint32_t previous;
    std::uint32_t next;
  };
  struct Candidate {
    std::int32_t rank;
    std::uint32_t at;
    std::uint64_t pair;
  };
  // Heaps of the standard library keep the largest on top.
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  const auto size = static_cast<std::uint32_t>(word.size());
  std::vector<Link> links(size);
  std::vector<Candidate> heap;
  heap.reserve(size);
  const auto candidate = [&](std::uint32_t left, std::uint32_t right) -> std::optional<Candidate> {
    const std::int32_t found = rank(word[left], word[right]);
    if (found < 0) return std::nullopt;
    return Candidate{found, left, pair_of(word[left], word[right])};
  };
  const auto push = [&](std::uint32_t left, std::uint32_t right) {
    if (const auto found = candidate(left, right)) {
      heap.push_back(*found);
      std::push_heap(heap.begin(), heap.end(), later);
      ++stats.merge_steps;
    }
  };

  for (std::uint32_t i = 0; i < size; ++i) {
    links[i] = {i == 0 ? kNone : i - 1, i + 1 == size ? kNone : i + 1};
    if (i + 1 == size) continue;
    if (const auto found = candidate(i, i + 1)) heap.push_back(*found);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  stats.merge_steps += size;

  // A token that was merged away is marked by an id that no vocabulary has.
  constexpr TokenId kGone(-1);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate top = heap.back();
    heap.pop_back();
    ++stats.merge_steps;
    if (word[top.at] == kGone) continue;
    const std::uint32_t right = links[top.at].next;
    if (right == kNone || pair_of(word[top.at], word[right]) != top.pair) continue;

    word[top.at] = rules_[static_cast<std::size_t>(top.rank)].merged;
    word[right] = kGone;
    const std::uint32_t next = links[right].next;
    links[top.at].next = next;
    if (next != kNone) {
      links[next].previous = top.at;
      push(top.at, next);
    }
    if (links[top.at].previous != kNone) push(links[top.at].previous, top.at);
  }
  std::erase(word, kGone);
}

}  // namespace sirocco
