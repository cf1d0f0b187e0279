// Models that see against what transformers makes of the same pictures and prompts
// (tests/golden/pictures/README.md), on the way that a program takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sirocco/engine/load.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/text/message_contents.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/models/made_pictures_testing.hpp"

namespace sirocco::testing {
namespace {

/// Two float32 computations of these models differ by some 1e-6 of the largest number, and the
/// smallest mistake by 2e-5.
constexpr double kNear = 1e-5;

jinja::Value message_of(const std::vector<ContentPart>& contents) {
  std::vector<jinja::Value> parts;
  for (const ContentPart& part : contents)
    parts.push_back(part.picture ? medium_part(Medium::kPicture) : text_part(part.text));
  jinja::Dict message;
  message.set("role", jinja::Value::string("user"));
  message.set("content", jinja::Value::list(std::move(parts)));
  return jinja::Value::list({jinja::Value::dict(std::move(message))});
}

class Pictures : public ::testing::TestWithParam<std::string> {
 protected:
  Pictures() : recorded_(read_picture_model(GetParam())) {
    LoadOptions options;
    options.placement.threads = 2;
    options.pipeline.kv_type = KvType::kF32;
    model_.emplace(load_language_model(machine_, recorded_.folder, std::move(options)));
  }

  std::vector<ReadMedium> read(const std::vector<MadePicture>& pictures) const {
    std::vector<ReadMedium> out;
    for (const MadePicture& made : pictures)
      out.push_back(model_->pictures()->prepared(picture_of(made)));
    return out;
  }

  RenderedPrompt rendered(const std::vector<ContentPart>& contents) const {
    ChatContext context;
    context.messages = message_of(contents);
    return model_->chat_format().render(std::move(context));
  }

  /// Tokens, and for rows of pictures the token that stands for them.
  std::vector<std::int32_t> ids_of(const std::vector<PromptPart>& parts) const {
    std::vector<std::int32_t> ids;
    for (const PromptPart& part : parts) {
      if (const auto* tokens = std::get_if<std::vector<TokenId>>(&part))
        for (const TokenId token : *tokens) ids.push_back(token.value());
      else
        ids.insert(ids.end(), std::get<EncodedRows>(part).rows.size(), recorded_.image_token_id);
    }
    return ids;
  }

  /// The rows of all pictures of a prompt, in its order.
  std::vector<float> rows_of_pictures(const std::vector<PromptPart>& parts) const {
    std::vector<float> out;
    for (const PromptPart& part : parts) {
      const auto* const shown = std::get_if<EncodedRows>(&part);
      if (shown == nullptr) continue;
      const std::vector<float> all = model_->multimodal_pipeline()->encode(shown->input);
      const auto width = static_cast<std::ptrdiff_t>(shown->input->width());
      for (const std::int32_t row : shown->rows) {
        const auto from =
            row == EncodedRows::kNewline ? all.end() - width : all.begin() + row * width;
        out.insert(out.end(), from, from + width);
      }
    }
    return out;
  }

  /// The prompt as the language model gets it, its rows placed as `recorded` has them.
  Prompt prompt_of(const std::vector<PromptPart>& parts, const PicturePrompt& recorded) const {
    std::vector<Prompt::Piece> pieces;
    PromptLayout layout;
    std::int32_t at = 0;
    for (const PromptPart& part : parts) {
      if (const auto* tokens = std::get_if<std::vector<TokenId>>(&part)) {
        at += static_cast<std::int32_t>(tokens->size());
        pieces.emplace_back(*tokens);
        continue;
      }
      const auto& shown = std::get<EncodedRows>(part);
      const auto count = static_cast<std::int32_t>(shown.rows.size());
      if (shown.mutual) layout.mutual.push_back({Position(at), Position(at + count)});
      at += count;
      pieces.emplace_back(
          std::make_shared<const EmbeddedRows>(shown.input->width(), rows_of_pictures({part})));
    }
    if (!recorded.positions.empty()) {
      std::vector<std::int32_t> numbers;
      for (std::size_t row = 0; row < recorded.ids.size(); ++row)
        for (const auto& axis : recorded.positions) numbers.push_back(axis[row]);
      layout.rotary.emplace(static_cast<int>(recorded.positions.size()), std::move(numbers));
    }
    return Prompt(std::move(pieces), std::move(layout));
  }

