#include "sirocco/pipeline/text_stages.hpp"

#include <chrono>

namespace sirocco {

namespace {

TokenBatch token_batch(const StagedStep& step, TransformContext& context) {
  std::vector<GivenRows> given;
  given.reserve(step.given.size());
  for (const StagedEmbeddings& run : step.given) {
    const std::int64_t rows = std::ssize(run.values) / run.width;
    given.push_back(
        {run.first, context.ops().upload(context.held(), run.values, {rows, run.width})});
  }
  return TokenBatch(step.tokens, std::move(given));
}

}  // namespace

template <class Self, class Body>
void TextStages::for_each(Self& self, Body body) {
  if (auto* whole = std::get_if<PlacedStage<Whole>>(&self.stages_)) {
    body(*whole, 0, "whole");
    return;
  }
  auto& chain = std::get<Chain>(self.stages_);
  int number = 0;
  body(chain.head, number++, "head");
  for (auto& middle : chain.middles) body(middle, number++, "middle");
  body(chain.tail, number, "tail");
}

std::optional<Head> TextStages::embedding_parts() const {
  const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_);
  if (whole == nullptr) return std::nullopt;
  const Whole& parts = whole->stage.parts();
  return Head(AnyEmbed(parts), AnyBlocks(parts));
}

std::vector<StagePlacement> TextStages::placement() const {
  std::vector<StagePlacement> out;
  for_each(*this, [&](const auto& stage, int, std::string_view role) {
    out.push_back({role, stage.backend->name()});
  });
  return out;
}

std::vector<const CacheLayout*> TextStages::layouts() const {
  std::vector<const CacheLayout*> out;
  for_each(*this, [&](const auto& placed, int, std::string_view) {
    out.push_back(&placed.stage.cache_layout());
  });
  return out;
}

void TextStages::allocate(const CachePools& pools, ByteLedger& ledger) {
  for_each(*this, [&](auto& placed, int number, std::string_view) {
    placed.allocate(pools.shape(number), ledger);
  });
}

void TextStages::run(const StagedStep& step, const PipelineHooks& hooks, Show show) {
  using Clock = std::chrono::steady_clock;
  // Of every stage first: whatever becomes of the step, its commands are owed to other sequences.
  views_.clear();
  for_each(*this, [&](auto& placed, int number, std::string_view) {
    views_.push_back(&placed.cache->apply(step.caches.stages[static_cast<std::size_t>(number)],
                                          *placed.backend));
  });

  // Each stage has a context of its own, which ends before the next one's begins.
  for_each(*this, [&]<class Role>(PlacedStage<Role>& placed, int number, std::string_view) {
    const auto begin = Clock::now();
    const auto finished = [&] {
      if (!hooks.stage) return;
      const std::chrono::duration<double> took = Clock::now() - begin;
      hooks.stage({number, step.rows.rows(), took.count()});
    };
    TransformContext context(*placed.backend, placed.memory, step.rows,
                             *views_[static_cast<std::size_t>(number)]);
    auto out = [&] {
      if constexpr (Embeds<Role>) {
        return placed.stage.run(token_batch(step, context), context);
      } else {
        return placed.stage.run(receive(sent_, context), context);
      }
    }();
    if constexpr (HasLmHead<Role>) {
      const Tensor& logits = out.values();
      const std::span<const float> values =
          logits.rows() > 0 ? placed.backend->read(logits) : std::span<const float>();
      finished();
      if (values.empty()) return;
      show(values, static_cast<std::size_t>(logits.columns()), placed.backend->host_threads());
    } else {
      send(out, context, sent_);
      if (hooks.sent) hooks.sent(number, sent_.bytes());
      finished();
    }
  });
}

}  // namespace sirocco
