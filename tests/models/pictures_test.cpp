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

namespace sirocco::testing {
namespace {

/// Two float32 computations of these models differ by some 1e-6 of the largest number, and the
/// smallest mistake by 2e-5.
constexpr double kNear = 1e-5;

Picture picture_of(const MadePicture& made) {
  Picture picture({static_cast<int>(made.width), static_cast<int>(made.height)});
  for (int y = 0; y < picture.height(); ++y) {
    const auto row = picture.row(y);
    std::copy_n(made.rgb.begin() + static_cast<std::ptrdiff_t>(row.size()) * y, row.size(),
                row.begin());
  }
  return picture;
}

jinja::Value message_of(const std::vector<ContentPart>& contents) {
  std::vector<jinja::Value> parts;
  for (const ContentPart& part : contents)
    parts.push_back(part.picture ? picture_part() : text_part(part.text));
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

  std::vector<ReadPicture> read(const std::vector<MadePicture>& pictures) const {
    std::vector<ReadPicture> out;
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
        ids.insert(ids.end(), std::get<PictureRows>(part).rows.size(), recorded_.image_token_id);
    }
    return ids;
  }

  /// The rows of all pictures of a prompt, in its order.
  std::vector<float> rows_of_pictures(const std::vector<PromptPart>& parts) const {
    std::vector<float> out;
    for (const PromptPart& part : parts) {
      const auto* const shown = std::get_if<PictureRows>(&part);
      if (shown == nullptr) continue;
      const std::vector<float> all = model_->multimodal_pipeline()->encode(shown->picture);
      const auto width = static_cast<std::ptrdiff_t>(shown->picture->width());
      for (const std::int32_t row : shown->rows) {
        const auto from =
            row == PictureRows::kNewline ? all.end() - width : all.begin() + row * width;
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
      const auto& shown = std::get<PictureRows>(part);
      const auto count = static_cast<std::int32_t>(shown.rows.size());
      if (shown.mutual) layout.mutual.push_back({Position(at), Position(at + count)});
      at += count;
      pieces.emplace_back(
          std::make_shared<const EmbeddedRows>(shown.picture->width(), rows_of_pictures({part})));
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
    const std::vector<PromptPart> parts = model_->pictures()->parts(text, read(prompt.pictures));
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
        model_->pictures()->parts(rendered(prompt.contents), read(prompt.pictures));
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
    request.prompt = model_->pictures()->parts(rendered(prompt.contents), read(prompt.pictures));
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
    EXPECT_EQ(model_->pictures()->places(text), 1U);
    const auto parts = model_->pictures()->parts(text, read(prompt.pictures));
    const auto rows = [](const std::vector<PromptPart>& of) {
      std::int64_t count = 0;
      for (const PromptPart& part : of)
        if (const auto* shown = std::get_if<PictureRows>(&part)) count += std::ssize(shown->rows);
      return count;
    };
    EXPECT_EQ(rows(parts), std::ranges::count(prompt.ids, recorded_.image_token_id));
    return;
  }
}

TEST_P(Pictures, TypedPlaceholdersMakeTheRecordedIds) {
  if (!recorded_.typed || recorded_.typed->ids.empty()) return;
  const auto parts = model_->pictures()->parts(rendered(recorded_.typed->contents),
                                               read(recorded_.typed->pictures));
  EXPECT_EQ(ids_of(parts), recorded_.typed->ids);
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
