// Models that hear against what transformers makes of the same sounds and prompts
// (tests/golden/hearing/README.md), on the way that a program takes, and against themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/engine/sound_windows.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/text/message_contents.hpp"
#include "tests/golden/golden_sounds_testing.hpp"

namespace sirocco::testing {
namespace {

/// Two float32 computations of these models differ by some 1e-6 of the largest number, spectrograms
/// by some 1e-6 more.
constexpr double kNear = 2e-5;
constexpr double kNearFrames = 1e-4;

Sound sound_of(const MadeSound& made) { return {16000, made.samples}; }

jinja::Value message_of(const std::vector<HeardPart>& contents) {
  std::vector<jinja::Value> parts;
  for (const HeardPart& part : contents)
    parts.push_back(part.sound ? medium_part(Medium::kSound) : text_part(part.text));
  jinja::Dict message;
  message.set("role", jinja::Value::string("user"));
  message.set("content", jinja::Value::list(std::move(parts)));
  return jinja::Value::list({jinja::Value::dict(std::move(message))});
}

class Sounds : public ::testing::TestWithParam<std::string> {
 protected:
  Sounds() : recorded_(read_sound_model(GetParam())) {
    LoadOptions options;
    options.placement.threads = 2;
    options.pipeline.kv_type = KvType::kF32;
    model_.emplace(load_language_model(machine_, recorded_.folder, std::move(options)));
  }

  std::vector<ReadMedium> read(const std::vector<MadeSound>& sounds) const {
    std::vector<ReadMedium> out;
    for (const MadeSound& made : sounds)
      out.emplace_back(model_->sounds()->prepared(sound_of(made)));
    return out;
  }

  RenderedPrompt rendered(const std::vector<HeardPart>& contents) const {
    ChatContext context;
    context.messages = message_of(contents);
    return model_->chat_format().render(std::move(context));
  }

  std::vector<PromptPart> parts_of(const SoundPrompt& prompt) const {
    return model_->media()->parts(rendered(prompt.contents), read(prompt.sounds));
  }

  /// Tokens, and for rows of sounds the token that stands for them.
  std::vector<std::int32_t> ids_of(const std::vector<PromptPart>& parts) const {
    std::vector<std::int32_t> ids;
    for (const PromptPart& part : parts) {
      if (const auto* tokens = std::get_if<std::vector<TokenId>>(&part))
        for (const TokenId token : *tokens) ids.push_back(token.value());
      else
        ids.insert(ids.end(), std::get<EncodedRows>(part).rows.size(), recorded_.sound_token_id);
    }
    return ids;
  }

  std::vector<float> rows_of_sounds(const std::vector<PromptPart>& parts) const {
    std::vector<float> out;
    for (const PromptPart& part : parts) {
      const auto* const heard = std::get_if<EncodedRows>(&part);
      if (heard == nullptr) continue;
      EXPECT_EQ(std::ssize(heard->rows), heard->input->rows());
      const std::vector<float> all = model_->multimodal_pipeline()->encode(heard->input);
      out.insert(out.end(), all.begin(), all.end());
    }
    return out;
  }

  /// A sound and a few words.
  std::vector<PromptPart> prompt(const ReadSound& heard, const std::string& words) const {
    RenderedPrompt text;
    text.text = model_->media()->placeholders().sound->found;
    text.trusted.push_back({0, text.text.size()});
    text.text += words;
    return model_->media()->parts(text, std::array<ReadMedium, 1>{heard});
  }

  ReadSound noise(std::size_t samples, int seed) const {
    Sound sound{16000, std::vector<float>(samples)};
    for (std::size_t i = 0; i < samples; ++i)
      sound.samples[i] =
          static_cast<float>((i * 37 + i * i % 101 * static_cast<std::size_t>(seed)) % 251) / 251 -
          0.5f;
    return model_->sounds()->prepared(sound);
  }

  static TextRequest request(TextPrompt prompt) {
    TextRequest out;
    out.prompt = std::move(prompt);
    out.sampling.temperature = 0;
    out.max_tokens = 12;
    out.ignore_end = true;
    return out;
  }

