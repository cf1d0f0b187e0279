#include "sirocco/pipeline/stage_worker.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {

template <Transforms Role>
  requires(!Embeds<Role>)
StageWorker<Role>::StageWorker(PlacedStage<Role>& stage, const PipelineLimits& limits,
                               CacheShape shape, AnyTransport& transport)
    : stage_(stage),
      transport_(transport),
      width_(limits.width),
      vocabulary_(limits.vocabulary),
      reader_({limits.max_step, limits.max_context, limits.vocabulary, std::move(shape.blocks)}),
      outcomes_(limits.vocabulary, limits.max_context) {}

template <Transforms Role>
  requires(!Embeds<Role>)
void StageWorker<Role>::run() {
  try {
    serve();
  } catch (const std::exception& e) {
    transport_.fail(e.what());
    throw;
  }
}

template <Transforms Role>
  requires(!Embeds<Role>)
void StageWorker<Role>::serve() {
  constexpr Seconds kForever = std::numeric_limits<Seconds>::infinity();
  while (true) {
    std::optional<Received> received = transport_.receive(kForever);
    if (!received) continue;
    const FrameKind kind = received->frame.header.kind;
    if (kind == FrameKind::kShutdown) {
      if (received->from == 0) return transport_.shutdown();
      continue;
    }
    const bool of_head = kind == FrameKind::kStep || kind == FrameKind::kFinished;
    const int sender = of_head ? 0 : transport_.stage() - 1;
    if (received->from != sender || kind == FrameKind::kTokens) {
      throw FormatError("stage {} sent stage {} a frame of the kind '{}'", received->from,
                        transport_.stage(), frame_kind_name(kind));
    }
    (of_head ? steps_ : inputs_).push_back(std::move(received->frame));
    while (!steps_.empty()) {
      if (steps_.front().header.kind == FrameKind::kFinished) {
        reader_.finished(steps_.front().header.sequence);
      } else {
        if (inputs_.empty()) break;
        take_step(steps_.front(), inputs_.front());
        inputs_.pop_front();
      }
      steps_.pop_front();
    }
  }
}

template <Transforms Role>
  requires(!Embeds<Role>)
void StageWorker<Role>::take_step(const Frame& step, const Frame& input) {
  if (step.header.step != input.header.step) {
    throw FormatError("what stage {} sent belongs to step {}; expected that of step {}",
                      transport_.stage() - 1, input.header.step, step.header.step);
  }
  reader_.step(step, kChoosesTokens, step_);
  const int next = kIsTail ? 0 : transport_.stage() + 1;
  // Whatever becomes of the step, its commands are owed to other sequences.
  const CacheViews& views = stage_.cache->apply(step_.caches, *stage_.backend);
  const auto began = std::chrono::steady_clock::now();
  Frame out;
  try {
    out = result(input, views);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const StageReport report = {{transport_.stage(), step_.rows.rows(), took.count()}, sent_};
    transport_.send(0, report_frame(report, step_.number));
  } catch (const PeerLost&) {
    throw;
  } catch (const std::exception& e) {
    out = error_frame(e, step_.number, transport_.stage());
  }
  transport_.send(next, std::move(out));
}

template <Transforms Role>
  requires(!Embeds<Role>)
Frame StageWorker<Role>::result(const Frame& input, const CacheViews& views) {
  sent_ = 0;
  if (input.header.kind == FrameKind::kError) return input;
  read_activation(input, step_.rows.rows(), width_, hidden_);
  TransformContext context(*stage_.backend, stage_.memory, step_.rows, views);
  auto out = stage_.stage.run(receive(hidden_, context), context);
  if constexpr (HasLmHeadShard<Role>) {
    return scores(out, context);
  } else if constexpr (kChoosesTokens) {
    const Tensor& logits = out.values();
    const std::span<const float> values =
        logits.rows() > 0 ? stage_.backend->read(logits) : std::span<const float>();
    outcomes_.make(step_.wanted, values, stage_.backend->host_threads(), outcome_);
    return outcome_frame(outcome_, step_.number);
  } else {
    send(out, context, hidden_);
    sent_ = hidden_.bytes();
    return activation_frame(hidden_, step_.number);
  }
}

template <Transforms Role>
  requires(!Embeds<Role>)
Frame StageWorker<Role>::scores(const Hidden& outputs, TransformContext& context)
  requires HasLmHeadShard<Role>
{
  const std::int64_t columns = stage_.stage.vocabulary_range().size();
  if (outputs.values().rows() == 0) return logits_frame({}, columns, step_.number);
  send(outputs, context, hidden_);
  transport_.send(0, activation_frame(hidden_, step_.number));
  const LogitsShard shard = stage_.stage.lm_head_shard(outputs, context);
  std::span<const float> values = stage_.backend->read(shard.values());
  sent_ = hidden_.bytes() + values.size_bytes();
  // Far below what a frame may have, however many rows are wanted.
  constexpr std::int64_t kFrameFloats = std::int64_t{4} << 20;
  const auto part =
      static_cast<std::size_t>(std::max<std::int64_t>(kFrameFloats / columns, 1) * columns);
  for (; values.size() > part; values = values.subspan(part))
    transport_.send(0, logits_frame(values.first(part), columns, step_.number));
  return logits_frame(values, columns, step_.number);
}

template class StageWorker<Middle>;
template class StageWorker<Tail>;
template class StageWorker<ShardedTail>;

}  // namespace sirocco
