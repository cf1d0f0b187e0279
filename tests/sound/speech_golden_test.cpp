// A tiny Whisper against what transformers makes of it (tests/golden/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/media/log_mel.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/whisper.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/encoder_pass.hpp"
#include "sirocco/platform/cpu_features.hpp"
#include "tests/models/npy_testing.hpp"
#include "tests/sound/tiny_speech_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

std::vector<float> recorded(const char* file) {
  return read_npy_floats(source_path(std::string("tests/golden/transcription/") + file)).values;
}

/// The largest difference of one in `every` values, over the largest value.
double difference(std::span<const float> found, const std::vector<float>& expected,
                  std::size_t every) {
  EXPECT_EQ((found.size() + every - 1) / every, expected.size());
  double out = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    out = std::max(out, std::abs(static_cast<double>(found[i * every]) - expected[i]));
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  return out / largest;
}

/// The tiny model with caches for some sequences, run by hand.
class Runner {
 public:
  explicit Runner(Isa isa, int threads = 1)
      : threads_(threads), backend_(make_cpu_backend(isa, threads_)) {
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    const auto canonical =
        canonical_checkpoint(checkpoint.metadata, checkpoint.weights, kWhisperFolder);
    model_ = load_whisper({*canonical.metadata, *canonical.weights, *backend_, {}});
    cache_.emplace(model_.decoder->cache_layout(),
                   CacheShape{KvType::kF32, kBlock, {kSequences * own(), kSequences * encoded()}});
  }

  const SpeechConfig& config() const { return model_.config; }

  /// Encodes windows [frames, bins], with so much at a time as `budget` says, and remembers what
  /// was made for the sequences of their order, `rows` of each at a time.
  std::vector<float> encode(const std::vector<std::vector<float>>& windows,
                            EncoderCost budget = std::numeric_limits<double>::max(),
                            std::int32_t rows = 1000) {
    const AnySoundEncoder encoder(model_.encoder);
    const std::int32_t length = config().encoder.positions;
    std::vector<float> out;
    std::vector<std::int32_t> sequences;
    for (const std::vector<float>& window : windows) {
      std::vector<EncoderWindow> one;
      one.push_back({{length}, window});
      EncoderPass pass(std::make_shared<const EncoderInput>(encoder, std::move(one)));
      while (!pass.ended()) pass.advance(budget, *backend_, memory_);
      EXPECT_FALSE(pass.fault().has_value());
      out.insert(out.end(), pass.rows().begin(), pass.rows().end());
      sequences.push_back(static_cast<std::int32_t>(sequences.size()));
    }
    const std::int64_t width = config().width;
    for (std::int32_t first = 0; first < length; first += rows) {
      const std::int32_t count = std::min(rows, length - first);
      StepRows step;
      std::vector<float> part;
      for (const std::int32_t s : sequences) {
        step.sequences.push_back({SequenceId(s), Position(first), count});
        const auto begin = out.begin() + (std::int64_t{s} * length + first) * width;
        part.insert(part.end(), begin, begin + count * width);
      }
      TransformContext context(*backend_, memory_, step, views(sequences));
      const Tensor x =
          backend_->upload(context.held(), std::span<const float>(part), {step.rows(), width});
      model_.decoder->remember(Hidden(context, {.f32 = x, .q8 = {}}), context);
    }
    return out;
  }

  struct Part {
    std::int32_t sequence;
    std::int32_t first;
    std::vector<TokenId> tokens;
  };
  /// Logits of all rows.
  std::vector<float> decode(const std::vector<Part>& parts) {
    StepRows rows;
    std::vector<TokenId> tokens;
    std::vector<std::int32_t> sequences;
    for (const Part& part : parts) {
      rows.sequences.push_back(
          SequenceRows(SequenceId(part.sequence), Position(part.first), std::ssize(part.tokens))
              .with_key_length(config().encoder.positions));
      for (const TokenId token : part.tokens) {
        rows.outputs.push_back(static_cast<std::int32_t>(tokens.size()));
        tokens.push_back(token);
      }
      sequences.push_back(part.sequence);
    }
    TransformContext context(*backend_, memory_, rows, views(sequences));
    const SpeechDecoder& d = *model_.decoder;
    const Logits logits =
        d.lm_head(d.transform(d.embed(TokenBatch(tokens), context), context), context);
    const auto values = backend_->read(logits.values());
    return {values.begin(), values.end()};
  }

