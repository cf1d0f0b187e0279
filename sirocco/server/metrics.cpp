#include "sirocco/server/metrics.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {
namespace {

/// The lanes that are there, each with its labels.
struct Offered {
  std::string labels;  // model="…"
  ModelLease lease;
  const LaneStatistics* statistics;
};

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::vector<Offered> lanes_of(const ServedModels& models) {
  std::vector<Offered> lanes;
  for (const ModelLease& model : models.list()) {
    const std::string labels = fmt::format("model=\"{}\"", label_value(model->name));
    lanes.push_back({labels, model, &model->statistics()});
  }
  return lanes;
}

class Page {
 public:
  void head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out_), "# HELP sirocco_{0} {2}\n# TYPE sirocco_{0} {1}\n",
                   name, type, help);
  }
  template <class T>
  void value(std::string_view name, std::string_view labels, T value) {
    fmt::format_to(std::back_inserter(out_), "sirocco_{}{}{}{} {}\n", name,
                   labels.empty() ? "" : "{", labels, labels.empty() ? "" : "}", value);
  }
  void histogram(std::string_view name, std::string_view labels,
                 const Histogram::Snapshot& snapshot) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
      below += snapshot.counts[i];
      const std::string bound =
          i < snapshot.bounds.size() ? fmt::format("{}", snapshot.bounds[i]) : "+Inf";
      value(fmt::format("{}_bucket", name), fmt::format("{},le=\"{}\"", labels, bound), below);
    }
    value(fmt::format("{}_sum", name), labels, snapshot.sum);
    value(fmt::format("{}_count", name), labels, below);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

struct Number {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*of)(const LaneStatistics&);
};
constexpr std::array kNumbers = {
    Number{"requests_waiting", "gauge", "Requests that wait for room.",
           [](const LaneStatistics& s) { return static_cast<double>(s.queued); }},
    Number{"requests_running", "gauge", "Requests that are being served.",
           [](const LaneStatistics& s) { return static_cast<double>(s.active); }},
    Number{"prompt_tokens_total", "counter", "Tokens of prompts of requests that were begun.",
           [](const LaneStatistics& s) { return static_cast<double>(s.prompt_rows); }},
    Number{"cached_prompt_tokens_total", "counter", "Of these, tokens found in the prefix cache.",
           [](const LaneStatistics& s) { return static_cast<double>(s.cached_rows); }},
    Number{"generated_tokens_total", "counter", "Tokens of answers that have ended.",
           [](const LaneStatistics& s) { return static_cast<double>(s.generated_rows); }},
    Number{"cache_blocks", "gauge", "Blocks of the cache.",
           [](const LaneStatistics& s) { return static_cast<double>(s.cache().blocks); }},
    Number{"cache_blocks_held", "gauge", "Blocks that running requests hold.",
           [](const LaneStatistics& s) { return static_cast<double>(s.cache().held); }},
    Number{"cache_blocks_known", "gauge", "Blocks whose contents are kept for later requests.",
           [](const LaneStatistics& s) { return static_cast<double>(s.cache().idle); }},
    Number{"cache_blocks_available", "gauge", "Blocks that are not promised to a request.",
           [](const LaneStatistics& s) { return static_cast<double>(s.cache().available); }},
    Number{
        "cache_evictions_total", "counter", "Known blocks that were given up for room.",
        [](const LaneStatistics& s) { return static_cast<double>(s.cache().prefixes.evictions); }},
};

struct Distribution {
  std::string_view name;
  std::string_view help;
  const Histogram LaneStatistics::*of;
};
constexpr std::array kDistributions = {
    Distribution{"time_to_first_token_seconds", "From a request's arrival to its first token.",
                 &LaneStatistics::first_seconds},
    Distribution{"inter_token_seconds", "From one token of a request to its next.",
                 &LaneStatistics::gap_seconds},
    Distribution{"queue_seconds", "From a request's arrival to its admission.",
                 &LaneStatistics::queue_seconds},
    Distribution{"step_seconds", "Time of a step.", &LaneStatistics::step_seconds},
    Distribution{"step_requests", "Requests that take part in a step.",
                 &LaneStatistics::step_works},
    Distribution{"step_tokens", "Tokens that a step computes.", &LaneStatistics::step_rows},
};

constexpr std::array kReasons = {FinishReason::kStop,        FinishReason::kLength,
                                 FinishReason::kContextFull, FinishReason::kTimeLimit,
                                 FinishReason::kCancelled,   FinishReason::kFailed};
static_assert(kReasons.size() == kFinishReasons);

void write_exchanges(Page& page, const ExchangeCounts& exchanges) {
  const auto counts = exchanges.counts();
  page.head("http_requests_total", "counter", "Requests of HTTP that have ended, by route.");
  std::map<std::string_view, std::uint64_t> refusals;
  for (const auto& [key, count] : counts) {
    const auto& [route, status] = key;
    page.value("http_requests_total",
               fmt::format("route=\"{}\",status=\"{}\"", label_value(route), status), count);
    if (const std::string_view reason = refusal_reason(status); !reason.empty())
      refusals[reason] += count;
  }
  page.head("refusals_total", "counter", "Requests of HTTP that weren't answered, by why.");
  for (const auto& [reason, count] : refusals)
    page.value("refusals_total", fmt::format("reason=\"{}\"", reason), count);
}

}  // namespace

std::string metrics_text(const Service& service) {
  const Engine& engine = service.engine();
  const std::vector<Offered> lanes = lanes_of(service.models());
  Page page;
  page.head("build_info", "gauge", "The program's version.");
  page.value("build_info", "version=\"" SIROCCO_VERSION "\"", 1);
  page.head("model_info", "gauge", "The models that are offered.");
  for (const Offered& lane : lanes) {
    page.value("model_info",
               fmt::format("{},architecture=\"{}\",context=\"{}\"", lane.labels,
                           label_value(lane.lease->info().architecture), lane.lease->context()),
               1);
  }
  page.head("steps_total", "counter", "Steps of the engine.");
  page.value("steps_total", "", engine.stats().steps);
  page.head("memory_bytes", "gauge", "Memory of weights, caches and steps.");
  page.value("memory_bytes", "", engine.machine().ledger().in_use());
  const openai::ResponseStore::Held kept = service.responses().held();
  page.head("responses_kept", "gauge", "Responses that are kept, to be gone on from.");
  page.value("responses_kept", "", kept.responses);
  page.head("responses_kept_bytes", "gauge", "What they take.");
  page.value("responses_kept_bytes", "", kept.bytes);
  for (const Number& number : kNumbers) {
    page.head(number.name, number.type, number.help);
    for (const Offered& lane : lanes)
      page.value(number.name, lane.labels, number.of(*lane.statistics));
  }
  page.head("requests_total", "counter", "Requests that have ended, by how.");
  for (const Offered& lane : lanes) {
    for (const FinishReason reason : kReasons) {
      page.value("requests_total",
                 fmt::format("{},reason=\"{}\"", lane.labels, finish_reason_name(reason)),
                 lane.statistics->finished[static_cast<std::size_t>(reason)].load());
    }
  }
  write_exchanges(page, service.exchanges());
  for (const Distribution& distribution : kDistributions) {
    page.head(distribution.name, "histogram", distribution.help);
    for (const Offered& lane : lanes)
      page.histogram(distribution.name, lane.labels,
                     (lane.statistics->*distribution.of).snapshot());
  }
  return page.take();
}

}  // namespace sirocco
