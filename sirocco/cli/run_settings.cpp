#include "sirocco/cli/run_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

template <class T>
bool parse(std::string_view text, T min, T max, T& out) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, value);
  // Written so that a NaN is out of range.
  if (status != std::errc() || rest != end || !(value >= min && value <= max)) return false;
  out = value;
  return true;
}

template <float SamplingParams::*Field, int Least, int Most, bool OpenBelow = false>
bool assign_float(RunSettings& settings, std::string_view text) {
  float value = 0;
  if (!parse(text, static_cast<float>(Least), static_cast<float>(Most), value)) return false;
  if (OpenBelow && value <= static_cast<float>(Least)) return false;
  settings.sampling.*Field = value;
  return true;
}

template <float SamplingParams::*Field>
std::string show_float(const RunSettings& settings) {
  return fmt::format("{}", settings.sampling.*Field);
}

constexpr std::int64_t kMaxTopK = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;

constexpr std::array kTable = {
    Setting{"temp", "--temp", "how freely tokens are chosen; 0: always the likeliest",
            assign_float<&SamplingParams::temperature, 0, 100>,
            show_float<&SamplingParams::temperature>, "a number from 0 to 100"},
    Setting{"top_k", "--top-k", "choose among the K likeliest tokens; 0: all",
            [](RunSettings& s, std::string_view text) {
              return parse(text, std::int64_t{0}, kMaxTopK, s.sampling.top_k);
            },
            [](const RunSettings& s) { return fmt::format("{}", s.sampling.top_k); },
            "a whole number, 0 or more"},
    Setting{"top_p", "--top-p", "choose among the likeliest that hold this probability; 1: all",
            assign_float<&SamplingParams::top_p, 0, 1>, show_float<&SamplingParams::top_p>,
            "a number from 0 to 1"},
    Setting{"min_p", "--min-p",
            "leave out tokens below this part of the likeliest's probability; 0: none",
            assign_float<&SamplingParams::min_p, 0, 1>, show_float<&SamplingParams::min_p>,
            "a number from 0 to 1"},
    Setting{"typical", "--typical", "choose among the most typical that hold this probability",
            assign_float<&SamplingParams::typical_p, 0, 1, true>,
            show_float<&SamplingParams::typical_p>, "a number above 0, up to 1"},
    Setting{"repeat_penalty", "--repeat-penalty", "weaken tokens that were there lately; 1: don't",
            assign_float<&SamplingParams::repetition_penalty, 0, 100, true>,
            show_float<&SamplingParams::repetition_penalty>, "a number above 0, up to 100"},
    Setting{"presence_penalty", "--presence-penalty", "weaken tokens that were there; 0: don't",
            assign_float<&SamplingParams::presence_penalty, -2, 2>,
            show_float<&SamplingParams::presence_penalty>, "a number from -2 to 2"},
    Setting{"frequency_penalty", "--frequency-penalty",
            "weaken tokens each time that they come; 0: don't",
            assign_float<&SamplingParams::frequency_penalty, -2, 2>,
            show_float<&SamplingParams::frequency_penalty>, "a number from -2 to 2"},
    Setting{"seed", "--seed", "begin of the random numbers, to repeat an answer; or random",
            [](RunSettings& s, std::string_view text) {
              std::uint64_t value = 0;
              if (text == "random") {
                s.seed.reset();
                return true;
              }
              if (!parse(text, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(), value))
                return false;
              s.seed = value;
              return true;
            },
            [](const RunSettings& s) {
              return s.seed ? fmt::format("{}", *s.seed) : std::string("random");
            },
            "a whole number, 0 or more, or random"},
    Setting{"n", "-n,--max-tokens", "tokens of an answer at most; or default",
            [](RunSettings& s, std::string_view text) {
              std::int64_t value = 0;
              if (text == "default") {
                s.max_tokens.reset();
                return true;
              }
              if (!parse(text, std::int64_t{1}, kMaxTokens, value)) return false;
              s.max_tokens = value;
              return true;
            },
            [](const RunSettings& s) {
              return s.max_tokens ? fmt::format("{}", *s.max_tokens) : std::string("default");
            },
            "a whole number from 1 to 16777216, or default"},
};

bool same_name(std::string_view name, std::string_view typed) {
  return std::ranges::equal(name, typed,
                            [](char a, char b) { return a == b || (a == '_' && b == '-'); });
}

}  // namespace

std::span<const Setting> run_settings_table() { return kTable; }

const Setting* find_setting(std::string_view name) {
  const auto row =
      std::ranges::find_if(kTable, [&](const Setting& s) { return same_name(s.name, name); });
  return row == kTable.end() ? nullptr : &*row;
}

std::string setting_names() {
  std::string names;
  for (const Setting& s : kTable) {
    if (!names.empty()) names += ", ";
    names += s.name;
  }
  return names;
}

void assign_setting(RunSettings& settings, std::string_view name, std::string_view value) {
  const Setting* const row = find_setting(name);
  if (row == nullptr)
    throw InvalidArgument("no setting {}; there are {}", sirocco::quoted(name), setting_names());
  if (!row->assign(settings, value)) {
    throw InvalidArgument("{} can't be {}; expected {}", row->name, sirocco::quoted(value),
                          row->range);
  }
}

}  // namespace sirocco
