#include "sirocco/pipeline/transcription_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/step_fault.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBlockPositions = 32;
constexpr std::size_t kMaxTemperatures = 16;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool is_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

Ending ending_of(StepFault fault) {
  return {FinishReason::kFailed, step_fault_kind(fault), std::string(step_fault_text(fault))};
}

}  // namespace

CheckedTranscriptionJob::CheckedTranscriptionJob(const PipelineLimits& limits, TranscriptionJob job)
    : job_(std::move(job)) {
  if (job_.sound.bins != limits.input_width) {
    throw InvalidArgument("the frames of a sound have {} bands; the model takes {}",
                          job_.sound.bins, limits.input_width);
  }
  SIROCCO_CHECK(std::ssize(job_.sound.values) == job_.sound.frames * job_.sound.bins);
  if (job_.frames < 1 || job_.frames > job_.sound.frames) {
    throw InvalidArgument("{} frames of a sound are to be heard; there are {}, and one it takes",
                          job_.frames, job_.sound.frames);
  }
  if (!(job_.frame_seconds > 0.0) || !std::isfinite(job_.frame_seconds))
    throw InvalidArgument("a frame takes {} s; it must be a positive number", job_.frame_seconds);
  const std::vector<float>& temperatures = job_.options.temperatures;
  if (temperatures.empty() || temperatures.size() > kMaxTemperatures ||
      !std::ranges::all_of(temperatures, [](float t) { return t >= 0.0f && std::isfinite(t); })) {
    throw InvalidArgument("a sound is written down at 1 to {} temperatures, none below 0",
                          kMaxTemperatures);
  }
  require_tokens(job_.options.prompt, limits.vocabulary);
}

TranscriptionWork::TranscriptionWork(TranscriptionJob job, Place place,
                                     std::unique_ptr<Transcript> transcript,
                                     EncoderCost remember_cost)
    : frames_(job.frames),
      sound_(std::move(job.sound)),
      place_(std::move(place)),
      transcript_(std::move(transcript)),
      remember_cost_(remember_cost) {}

void TranscriptionWork::listen(const AnySoundEncoder& encoder, ByteLedger& ledger) {
  if (ending_ || pass_ || !transcript_->wants_encoder()) return;
  const SoundEncoderInfo& info = encoder.info();
  EncoderWindow window{{info.positions}, {}};
  const auto heard = static_cast<std::size_t>(transcript_->window_frames() * info.bins);
  const auto begin = sound_.values.begin() + transcript_->window() * info.bins;
  window.frames.assign(begin, begin + static_cast<std::ptrdiff_t>(heard));
  window.frames.resize(static_cast<std::size_t>(info.window_frames() * info.bins), 0.0f);
  std::vector<EncoderWindow> windows;
  windows.push_back(std::move(window));
  pass_.emplace(std::make_shared<const EncoderInput>(encoder, std::move(windows)), &ledger);
  remembered_ = 0;
  to_remember_ = remember_cost_;
}

Demand TranscriptionWork::demand() const {
  if (ending_) return {};
  if (pass_) return {.rows = encoded_rows(pass_->left() + to_remember_), .encodes = true};
  return {
      .rows = std::ssize(transcript_->rows()), .urgent = true, .depth = transcript_->position()};
}

