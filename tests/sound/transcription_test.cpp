// The pipeline that writes down what it hears: a tiny Whisper against the texts that transformers
// makes in windows (tests/golden/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sirocco/engine/engine.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/whisper.hpp"
#include "sirocco/pipeline/transcription_pipeline.hpp"
#include "tests/sound/tiny_speech_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Greedy, whatever comes of it, and each window by itself.
TranscriptionOptions plain(std::optional<TokenId> language, bool translate = false) {
  TranscriptionOptions out;
  out.language = language;
  out.translate = translate;
  out.with_previous = false;
  out.temperatures = {0.0f};
  out.max_compression = out.min_log_probability = out.max_no_speech = std::nullopt;
  return out;
}

std::string text_of(std::span<const TokenId> tokens) {
  std::string out;
  for (const TokenId token : tokens) out += static_cast<char>(token.value());
  return out;
}

/// The tiny model on an engine of its own.
class Writer {
 public:
  explicit Writer(Isa isa = Isa::kRef, int threads = 1, TranscriptionPipelineOptions options = {})
      : threads_(threads), backend_(make_cpu_backend(isa, threads_)) {
    options.kv_type = KvType::kF32;
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    const auto canonical =
        canonical_checkpoint(checkpoint.metadata, checkpoint.weights, kWhisperFolder);
    SpeechModel model = load_whisper({*canonical.metadata, *canonical.weights, *backend_, {}});
    auto tokens = read_transcription_tokens(*checkpoint.metadata, model.config.vocabulary);
    mel_.window_seconds = read_log_mel_config(*checkpoint.files).window_seconds;
    pipeline_ =
        std::make_shared<TranscriptionPipeline>(std::move(model), std::move(tokens), text_of,
                                                StagePlace{*backend_, machine_.ledger()}, options);
    handle_ = engine_.add(pipeline_);
  }

  Request<TranscriptionPipeline> submit(std::span<const float> sound,
                                        TranscriptionOptions options) {
    return engine_.submit(*handle_, job(sound, std::move(options)));
  }
  Engine& engine() { return engine_; }
  TranscriptionPipeline& pipeline() { return *pipeline_; }
  TranscriptionJob job(std::span<const float> sound, TranscriptionOptions options) const {
    TranscriptionJob out;
    out.sound = LogMel(mel_).whole(sound, mel_.window_samples());
    out.frames = std::ssize(sound) / mel_.hop;
    out.options = std::move(options);
    return out;
  }
  const TranscriptionTokens& tokens() const { return pipeline_->tokens(); }

 private:
  TinySpeechFolder folder_;
  Machine machine_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  LogMelConfig mel_;
  std::shared_ptr<TranscriptionPipeline> pipeline_;
  Engine engine_{machine_};
  std::optional<Handle<TranscriptionPipeline>> handle_;
};

struct Transcribed {
  std::vector<TranscriptionSegment> segments;
  std::optional<TokenId> language;
  double seconds = 0.0;
};

Transcribed taken(const Request<TranscriptionPipeline>& request) {
  Transcribed out;
  while (const auto event = request.try_next()) {
    out.segments.insert(out.segments.end(), event->segments.begin(), event->segments.end());
    out.language = event->language;
    EXPECT_GT(event->seconds, out.seconds);
    out.seconds = event->seconds;
  }
  const auto finished = request.finished();
  EXPECT_TRUE(finished && finished->reason == FinishReason::kStop);
  return out;
}

std::vector<TokenId> text_tokens(const std::vector<TokenId>& tokens, std::int32_t end) {
  std::vector<TokenId> out;
  for (const TokenId token : tokens)
    if (token.value() < end) out.push_back(token);
  return out;
}

void expect_recorded(const Transcribed& found, const nlohmann::json& expected, std::int32_t end) {
  ASSERT_EQ(found.segments.size(), expected["segments"].size());
  for (std::size_t i = 0; i < found.segments.size(); ++i) {
    const TranscriptionSegment& segment = found.segments[i];
    const auto& recorded = expected["segments"][i];
    EXPECT_NEAR(segment.start, recorded["start"].get<double>(), 1e-4);
    EXPECT_NEAR(segment.end, recorded["end"].get<double>(), 1e-4);
    std::vector<TokenId> tokens;
    for (const std::int32_t id : recorded["tokens"]) tokens.emplace_back(id);
    EXPECT_EQ(text_tokens(segment.tokens, end), text_tokens(tokens, end)) << i;
  }
}

/// The steps that a sound takes, and what comes of it, where a step has so many rows at least.
std::pair<int, std::vector<TranscriptionSegment>> in_steps_of(Writer& writer, std::int64_t rows,
                                                              std::span<const float> sound) {
  TranscriptionPipeline& pipeline = writer.pipeline();
  auto checked =
      TranscriptionPipeline::check(*pipeline.limits(), writer.job(sound, plain(std::nullopt)));
  std::optional<TranscriptionWork> work = pipeline.begin(checked);
  int steps = 0;
  std::vector<TranscriptionSegment> segments;
  while (!work->ending()) {
    const Demand demand = work->demand();
    EXPECT_TRUE(demand.indivisible.empty());
    const std::int64_t least = demand.encodes ? 1 : demand.rows;
    const Share<TranscriptionWork> share{&*work, std::clamp(rows, least, demand.rows)};
    static_cast<void>(pipeline.wait(pipeline.submit(std::span(&share, 1))));
    ++steps;
    while (const auto event = work->next_event())
      segments.insert(segments.end(), event->segments.begin(), event->segments.end());
  }
  EXPECT_EQ(work->ending()->reason, FinishReason::kStop);
  return {steps, std::move(segments)};
}

