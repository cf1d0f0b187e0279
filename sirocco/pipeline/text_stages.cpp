#include "sirocco/pipeline/text_stages.hpp"

#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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

int TextStages::size() const {
  const auto* chain = std::get_if<Chain>(&stages_);
  return chain == nullptr ? 1 : static_cast<int>(chain->behind->layouts().size()) + 1;
}

std::optional<Head> TextStages::embedding_parts() const {
  const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_);
  if (whole == nullptr) return std::nullopt;
  const Whole& parts = whole->stage.parts();
  return Head(AnyEmbed(parts), AnyBlocks(parts));
}

std::vector<StagePlacement> TextStages::placement() const {
  if (const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return {{"whole", whole->backend->name()}};
  const Chain& chain = std::get<Chain>(stages_);
  std::vector<StagePlacement> out = chain.behind->placement();
  std::visit(
      [&](const auto& head) {
        out.insert(out.begin(), {"head", head.backend->name()});
      },
      chain.head);
  return out;
}

std::vector<const CacheLayout*> TextStages::layouts() const {
  if (const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return {&whole->stage.cache_layout()};
  const Chain& chain = std::get<Chain>(stages_);
  std::vector<const CacheLayout*> out = chain.behind->layouts();
  std::visit([&](const auto& head) { out.insert(out.begin(), &head.stage.cache_layout()); },
             chain.head);
  return out;
}

std::vector<CacheRoom> TextStages::rooms() const {
  if (const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return {usual_cache_room(*whole->ledger)};
  const Chain& chain = std::get<Chain>(stages_);
  std::vector<CacheRoom> out = chain.behind->rooms();
  std::visit([&](const auto& head) { out.insert(out.begin(), usual_cache_room(*head.ledger)); },
             chain.head);
  return out;
}

void TextStages::start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits,
                       const PipelineHooks& hooks) {
  hooks_ = &hooks;
  limits_ = std::move(limits);
  if (auto* whole = std::get_if<PlacedStage<Whole>>(&stages_)) {
    whole->allocate(pools.shape(0));
    outcomes_.emplace(limits_->vocabulary, limits_->max_context);
    return;
  }
  Chain& chain = std::get<Chain>(stages_);
  std::visit([&](auto& head) { head.allocate(pools.shape(0)); }, chain.head);
  if (auto* sharded = std::get_if<PlacedStage<ShardedHead>>(&chain.head))
    chain.logits.emplace(*sharded, *limits_);
  chain.behind->start(pools, limits_);
}

void TextStages::tell(const StagedStep& step, double seconds) {
  if (hooks_->stage) hooks_->stage({0, step.rows.rows(), seconds});
}

void TextStages::run_whole(PlacedStage<Whole>& whole, const StagedStep& step,
                           StepOutcome& outcome) {
  const double began = now_s();
  // Whatever becomes of the step, its commands are owed to other sequences.
  const CacheViews& views = whole.cache->apply(step.caches.stages.front(), *whole.backend);
  TransformContext context(*whole.backend, whole.memory, step.rows, views);
  const auto out = whole.stage.run(token_batch(step, context), context);
  const Tensor& logits = out.values();
  const std::span<const float> values =
      logits.rows() > 0 ? whole.backend->read(logits) : std::span<const float>();
  tell(step, now_s() - began);
  outcomes_->make(step.wanted, values, whole.backend->host_threads(), outcome);
}

Frame TextStages::run_head(Chain& chain, const StagedStep& step, std::uint64_t number) {
  return std::visit(
      [&](auto& head) {
        const CacheViews& views = head.cache->apply(step.caches.stages.front(), *head.backend);
        try {
          TransformContext context(*head.backend, head.memory, step.rows, views);
          send(head.stage.run(token_batch(step, context), context), context, chain.hidden);
        } catch (const std::exception& e) {
          return error_frame(e, number, 0);
        }
        if (hooks_->sent) hooks_->sent(0, chain.hidden.bytes());
        return activation_frame(chain.hidden, number);
      },
      chain.head);
}

void TextStages::submit(const StagedStep& step, Sequences sequences, StepOutcome& outcome) {
  if (auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return run_whole(*whole, step, outcome);
  Chain& chain = std::get<Chain>(stages_);
  if (lost_) throw PeerLost(*lost_);
  try {
    submit_to(chain, step, sequences, outcome);
  } catch (const PeerLost& loss) {
    lose(chain, loss);
  } catch (const std::exception& e) {
    // Some stages may have the step, and others not.
    lose(chain, PeerLost(0, e.what()));
  }
}

void TextStages::lose(Chain& chain, const PeerLost& loss) {
  lost_ = loss;
  chain.behind->transport().fail(loss.what());
  if (hooks_->lost) hooks_->lost(loss.what());
  throw PeerLost(*lost_);
}

void TextStages::submit_to(Chain& chain, const StagedStep& step, Sequences sequences,
                           StepOutcome& outcome) {
  AnyTransport& transport = chain.behind->transport();
  const std::uint64_t number = next_step_++;
  const int tail = size() - 1;
  for (int stage = 1; stage <= tail; ++stage) {
    const bool chooses = stage == tail && !chain.logits;
    transport.send(stage, chooses ? chain.writer.step_of_tail(step, number, stage,
                                                              sequences == Sequences::kLast)
                                  : chain.writer.step(step, number, stage));
  }
  const double began = now_s();
  Frame activation = run_head(chain, step, number);
  const double seconds = now_s() - began;
  transport.send(1, std::move(activation));
  flights_.push_back({number, &step, &outcome, seconds});
}

void TextStages::wait() {
  auto* chain = std::get_if<Chain>(&stages_);
  if (chain == nullptr) return;
  SIROCCO_CHECK(!flights_.empty());
  Flight flight = flights_.front();
  flights_.pop_front();
  if (lost_) throw PeerLost(*lost_);
  std::exception_ptr failed;
  try {
    failed = chain->logits ? take_shards(*chain, flight) : take(*chain, flight);
  } catch (const PeerLost& loss) {
    lose(*chain, loss);
  }
  if (failed) std::rethrow_exception(failed);
}

namespace {

/// What `read` makes of something that a stage sent. Throws PeerLost for what can't be: nothing
/// that comes of it later can be relied on.
template <class F>
auto read_of(int stage, F read) {
  try {
    return read();
  } catch (const FormatError& e) {
    throw PeerLost(stage, fmt::format("it sent what can't be: {}", e.what()));
  }
}

}  // namespace

Frame TextStages::receive(Chain& chain, const Flight& flight) {
  constexpr Seconds kForever = std::numeric_limits<Seconds>::infinity();
  while (true) {
    std::optional<Received> received = chain.behind->transport().receive(kForever);
    if (!received) continue;
    const int from = received->from;
    Frame& frame = received->frame;
    const FrameKind kind = frame.header.kind;
    if (kind == FrameKind::kShutdown) throw PeerLost(from, "it ended by itself");
    if (kind == FrameKind::kReport) {
      const StageReport report = read_of(from, [&] { return read_report(frame, from); });
      if (hooks_->stage) hooks_->stage(report.timing);
      if (hooks_->sent && report.sent > 0) hooks_->sent(from, report.sent);
      continue;
    }
    const bool of_shard = kind == FrameKind::kActivation || kind == FrameKind::kLogits;
    const bool answers =
        kind == FrameKind::kError || (chain.logits ? of_shard : kind == FrameKind::kTokens);
    read_of(from, [&] {
      if (!answers || from != size() - 1 || frame.header.step != flight.number) {
        throw FormatError("a frame '{}' of step {}; expected {} of step {}, from stage {}",
                          frame_kind_name(kind), frame.header.step,
                          chain.logits ? "logits" : "tokens", flight.number, size() - 1);
      }
    });
    return std::move(frame);
  }
}

std::exception_ptr TextStages::take(Chain& chain, Flight& flight) {
  const Frame frame = receive(chain, flight);
  return read_of(size() - 1, [&]() -> std::exception_ptr {
    if (frame.header.kind == FrameKind::kError) return read_error(frame);
    read_outcome(frame, flight.step->wanted, limits_->vocabulary, *flight.outcome);
    tell(*flight.step, flight.head_seconds);
    return nullptr;
  });
}

std::exception_ptr TextStages::take_shards(Chain& chain, Flight& flight) {
  ShardedLogits& logits = *chain.logits;
  const int tail = size() - 1;
  std::exception_ptr failed;  // here: what the tail sends of the step comes all the same
  const auto run = [&](auto part) {
    if (failed) return;
    const double began = now_s();
    try {
      part();
    } catch (const std::exception& e) {
      failed = read_error(error_frame(e, flight.number, 0));
    }
    flight.head_seconds += now_s() - began;
  };
  logits.begin(*flight.step);
  while (true) {
    const Frame frame = receive(chain, flight);
    if (frame.header.kind == FrameKind::kError)
      return read_of(tail, [&] { return read_error(frame); });
    if (frame.header.kind == FrameKind::kActivation) {
      read_of(tail, [&] { logits.take_rows(frame); });
      run([&] { logits.score(); });
    } else if (read_of(tail, [&] { return logits.take_logits(frame); })) {
      run([&] { logits.make(*flight.outcome); });
      if (!failed) tell(*flight.step, flight.head_seconds);
      return failed;
    }
  }
}

void TextStages::finish(SequenceId sequence) {
  auto* chain = std::get_if<Chain>(&stages_);
  if (chain == nullptr) return;
  std::optional<Frame> frame = chain->writer.finished(sequence);
  if (!frame || lost_) return;
  try {
    chain->behind->transport().send(size() - 1, std::move(*frame));
  } catch (const PeerLost&) {  // the next step tells
  }
}

}  // namespace sirocco
