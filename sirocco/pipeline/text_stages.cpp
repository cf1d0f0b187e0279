#include "sirocco/pipeline/text_stages.hpp"

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
  out.insert(out.begin(), {"head", chain.head.backend->name()});
  return out;
}

std::vector<const CacheLayout*> TextStages::layouts() const {
  if (const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return {&whole->stage.cache_layout()};
  const Chain& chain = std::get<Chain>(stages_);
  std::vector<const CacheLayout*> out = chain.behind->layouts();
  out.insert(out.begin(), &chain.head.stage.cache_layout());
  return out;
}

std::vector<CacheRoom> TextStages::rooms() const {
  if (const auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return {usual_cache_room(*whole->ledger)};
  const Chain& chain = std::get<Chain>(stages_);
  std::vector<CacheRoom> out = chain.behind->rooms();
  out.insert(out.begin(), usual_cache_room(*chain.head.ledger));
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
  chain.head.allocate(pools.shape(0));
  chain.behind->start(pools, limits_);
}

void TextStages::tell(int stage, std::int64_t rows, double began) {
  if (hooks_->stage) hooks_->stage({stage, rows, now_s() - began});
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
  tell(0, step.rows.rows(), began);
  outcomes_->make(step.wanted, values, whole.backend->host_threads(), outcome);
}

Frame TextStages::run_head(Chain& chain, const StagedStep& step, std::uint64_t number) {
  const double began = now_s();
  const CacheViews& views =
      chain.head.cache->apply(step.caches.stages.front(), *chain.head.backend);
  try {
    TransformContext context(*chain.head.backend, chain.head.memory, step.rows, views);
    send(chain.head.stage.run(token_batch(step, context), context), context, chain.hidden);
  } catch (const std::exception& e) {
    return error_frame(e, number);
  }
  tell(0, step.rows.rows(), began);
  if (hooks_->sent) hooks_->sent(0, chain.hidden.bytes());
  return activation_frame(chain.hidden, number);
}

void TextStages::submit(const StagedStep& step, Sequences sequences, StepOutcome& outcome) {
  if (auto* whole = std::get_if<PlacedStage<Whole>>(&stages_))
    return run_whole(*whole, step, outcome);
  Chain& chain = std::get<Chain>(stages_);
  try {
    submit_to(chain, step, sequences, outcome);
  } catch (const PeerLost& loss) {
    lose(loss);
    throw;
  }
}

void TextStages::lose(const PeerLost& loss) {
  if (std::exchange(lost_, true) || !hooks_->lost) return;
  hooks_->lost(loss.what());
}

void TextStages::submit_to(Chain& chain, const StagedStep& step, Sequences sequences,
                           StepOutcome& outcome) {
  AnyTransport& transport = chain.behind->transport();
  const std::uint64_t number = next_step_++;
  const int tail = size() - 1;
  for (int stage = 1; stage < tail; ++stage)
    transport.send(stage, chain.writer.step(step, number, stage));
  transport.send(tail,
                 chain.writer.step_of_tail(step, number, tail, sequences == Sequences::kLast));
  transport.send(1, run_head(chain, step, number));
  flights_.push_back({number, &step, &outcome});
}

void TextStages::wait() {
  auto* chain = std::get_if<Chain>(&stages_);
  if (chain == nullptr) return;
  try {
    wait_for(*chain);
  } catch (const PeerLost& loss) {
    lose(loss);
    throw;
  }
}

void TextStages::wait_for(Chain& chain) {
  SIROCCO_CHECK(!flights_.empty());
  const Flight flight = flights_.front();
  flights_.pop_front();
  constexpr Seconds kForever = std::numeric_limits<Seconds>::infinity();
  std::optional<Received> received;
  while (!received) {
    received = chain.behind->transport().receive(kForever);
    if (!received) continue;
    if (received->frame.header.kind == FrameKind::kShutdown)
      throw PeerLost(received->from, "it ended by itself");
    if (received->frame.header.kind != FrameKind::kReport) continue;
    const StageReport report = read_report(received->frame, received->from);
    if (hooks_->stage) hooks_->stage(report.timing);
    if (hooks_->sent && report.sent > 0) hooks_->sent(received->from, report.sent);
    received.reset();
  }
  const Frame& frame = received->frame;
  const bool answers =
      frame.header.kind == FrameKind::kTokens || frame.header.kind == FrameKind::kError;
  if (!answers || received->from != size() - 1 || frame.header.step != flight.number) {
    throw FormatError("stage {} sent the head a frame '{}' of step {}; expected tokens of step {}",
                      received->from, frame_kind_name(frame.header.kind), frame.header.step,
                      flight.number);
  }
  if (frame.header.kind == FrameKind::kError) throw_error(frame);
  read_outcome(frame, flight.step->wanted, limits_->vocabulary, *flight.outcome);
}

void TextStages::finish(SequenceId sequence) {
  auto* chain = std::get_if<Chain>(&stages_);
  if (chain == nullptr) return;
  std::optional<Frame> frame = chain->writer.finished(sequence);
  if (!frame || lost_) return;
  try {
    chain->behind->transport().send(size() - 1, std::move(*frame));
  } catch (const PeerLost& loss) {
    lose(loss);
  }
}

}  // namespace sirocco
