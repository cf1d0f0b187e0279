#include <algorithm>
#include <deque>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"

namespace sirocco {

/// The parts of a sequence on their way through the stages, as many at a time as may be.
class LanguagePipeline::Scoring {
 public:
  Scoring(LanguagePipeline& pipeline, SequenceCache& cache, VisitLogits visit)
      : pipeline_(pipeline), cache_(cache), visit_(visit) {}
  Scoring(const Scoring&) = delete;
  Scoring& operator=(const Scoring&) = delete;
  // What is under way when a step fails borrows from the sequence.
  ~Scoring() {
    while (!parts_.empty()) {
      try {
        end_oldest();
      } catch (const std::exception&) {  // the first failure is told
      }
    }
  }

  /// Begins the part whose first row has that number, when there is room for it.
  void add(const TextRows& rows, std::int64_t first) {
    while (is_full(rows.size())) show_oldest();
    std::unique_ptr<Step> step = pipeline_.empty_step();
    step->items.assign(1, {SequenceId(0), &cache_, rows, WantLogits{.all_rows = true}});
    parts_.push_back({pipeline_.begin(std::move(step), TextStages::Sequences::kOfStep), first});
  }
  void finish() {
    while (!parts_.empty()) show_oldest();
  }

 private:
  struct Part {
    Ticket ticket;
    std::int64_t first;
  };

  bool is_full(std::int64_t more) const {
    if (parts_.empty()) return false;
    return std::ssize(parts_) == pipeline_.limits_->max_steps_in_flight ||
           cache_.under_way() + more > pipeline_.options_.max_step;
  }
  std::unique_ptr<Step> end_oldest() {
    Part part = std::move(parts_.front());
    parts_.pop_front();
    return pipeline_.end(std::move(part.ticket));
  }
  void show_oldest() {
    std::int64_t row = parts_.front().first;
    std::unique_ptr<Step> step = end_oldest();
    const auto vocabulary = static_cast<std::size_t>(pipeline_.info_.vocabulary);
    for (std::span<const float> rest = step->outcome.logits; !rest.empty();
         rest = rest.subspan(vocabulary))
      visit_(row++, rest.first(vocabulary));
    cache_.end_step();
    pipeline_.spare_.push_back(std::move(step));
  }

  LanguagePipeline& pipeline_;
  SequenceCache& cache_;
  VisitLogits visit_;
  std::deque<Part> parts_;  // under way, the oldest first
};

void LanguagePipeline::score(TextRows rows, std::span<const int> chunks, VisitLogits visit) {
  if (rows.size() == 0) throw InvalidArgument("there are no tokens to score");
  rows.require_fit(*limits_);
  for (const int chunk : chunks) {
    if (chunk < 1 || chunk > options_.max_step) {
      throw InvalidArgument("a chunk has {} tokens; a step has 1 to {}", chunk, options_.max_step);
    }
  }
  // So that the logits of one step stay below 64 MiB, whatever the vocabulary.
  const auto affordable = (std::int64_t{16} << 20) / std::max<std::int64_t>(info_.vocabulary, 1);
  const int usual = static_cast<int>(std::clamp<std::int64_t>(affordable, 1, limits_->usual_step));
  std::optional<SequenceCache> cache = lease(length_of(rows.size()));
  if (!cache) {
    throw ResourceExhausted("no room in the cache for {} positions now: {} are free", rows.size(),
                            pools_->available_length());
  }
  Scoring scoring(*this, *cache, visit);
  std::size_t number = 0;
  for (std::int64_t first = 0; first < rows.size(); ++number) {
    const int size = chunks.empty() ? usual : chunks[std::min(number, chunks.size() - 1)];
    const TextRows rest = rows.part(first, rows.size() - first);
    const std::int64_t count = rest.without_cut(size);
    scoring.add(rest.part(0, count), first);
    first += count;
  }
  scoring.finish();
}

}  // namespace sirocco
