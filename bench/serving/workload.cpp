#include "bench/serving/workload.hpp"

#include <array>
#include <cmath>
#include <random>
#include <string_view>

namespace sirocco::bench {
namespace {

// Common enough to be one token behind a space in any vocabulary of English.
constexpr std::array<std::string_view, 64> kWords = {
    "time",  "year",  "people", "way",   "day",   "man",    "thing", "woman", "life",  "child",
    "world", "state", "family", "house", "place", "work",   "week",  "case",  "point", "home",
    "water", "room",  "mother", "area",  "money", "story",  "fact",  "month", "lot",   "right",
    "study", "book",  "eye",    "job",   "word",  "issue",  "side",  "kind",  "head",  "night",
    "far",   "black", "little", "white", "power", "hour",   "game",  "line",  "end",   "member",
    "law",   "car",   "city",   "name",  "team",  "minute", "idea",  "body",  "back",  "parent",
    "face",  "level", "office", "door"};

/// Numbers that are the same with every standard library, unlike those of its distributions.
class Numbers {
 public:
  Numbers(std::uint64_t seed, std::uint64_t number)
      : engine_(seed * 0x9E3779B97F4A7C15U + number) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  /// In (0, 1].
  double part() { return (static_cast<double>(engine_() >> 11) + 1) * 0x1p-53; }
  int length(Lengths lengths) {
    const double least = std::log(lengths.min);
    const double span = std::log(lengths.max + 1) - least;
    return std::min(lengths.max, static_cast<int>(std::exp(least + span * (1 - part()))));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace

std::string Workload::words(std::uint64_t number, int count) const {
  Numbers numbers(seed_, number);
  std::string out;
  for (int i = 0; i < count; ++i) {
    if (i > 0) out += ' ';
    out += kWords[numbers.below(kWords.size())];
  }
  return out;
}

Plan Workload::plan(std::uint64_t number) const {
  Numbers numbers(~seed_, number);
  Plan out;
  out.prompt_words = numbers.length(prompt_);
  out.answer_tokens = numbers.length(answer_);
  out.prompt = words(number, out.prompt_words);
  return out;
}

std::vector<double> arrivals(std::uint64_t seed, double rate, int count) {
  Numbers numbers(seed, 0);
  std::vector<double> out;
  double at = 0;
  for (int i = 0; i < count; ++i) out.push_back(at += -std::log(numbers.part()) / rate);
  return out;
}

}  // namespace sirocco::bench