  const SoundModel recorded_;
  Machine machine_;
  std::optional<LoadedModel> model_;
};

TEST_P(Sounds, FramesAreThoseOfTransformers) {
  const LogMel log_mel(model_->sounds()->settings());
  for (const SoundPrompt& prompt : recorded_.prompts) {
    for (std::size_t i = 0; i < prompt.sounds.size(); ++i) {
      const auto windows =
          sound_windows(log_mel, model_->sounds()->marks().windows, prompt.sounds[i].samples);
      const RecordedArray& recorded = prompt.frames[i];
      const auto bins = static_cast<std::size_t>(recorded.shape[1]);
      // Windows of one spectrogram are recorded as one, and silence that nothing hears isn't made.
      const bool joined = recorded.shape[0] == 1 && windows.size() > 1;
      const auto frames = static_cast<std::size_t>(recorded.shape[2]);
      double largest = 0;
      std::size_t compared = 0;
      for (std::size_t at = 0; at < recorded.values.size(); ++at) {
        const std::size_t element = at * recorded.every;
        std::size_t window = element / (bins * frames);
        std::size_t frame = element % frames;
        const std::size_t bin = element / frames % bins;
        if (joined) {
          window = frame / 200;
          frame %= 200;
        }
        ASSERT_LT(window, windows.size());
        const std::vector<float>& made = windows[window].frames;
        if (frame * bins >= made.size()) continue;
        ++compared;
        largest = std::max(
            largest, std::abs(double{made[frame * bins + bin]} - double{recorded.values[at]}));
      }
      EXPECT_LT(largest, kNearFrames) << prompt.name << " " << i;
      EXPECT_GT(compared, 10u);
    }
  }
}

TEST_P(Sounds, PromptsHaveTheRowsThatTransformersGivesThem) {
  ASSERT_NE(model_->sounds(), nullptr);
  EXPECT_EQ(model_->pictures(), nullptr);
  ASSERT_FALSE(recorded_.prompts.empty());
  for (const SoundPrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    EXPECT_EQ(rendered(prompt.contents).text, prompt.rendered);
    const std::vector<PromptPart> parts = parts_of(prompt);
    EXPECT_EQ(ids_of(parts), prompt.ids);
    if (prompt.sounds.empty()) continue;
    EXPECT_LT(largest_difference(prompt.rows, rows_of_sounds(parts)), kNear);
  }
}

TEST_P(Sounds, LogitsAreThoseOfTransformers) {
  for (const SoundPrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    std::vector<Prompt::Piece> pieces;
    for (const PromptPart& part : parts_of(prompt)) {
      if (const auto* tokens = std::get_if<std::vector<TokenId>>(&part))
        pieces.emplace_back(*tokens);
      else
        pieces.emplace_back(std::make_shared<const EmbeddedRows>(
            std::get<EncodedRows>(part).input->width(), rows_of_sounds({part})));
    }
    std::vector<float> all;
    model_->pipeline().score(Prompt(std::move(pieces), {}), {},
                             [&](std::int64_t, std::span<const float> logits) {
                               all.insert(all.end(), logits.begin(), logits.end());
                             });
    EXPECT_LT(largest_difference(prompt.all_logits, all), kNear);
  }
}

TEST_P(Sounds, AnswersAreThoseOfTransformers) {
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  for (const SoundPrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    TextRequest asked = request(parts_of(prompt));
    asked.max_tokens = std::ssize(prompt.continuation);
    for (const bool again : {false, true}) {
      const Completion answer = session.complete(asked);
      std::vector<std::int32_t> ids;
      for (const TokenId token : answer.tokens) ids.push_back(token.value());
      EXPECT_EQ(ids, prompt.continuation) << answer.message;
      EXPECT_EQ(answer.usage.prompt, std::ssize(prompt.ids));
      if (again) {
        EXPECT_GE(answer.usage.cached, (std::ssize(prompt.ids) - 1) / 32 * 32);
      }
    }
  }
}

TEST_P(Sounds, WhatAUserWritesStaysText) {
  for (const SoundPrompt& prompt : recorded_.prompts) {
    if (prompt.sounds.size() != 1) continue;
    std::vector<HeardPart> contents = prompt.contents;
    contents.push_back({"and " + recorded_.placeholder + " too", std::nullopt});
    const RenderedPrompt text = rendered(contents);
    EXPECT_EQ(model_->media()->places(text), std::vector{Medium::kSound});
    std::int64_t rows = 0;
    for (const PromptPart& part : model_->media()->parts(text, read(prompt.sounds)))
      if (const auto* heard = std::get_if<EncodedRows>(&part)) rows += std::ssize(heard->rows);
    EXPECT_EQ(rows, prompt.rows.shape[0]);
    return;
  }
}

TEST_P(Sounds, AnswersBesideOneAnotherAreThoseAlone) {
  const std::array heard = {noise(9'000, 3), noise(40'000, 11)};
  std::vector<TextPrompt> prompts = {
      prompt(heard[0], "one"), prompt(heard[1], "two"), prompt(heard[0], "three"),
      tokenize_prompt(model_->tokenizer(), std::array{TextSegment{"no sound", false}})};
  std::vector<std::vector<TokenId>> alone;
  for (const TextPrompt& p : prompts) {
    Engine engine(machine_);
    LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
    alone.push_back(session.complete(request(p)).tokens);
    EXPECT_EQ(alone.back().size(), 12U);
    model_->pipeline().cache().clear();
  }
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  std::vector<TextStream> streams;
  for (const TextPrompt& p : prompts) streams.push_back(session.submit(request(p)));
  engine.run();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    while (streams[i].try_next_piece()) {
    }
    ASSERT_TRUE(streams[i].ended());
    EXPECT_EQ(streams[i].completion().tokens, alone[i]) << i;
  }
}

TEST_P(Sounds, ASoundIsKeptByItsContents) {
  MultimodalPipeline& pipeline = *model_->multimodal_pipeline();
  const std::vector<float> once = pipeline.encode(noise(9'000, 5).input);
  const std::uint64_t bytes = pipeline.encoded().bytes();
  EXPECT_EQ(bytes, once.size() * sizeof(float));
  EXPECT_EQ(pipeline.encode(noise(9'000, 5).input), once);
  EXPECT_EQ(pipeline.encoded().bytes(), bytes);
  EXPECT_NE(pipeline.encode(noise(9'000, 6).input), once);
  EXPECT_EQ(pipeline.encoded().bytes(), 2 * bytes);
}

TEST_P(Sounds, WhatCannotBeHeardIsRefused) {
  EXPECT_THROW(static_cast<void>(model_->sounds()->prepared({16000, {}})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(model_->sounds()->prepared({8000, {0.5f, 0.25f}})),
               InvalidArgument);
  EXPECT_THROW(static_cast<void>(model_->multimodal_pipeline()->picture({})), UnsupportedError);
  const std::string text = "no sound at all";
  EXPECT_THROW(static_cast<void>(model_->sounds()->read(std::as_bytes(std::span(text)), "'it'")),
               Error);
  // As much as fits the context is heard, and not more.
  const double most = model_->sounds()->max_seconds();
  EXPECT_GT(most, 2.0);
  EXPECT_LT(most, 4000.0);
}

INSTANTIATE_TEST_SUITE_P(Models, Sounds, ::testing::ValuesIn(sound_models()), [](const auto& each) {
  std::string name = each.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(SoundWindows, FamiliesCutThemEachInItsWay) {
  LogMelConfig config;
  config.window_seconds = 1;
  const LogMel log_mel(config);
  const std::vector<float> samples(16000 + 4001, 0.25f);
  const auto extents = [&](WindowRule rule) {
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    for (const EncoderWindow& window : sound_windows(log_mel, rule, samples))
      out.emplace_back(window.extent.rows, std::ssize(window.frames) / config.bins);
    return out;
  };
  using Extents = std::vector<std::pair<std::int64_t, std::int64_t>>;
  // 4001 samples reach into a 26th frame.
  EXPECT_EQ(extents(WindowRule::kEach), (Extents{{50, 100}, {13, 27}}));
  EXPECT_EQ(extents(WindowRule::kFilled), (Extents{{50, 100}, {50, 100}}));
  EXPECT_EQ(extents(WindowRule::kEnding), (Extents{{50, 100}, {13, 26}}));
}

}  // namespace
}  // namespace sirocco::testing