TEST(Transcription, AWindowInPiecesIsTheSame) {
  Writer writer;
  const std::vector<float> sound = made_sound(1, "steps", tiny_speech_record()["samples"]);
  const auto [steps, segments] = in_steps_of(writer, 1 << 20, sound);
  const auto [more_steps, in_pieces] = in_steps_of(writer, 1, sound);
  // A window has two layers, and its rows go through each in parts.
  EXPECT_GE(more_steps, steps + 3);
  ASSERT_EQ(in_pieces.size(), segments.size());
  ASSERT_FALSE(segments.empty());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(in_pieces[i].tokens, segments[i].tokens);
    EXPECT_EQ(in_pieces[i].log_probability, segments[i].log_probability);
  }
}

TEST(Transcription, TextsInWindowsAreThoseOfTransformers) {
  const nlohmann::json record = tiny_speech_record();
  const std::vector<float> sound = made_sound(1, "steps", record["samples"]);
  for (const Isa isa : kernels_testing::runnable_tiers()) {
    Writer writer(isa, 2);
    // Both at once, and a third that begins when there is room.
    std::vector<Request<TranscriptionPipeline>> requests;
    for (const auto& [name, expected] : record["cases"].items()) {
      requests.push_back(writer.submit(
          sound, plain(TokenId(expected["language"]), expected["task"] == "translate")));
    }
    requests.push_back(writer.submit(std::span(sound).first(20000), plain({})));
    writer.engine().run();
    std::size_t i = 0;
    for (const auto& [name, expected] : record["cases"].items()) {
      SCOPED_TRACE(name);
      const Transcribed found = taken(requests[i++]);
      expect_recorded(found, expected, writer.tokens().end.value());
      EXPECT_NEAR(found.seconds, record["content_frames"].get<double>() / 100.0, 1e-9);
    }
    taken(requests.back());
  }
}

TEST(Transcription, LanguageIsHeardWhereNoneIsGiven) {
  const nlohmann::json record = tiny_speech_record();
  const std::vector<float> sound = made_sound(1, "steps", record["samples"]);
  Writer writer;
  const auto heard = writer.submit(sound, plain({}));
  writer.engine().run();
  const Transcribed found = taken(heard);
  EXPECT_EQ(found.language, TokenId(record["detected"]));

  Writer again;
  const auto told = again.submit(sound, plain(found.language));
  again.engine().run();
  const Transcribed same = taken(told);
  ASSERT_EQ(same.segments.size(), found.segments.size());
  for (std::size_t i = 0; i < same.segments.size(); ++i) {
    EXPECT_EQ(same.segments[i].tokens, found.segments[i].tokens);
    EXPECT_EQ(same.segments[i].log_probability, found.segments[i].log_probability);
  }
}

TEST(Transcription, WhatIsWrittenDependsOnNothingElseInTheStep) {
  const nlohmann::json record = tiny_speech_record();
  const std::vector<float> sound = made_sound(1, "steps", record["samples"]);
  TranscriptionOptions options;  // with everything: previous text, other temperatures
  options.language = TokenId(record["cases"]["german"]["language"]);
  options.seed = 5;
  const auto run = [&](Writer& writer, std::size_t others) {
    std::vector<Request<TranscriptionPipeline>> beside;
    for (std::size_t i = 0; i < others; ++i)
      beside.push_back(
          writer.submit(std::span(sound).subspan(1000 * i + 1, 40000), plain({}, i % 2 == 1)));
    const auto request = writer.submit(sound, options);
    writer.engine().run();
    return taken(request);
  };
  Writer alone;
  const Transcribed expected = run(alone, 0);
  EXPECT_FALSE(expected.segments.empty());
  for (const Isa isa : kernels_testing::runnable_tiers()) {
    Writer writer(isa, 3, {.max_sequences = 3});
    const Transcribed found = run(writer, 4);
    ASSERT_EQ(found.segments.size(), expected.segments.size());
    for (std::size_t i = 0; i < found.segments.size(); ++i) {
      EXPECT_EQ(found.segments[i].tokens, expected.segments[i].tokens);
      EXPECT_EQ(found.segments[i].log_probability, expected.segments[i].log_probability);
      EXPECT_EQ(found.segments[i].no_speech, expected.segments[i].no_speech);
      EXPECT_EQ(found.segments[i].temperature, expected.segments[i].temperature);
    }
  }
}

TEST(Transcription, WhatCantBeIsRefused) {
  Writer writer;
  const std::vector<float> sound(20000, 0.1f);
  const auto with = [&](auto change) {
    return [&writer, &sound, change] {
      TranscriptionOptions options = plain({});
      change(options);
      (void)writer.submit(sound, std::move(options));
    };
  };
  EXPECT_THAT(with([](auto& o) { o.temperatures.clear(); }),
              ThrowsMessage<InvalidArgument>(HasSubstr("temperatures")));
  EXPECT_THAT(with([](auto& o) { o.temperatures = {-1.0f}; }),
              ThrowsMessage<InvalidArgument>(HasSubstr("below 0")));
  EXPECT_THAT([&] { (void)writer.submit({}, plain({})); },
              ThrowsMessage<InvalidArgument>(HasSubstr("0 frames")));
  EXPECT_THROW(with([](auto& o) { o.prompt = {TokenId(100000)}; })(), InvalidArgument);
  const auto no_language = writer.submit(sound, plain(TokenId(3)));
  writer.engine().run();
  EXPECT_EQ(no_language.finished()->reason, FinishReason::kFailed);
  EXPECT_THAT(no_language.finished()->message, HasSubstr("token 3 is no language"));
  EXPECT_THAT(
      [&] { (void)writer.tokens().language("xx"); },
      ThrowsMessage<InvalidArgument>("the model doesn't know language 'xx'; known are en, de, fr"));
}

}  // namespace
}  // namespace sirocco::testing