TranscriptionPipeline::TranscriptionPipeline(SpeechModel model, TranscriptionTokens tokens,
                                             Transcript::TextOf text_of, const StagePlace& place,
                                             TranscriptionPipelineOptions options)
    : model_(std::move(model)),
      encoder_(model_.encoder),
      tokens_(std::move(tokens)),
      text_of_(std::move(text_of)),
      backend_(&place.backend),
      ledger_(&place.ledger),
      options_(std::move(options)),
      own_blocks_(ceil_div(model_.config.decoder.positions, kBlockPositions)),
      encoded_blocks_(ceil_div(model_.config.encoder.positions, kBlockPositions)),
      memory_(&place.ledger),
      free_places_(std::make_shared<std::vector<std::int32_t>>()) {
  const SpeechConfig& c = model_.config;
  if (options_.max_sequences < 1 || options_.max_sequences > 4096) {
    throw InvalidArgument("{} sounds at a time; 1 to 4096 are possible", options_.max_sequences);
  }
  if (tokens_.first_timestamp.value() + c.encoder.positions >= c.vocabulary ||
      c.decoder.positions < 8) {
    throw FormatError(
        "{}: a vocabulary of {} with timestamps from {} on, for {} steps of time and texts of {}",
        quoted(model_.info.architecture), c.vocabulary, tokens_.first_timestamp.value(),
        c.encoder.positions, c.decoder.positions);
  }
  const std::int32_t places = options_.max_sequences;
  cache_.emplace(
      model_.decoder->cache_layout(),
      CacheShape{
          options_.kv_type, kBlockPositions, {places * own_blocks_, places * encoded_blocks_}},
      &place.ledger);
  for (std::int32_t i = places; i-- > 0;) free_places_->push_back(i);
  const EncoderCosts costs = encoder_.costs({c.encoder.positions});
  EncoderCost row = costs.embed + costs.project + model_.decoder->remember_products();
  for (const EncoderCost layer : costs.forward) row += costs.remember + layer;
  limits_ = std::make_shared<const PipelineLimits>(
      PipelineLimits{.vocabulary = c.vocabulary,
                     .width = c.width,
                     .rotary_axes = 0,
                     .max_context = c.decoder.positions,
                     .max_cached_positions = c.decoder.positions,
                     .max_step = c.encoder.positions + places * c.decoder.positions,
                     .usual_step = std::max(c.encoder.positions, places * c.decoder.positions),
                     .max_sequences = places,
                     .input_width = c.bins,
                     .encoded_a_row = row / kEncodedProducts});
}

TranscriptionPipeline::~TranscriptionPipeline() = default;

std::vector<StagePlacement> TranscriptionPipeline::placement() const {
  return {{"encoder and decoder", backend_->name()}};
}

void TranscriptionPipeline::check_options(const TranscriptionOptions& options) const {
  if (options.language && tokens_.find_language(*options.language) == nullptr) {
    throw InvalidArgument("token {} is no language of the model's", options.language->value());
  }
  if (options.translate && !tokens_.translate) {
    throw InvalidArgument(
        "the model knows but one language, so it can't translate; take one for several");
  }
}

std::optional<TranscriptionWork> TranscriptionPipeline::begin(CheckedTranscriptionJob& job) {
  check_options(job.job_.options);
  if (free_places_->empty()) return std::nullopt;
  TranscriptionWork::Place place(new std::int32_t(free_places_->back()),
                                 [free = free_places_](std::int32_t* number) {
                                   free->push_back(*number);
                                   delete number;
                                 });
  free_places_->pop_back();
  TranscriptionJob taken = std::move(job.job_);
  const SpeechConfig& c = model_.config;
  const SoundShape shape{taken.frames, c.window_frames(), c.encoder.positions, taken.frame_seconds};
  auto transcript = std::make_unique<Transcript>(tokens_, std::move(taken.options), shape,
                                                 c.decoder.positions, text_of_);
  TranscriptionWork work(std::move(taken), std::move(place), std::move(transcript),
                         c.encoder.positions * model_.decoder->remember_products());
  work.listen(encoder_, *ledger_);
  return work;
}

const CacheViews& TranscriptionPipeline::views(std::span<TranscriptionWork* const> works) {
  caches_.groups.resize(2);
  const std::int32_t blocks[] = {own_blocks_, encoded_blocks_};
  for (std::size_t g = 0; g < 2; ++g) {
    GroupCaches& group = caches_.groups[g];
    group.blocks_a_sequence = blocks[g];
    group.table.clear();
    for (const TranscriptionWork* work : works) {
      for (std::int32_t i = 0; i < blocks[g]; ++i)
        group.table.push_back(*work->place_ * blocks[g] + i);
    }
  }
  const CacheViews& out = cache_->apply(caches_, *backend_);
  ++caches_.step;
  return out;
}

void TranscriptionPipeline::encode(TranscriptionWork& work, EncoderCost budget) {
  EncoderPass& pass = *work.pass_;
  const bool encoded = pass.ended();
  if (!encoded) {
    const EncoderCost left = pass.left();
    pass.advance(budget, *backend_, memory_);
    budget -= left;
    if (!pass.ended()) return;
  }
  if (const auto& fault = pass.fault()) {
    work.ending_ = {FinishReason::kFailed, fault->kind, fault->message};
    work.pass_.reset();
    return;
  }
  const std::int64_t left = model_.config.encoder.positions - work.remembered_;
  const double each = model_.decoder->remember_products();
  const auto fit =
      static_cast<std::int64_t>(std::clamp(budget / each, 0.0, static_cast<double>(left)));
  const std::int64_t count = encoded ? std::max<std::int64_t>(fit, 1) : fit;
  if (count == 0) return;
  remember(work, {work.remembered_, work.remembered_ + count});
  work.remembered_ += count;
  work.to_remember_ = static_cast<double>(left - count) * each;
  if (count < left) return;
  work.pass_.reset();
  work.transcript_->encoded();
}