  const PictureModel recorded_;
  Machine machine_;
  std::optional<LoadedModel> model_;
};

TEST_P(Pictures, PromptsHaveTheRowsThatTransformersGivesThem) {
  ASSERT_NE(model_->pictures(), nullptr);
  ASSERT_FALSE(recorded_.prompts.empty());
  for (const PicturePrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    const RenderedPrompt text = rendered(prompt.contents);
    EXPECT_EQ(text.text, prompt.rendered);
    const std::vector<PromptPart> parts = model_->media()->parts(text, read(prompt.pictures));
    EXPECT_EQ(ids_of(parts), prompt.ids);
    if (prompt.pictures.empty()) continue;
    const std::vector<float> rows = rows_of_pictures(parts);
    EXPECT_LT(largest_difference(prompt.rows, rows), kNear);
  }
}

TEST_P(Pictures, LogitsAreThoseOfTransformers) {
  LanguagePipeline& language = model_->pipeline();
  for (const PicturePrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    const std::vector<PromptPart> parts =
        model_->media()->parts(rendered(prompt.contents), read(prompt.pictures));
    const Prompt given = prompt_of(parts, prompt);
    std::vector<float> all;
    language.score(given, {}, [&](std::int64_t, std::span<const float> logits) {
      all.insert(all.end(), logits.begin(), logits.end());
    });
    EXPECT_LT(largest_difference(prompt.all_logits, all), kNear);
    // The same of parts, whose pictures are encoded then.
    std::vector<float> of_parts;
    model_->multimodal_pipeline()->score(parts, {}, [&](std::int64_t, std::span<const float> row) {
      of_parts.insert(of_parts.end(), row.begin(), row.end());
    });
    EXPECT_EQ(of_parts, all);
  }
}

TEST_P(Pictures, AnswersAreThoseOfTransformers) {
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  for (const PicturePrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    TextRequest request;
    request.prompt = model_->media()->parts(rendered(prompt.contents), read(prompt.pictures));
    request.sampling.temperature = 0;
    request.max_tokens = std::ssize(prompt.continuation);
    request.ignore_end = true;
    for (const bool again : {false, true}) {
      const Completion answer = session.complete(request);
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

TEST_P(Pictures, WhatAUserWritesStaysText) {
  for (const PicturePrompt& prompt : recorded_.prompts) {
    if (prompt.pictures.size() != 1) continue;
    std::vector<ContentPart> contents = prompt.contents;
    contents.push_back({"and " + recorded_.placeholder + " too", std::nullopt});
    const RenderedPrompt text = rendered(contents);
    EXPECT_EQ(model_->media()->places(text), std::vector{Medium::kPicture});
    const auto parts = model_->media()->parts(text, read(prompt.pictures));
    const auto rows = [](const std::vector<PromptPart>& of) {
      std::int64_t count = 0;
      for (const PromptPart& part : of)
        if (const auto* shown = std::get_if<EncodedRows>(&part)) count += std::ssize(shown->rows);
      return count;
    };
    EXPECT_EQ(rows(parts), std::ranges::count(prompt.ids, recorded_.image_token_id));
    return;
  }
}

TEST_P(Pictures, TypedPlaceholdersMakeTheRecordedIds) {
  if (!recorded_.typed || recorded_.typed->ids.empty()) return;
  const auto parts =
      model_->media()->parts(rendered(recorded_.typed->contents), read(recorded_.typed->pictures));
  EXPECT_EQ(ids_of(parts), recorded_.typed->ids);
}

LoadedModel loaded(Machine& machine, const std::string& name, std::vector<LayerIndex> cuts = {}) {
  LoadOptions options;
  options.placement.threads = 2;
  options.pipeline.kv_type = KvType::kF32;
  options.cuts = std::move(cuts);
  return load_language_model(machine, read_picture_model(name).folder, std::move(options));
}

/// A template that takes texts, and a prompt without one, get what the family's own would write.
TEST(PicturePlaces, HaveTheMarksOfTheFamilyAroundThem) {
  Machine machine;
  const LoadedModel model = loaded(machine, "qwen2-vl");
  const PictureReader& reader = *model.pictures();
  const std::string shown(reader.placeholder());
  EXPECT_EQ(shown, "<|vision_start|><|image_pad|><|vision_end|>");
  const PictureModel recorded = read_picture_model("qwen2-vl");
  const RenderedPrompt prompt{.text = shown + "What?", .trusted = {{0, shown.size()}}};
  const PicturePrompt& one = recorded.prompts.front();
  const ReadMedium picture = reader.prepared(picture_of(one.pictures[0]));
  const auto parts = model.media()->parts(prompt, std::span(&picture, 1));
  ASSERT_EQ(parts.size(), 3U);
  const Vocabulary& vocabulary = model.tokenizer().vocabulary();
  using Tokens = std::vector<TokenId>;
  EXPECT_EQ(std::get<Tokens>(parts[0]), Tokens{vocabulary.find("<|vision_start|>").value()});
  EXPECT_EQ(std::get<Tokens>(parts[2]).front(), vocabulary.find("<|vision_end|>").value());
  EXPECT_EQ(std::get<EncodedRows>(parts[1]).plane, (PatchGrid{2, 6}));

  MultimodalJob job;
  job.prompt = parts;
  std::get<EncodedRows>(job.prompt[1]).plane = PatchGrid{3, 6};
  EXPECT_THROW(CheckedMultimodalJob(*model.pipeline().limits(), job), InvalidArgument);
}

/// What follows an answer finds all before it in the cache, and gets the answer that it would get
/// without.
TEST(PicturePlaces, AreTheSameInTheNextTurn) {
  for (const char* name : {"qwen2-vl", "qwen3-vl", "mistral3"}) {
    SCOPED_TRACE(name);
    Machine machine;
    const LoadedModel model = loaded(machine, name);
    const PictureModel recorded = read_picture_model(name);
    const PicturePrompt& two = recorded.prompts.at(1);
    ChatContext context;
    context.messages = message_of(two.contents);
    std::vector<ReadMedium> pictures;
    for (const MadePicture& made : two.pictures)
      pictures.emplace_back(model.pictures()->prepared(picture_of(made)));
    Engine engine(machine);
    LanguageSession session(engine, model.add_to(engine), model.tokenizer());
    TextRequest request;
    std::vector<PromptPart> parts =
        model.media()->parts(model.chat_format().render(context), pictures);
    request.prompt = parts;
    request.sampling.temperature = 0;
    request.max_tokens = 40;
    request.ignore_end = true;
    const Completion first = session.complete(request);
    ASSERT_EQ(first.tokens.size(), 40U);
    std::vector<TokenId> behind = first.tokens;
    const auto question = model.tokenizer().tokenize(std::array{TextSegment{"And left?", false}});
    behind.insert(behind.end(), question.begin(), question.end());
    parts.emplace_back(std::move(behind));
    request.prompt = parts;
    const Completion found = session.complete(request);
    EXPECT_GE(found.usage.cached, (first.usage.prompt + 39) / 32 * 32);

    const LoadedModel fresh = loaded(machine, name);
    Engine other(machine);
    LanguageSession anew(other, fresh.add_to(other), fresh.tokenizer());
    for (PromptPart& part : parts) {
      auto* const rows = std::get_if<EncodedRows>(&part);
      if (rows == nullptr) continue;
      const auto shown = std::ranges::find_if(pictures, [&](const ReadMedium& picture) {
        return std::get<ReadPicture>(picture).input == rows->input;
      });
      const auto index = static_cast<std::size_t>(shown - pictures.begin());
      rows->input = fresh.pictures()->prepared(picture_of(two.pictures.at(index))).input;
    }
    request.prompt = parts;
    const Completion read = anew.complete(request);
    EXPECT_EQ(read.usage.cached, 0);
    EXPECT_EQ(read.tokens, found.tokens);
  }
}

/// Rows of Qwen3-VL's pictures are added behind the first two of three layers.
TEST(PicturePlaces, StagesDontCutTheLayersThatRowsAreAddedBehind) {
  Machine machine;
  // Its text is left, and a warning.
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(loaded(machine, "qwen3-vl", {LayerIndex(1)}).pictures(), nullptr);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("added behind the first 2 layers"),
            std::string::npos);
  EXPECT_NE(loaded(machine, "qwen3-vl", {LayerIndex(2)}).pictures(), nullptr);
  EXPECT_NE(loaded(machine, "qwen2-vl", {LayerIndex(1)}).pictures(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Models, Pictures, ::testing::ValuesIn(picture_models()),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace sirocco::testing