 private:
  static constexpr int kBlock = 16;
  static constexpr std::int32_t kSequences = 3;
  std::int32_t own() const { return (config().decoder.positions + kBlock - 1) / kBlock; }
  std::int32_t encoded() const { return (config().encoder.positions + kBlock - 1) / kBlock; }

  const CacheViews& views(const std::vector<std::int32_t>& sequences) {
    StageCaches step{step_++, {}};
    for (const std::int32_t blocks : {own(), encoded()}) {
      GroupCaches group{{}, {}, blocks};
      for (const std::int32_t s : sequences) {
        for (std::int32_t i = 0; i < blocks; ++i) group.table.push_back(s * blocks + i);
      }
      step.groups.push_back(std::move(group));
    }
    return cache_->apply(step, *backend_);
  }

  TinySpeechFolder folder_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  SpeechModel model_;
  std::optional<CacheMemory> cache_;
  StepMemory memory_;
  std::uint64_t step_ = 0;
};

/// The window of the sound from `first` on, as it was recorded.
std::vector<float> window(const nlohmann::json& record, const SpeechConfig& config,
                          std::int64_t first) {
  LogMelConfig mel;
  mel.window_seconds = 2;
  const std::vector<float> sound = made_sound(1, "steps", record["samples"]);
  const LogMelFrames frames = LogMel(mel).whole(sound, mel.window_samples());
  const auto begin = frames.values.begin() + first * config.bins;
  return {begin, begin + config.window_frames() * config.bins};
}

std::vector<TokenId> tokens_of(const nlohmann::json& record) {
  std::vector<TokenId> out;
  for (const std::int32_t id : record["tokens"]) out.emplace_back(id);
  return out;
}

TEST(SpeechGolden, RowsAndLogitsAreThoseOfTransformers) {
  const nlohmann::json record = tiny_speech_record();
  Runner runner(Isa::kRef);
  const std::vector<float> rows = runner.encode({window(record, runner.config(), 0)});
  EXPECT_LT(difference(rows, recorded("rows.npy"), record["every"]), 1e-4);
  const std::vector<float> logits = runner.decode({{0, 0, tokens_of(record)}});
  EXPECT_LT(difference(logits, recorded("logits.npy"), record["every"]), 1e-4);
}

TEST(SpeechGolden, BitsDependOnNothingElse) {
  const nlohmann::json record = tiny_speech_record();
  const std::vector<TokenId> tokens = tokens_of(record);
  Runner alone(Isa::kRef);
  const auto first = window(record, alone.config(), 0);
  const auto second = window(record, alone.config(), 150);
  const auto others = alone.encode({second});
  const auto rows = alone.encode({first});
  const auto logits = alone.decode({{0, 0, tokens}});
  for (const Isa isa : kernels_testing::runnable_tiers()) {
    Runner runner(isa, 3);
    // Beside another window, in the second place, and the tokens cut into parts beside others.
    // Both as they come, a few rows at a time.
    const auto both = runner.encode({second, first}, 40'000, 7);
    ASSERT_EQ(both.size(), 2 * rows.size());
    EXPECT_EQ(std::memcmp(both.data(), others.data(), others.size() * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(both.data() + rows.size(), rows.data(), rows.size() * sizeof(float)), 0);
    std::vector<float> found;
    const std::size_t vocabulary = logits.size() / tokens.size();
    for (std::size_t at = 0, size = 1; at < tokens.size(); at += size, size = size % 5 + 2) {
      size = std::min(size, tokens.size() - at);
      const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(at);
      const std::vector<TokenId> part(begin, begin + static_cast<std::ptrdiff_t>(size));
      const auto position = static_cast<std::int32_t>(at);
      const auto made = runner.decode({{0, position, part}, {1, position, part}});
      const auto own = made.begin() + static_cast<std::ptrdiff_t>(size * vocabulary);
      found.insert(found.end(), own, made.end());
    }
    ASSERT_EQ(found.size(), logits.size());
    EXPECT_EQ(std::memcmp(found.data(), logits.data(), logits.size() * sizeof(float)), 0);
  }
}

}  // namespace
}  // namespace sirocco::testing