void TranscriptionPipeline::remember(TranscriptionWork& work, RowRange rows) {
  const auto width = static_cast<std::size_t>(model_.config.width);
  const auto made = std::span(work.pass_->rows())
                        .subspan(static_cast<std::size_t>(rows.first) * width,
                                 static_cast<std::size_t>(rows.count()) * width);
  rows_.sequences.clear();
  rows_.outputs.clear();
  rows_.sequences.push_back({SequenceId(static_cast<std::uint64_t>(*work.place_)),
                             Position(static_cast<std::int32_t>(rows.first)), rows.count()});
  TranscriptionWork* const only = &work;
  TransformContext context(*backend_, memory_, rows_, views(std::span(&only, 1)));
  const Tensor x = backend_->upload(context.held(), made, {rows.count(), model_.config.width});
  model_.decoder->remember(Hidden(context, {.f32 = x, .q8 = {}}), context);
}

void TranscriptionPipeline::decode(std::span<TranscriptionWork* const> works) {
  rows_.sequences.clear();
  rows_.outputs.clear();
  step_tokens_.clear();
  for (const TranscriptionWork* work : works) {
    const Transcript& transcript = *work->transcript_;
    const auto tokens = transcript.rows();
    rows_.sequences.push_back(SequenceRows(SequenceId(static_cast<std::uint64_t>(*work->place_)),
                                           Position(transcript.position()), std::ssize(tokens))
                                  .with_key_length(model_.config.encoder.positions));
    const auto first = static_cast<std::int32_t>(step_tokens_.size());
    const auto last = first + static_cast<std::int32_t>(tokens.size()) - 1;
    // A start that is the last row serves as both.
    if (const auto start = transcript.wants_start(); start && *start + 1 < tokens.size())
      rows_.outputs.push_back(first + static_cast<std::int32_t>(*start));
    rows_.outputs.push_back(last);
    step_tokens_.insert(step_tokens_.end(), tokens.begin(), tokens.end());
  }
  TransformContext context(*backend_, memory_, rows_, views(works));
  const SpeechDecoder& decoder = *model_.decoder;
  const Logits logits = decoder.lm_head(
      decoder.transform(decoder.embed(TokenBatch(step_tokens_), context), context), context);
  const std::span<const float> values = backend_->read(logits.values());
  const auto width = static_cast<std::size_t>(model_.config.vocabulary);
  std::size_t row = 0;
  for (TranscriptionWork* work : works) {
    Transcript& transcript = *work->transcript_;
    const auto wanted = transcript.wants_start();
    const bool apart = wanted && *wanted + 1 < transcript.rows().size();
    const auto start = values.subspan(row * width, width);
    if (apart) ++row;
    const auto last = values.subspan(row++ * width, width);
    if (!is_finite(last) || !is_finite(start)) {
      work->ending_ = ending_of(StepFault::kScoresNotFinite);
      continue;
    }
    last_.assign(last.begin(), last.end());
    transcript.decoded(wanted ? start : std::span<const float>(), last_);
    if (transcript.done()) work->ending_ = Ending{};
  }
}

Ticket TranscriptionPipeline::submit(std::span<const Share<TranscriptionWork>> shares) {
  SIROCCO_CHECK(submitted_.empty() && !shares.empty());  // one step in flight
  const auto begin = Clock::now();
  std::vector<TranscriptionWork*> decoding;
  std::int64_t rows = 0;
  for (const Share<TranscriptionWork>& share : shares) {
    submitted_.push_back(share.work);
    if (share.work->pass_) {
      encode(*share.work, static_cast<double>(share.rows) * kEncodedProducts);
      continue;
    }
    decoding.push_back(share.work);
    rows += share.rows;
  }
  if (!decoding.empty()) decode(decoding);
  for (TranscriptionWork* work : submitted_) work->listen(encoder_, *ledger_);
  seconds_ = seconds_since(begin);
  if (options_.hooks.stage) options_.hooks.stage({0, rows, seconds_});
  return Ticket(++steps_);
}

double TranscriptionPipeline::wait(Ticket ticket) {
  SIROCCO_CHECK(ticket.number() == steps_ && !submitted_.empty());
  submitted_.clear();
  return seconds_;
}

}  // namespace sirocco
