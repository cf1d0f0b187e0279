#include "sirocco/pipeline/row_outcomes.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/logit_scan.hpp"

namespace sirocco {

namespace {

/// One token, or why there is none.
std::variant<ChosenToken, StepFault> chosen(const WantToken& want, std::uint32_t choice,
                                            Position position, std::span<const float> logits,
                                            SamplerScratch& scratch) {
  const Sampled sampled = want.sampler->sample(logits, want.own, position, choice, scratch);
  if (const auto* fault = std::get_if<StepFault>(&sampled)) return *fault;
  ChosenToken out{std::get<TokenId>(sampled)};
  if (want.alternatives) {
    out.log_probability = log_probability(logits, out.token, scratch);
    out.likeliest = likeliest(logits, *want.alternatives, scratch);
  }
  return out;
}

RowOutcome all_chosen(const WantToken& want, Position position, std::span<const float> logits,
                      SamplerScratch& scratch) {
  ChosenTokens tokens;
  for (std::uint32_t choice = want.choice; choice < want.choice + want.choices; ++choice) {
    auto one = chosen(want, choice, position, logits, scratch);
    if (const auto* fault = std::get_if<StepFault>(&one)) return *fault;
    // What is usual allocates nothing.
    if (want.choices == 1) return std::move(std::get<ChosenToken>(one));
    tokens.push_back(std::move(std::get<ChosenToken>(one)));
  }
  return tokens;
}

ChosenToken score(const WantScore& want, std::span<const float> logits, SamplerScratch& scratch) {
  ChosenToken token{.token = want.following};
  if (!make_distribution(logits)) return token;
  token.log_probability = log_probability(logits, token.token, scratch);
  token.likeliest = likeliest(logits, want.alternatives, scratch);
  return token;
}

}  // namespace

void RowOutcomes::make(std::span<const WantedRow> wanted, std::span<const float> logits,
                       ThreadGroup& threads, StepOutcome& out) {
  const auto vocabulary = static_cast<std::size_t>(vocabulary_);
  SIROCCO_CHECK(logits.size() == wanted.size() * vocabulary);
  while (std::ssize(scratch_) < threads.size())
    scratch_.emplace_back().reserve(vocabulary_, max_context_);
  place_.clear();
  std::size_t going_on = 0;
  for (const WantedRow& row : wanted) {
    place_.push_back(going_on);
    if (std::holds_alternative<WantRowLogits>(row.what)) ++going_on;
  }
  out.rows.resize(wanted.size());
  out.logits.resize(going_on * vocabulary);
  threads.for_ranges(std::ssize(wanted), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    SamplerScratch& scratch = scratch_[static_cast<std::size_t>(thread)];
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const std::span<const float> row = logits.subspan(i * vocabulary, vocabulary);
      if (const auto* token = std::get_if<WantToken>(&wanted[i].what)) {
        out.rows[i] = all_chosen(*token, wanted[i].next, row, scratch);
      } else if (const auto* known = std::get_if<WantScore>(&wanted[i].what)) {
        out.rows[i] = score(*known, row, scratch);
      } else {
        out.rows[i] = RowLogits{};
        std::ranges::copy(row, std::span(out.logits).subspan(place_[i] * vocabulary).begin());
      }
    }
  });
}

}  // namespace sirocco
