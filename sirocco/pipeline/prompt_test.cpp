#include "sirocco/pipeline/prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kWidth = 3;

std::vector<TokenId> tokens(std::initializer_list<std::int32_t> ids) {
  return std::vector<TokenId>(ids.begin(), ids.end());
}

/// Rows of the numbers 100 · number + row.
std::shared_ptr<const EmbeddedRows> picture(int number, std::int64_t rows, bool keyed = true) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < rows; ++row)
    values.insert(values.end(), kWidth, static_cast<float>(100 * number + row));
  const EmbeddingKey key{7, static_cast<std::uint64_t>(number)};
  return std::make_shared<const EmbeddedRows>(kWidth, std::move(values),
                                              keyed ? std::optional(key) : std::nullopt);
}

MutualSpan span_of(std::int32_t first, std::int32_t end) {
  return {Position(first), Position(end)};
}

/// The rows 0 to 9: t t p p p t q q t t
std::vector<Prompt::Piece> ten_rows() {
  return {tokens({1, 2}), picture(1, 3), tokens({3}), picture(2, 2), tokens({4, 5})};
}

/// Each row: its token, or the number that its embedding is made of.
std::vector<std::int32_t> spelled(const TextRows& rows) {
  std::vector<std::int32_t> out(static_cast<std::size_t>(rows.size()), -1);
  rows.each_given([&](const TextRows::Given& given) {
    for (std::size_t i = 0; i < given.values().size(); i += kWidth)
      out[static_cast<std::size_t>(given.first) + i / kWidth] =
          static_cast<std::int32_t>(given.values()[i]);
  });
  auto token = rows.tokens().begin();
  for (std::int32_t& row : out)
    if (row < 0) row = (token++)->value();
  EXPECT_EQ(token, rows.tokens().end());
  return out;
}

TEST(Prompt, PartsHaveTheRowsOfTheWhole) {
  const Prompt prompt(ten_rows());
  ASSERT_EQ(prompt.rows(), 10);
  const std::vector<std::int32_t> whole = spelled(prompt);
  EXPECT_EQ(whole, (std::vector{1, 2, 100, 101, 102, 3, 200, 201, 4, 5}));
  for (std::int64_t first = 0; first <= 10; ++first) {
    for (std::int64_t count = 0; first + count <= 10; ++count) {
      const TextRows part = TextRows(prompt).part(first, count);
      EXPECT_EQ(spelled(part), std::vector(whole.begin() + first, whole.begin() + first + count));
      if (count < 2) continue;
      EXPECT_EQ(spelled(part.part(1, count - 1)),
                std::vector(whole.begin() + first + 1, whole.begin() + first + count));
    }
  }
  const Prompt plain(tokens({1, 2, 3}));
  EXPECT_EQ(spelled(TextRows(plain).part(1, 2)), (std::vector{2, 3}));
}

TEST(Prompt, RowsThatSeeEachOtherAreNotCut) {
  const Prompt prompt(ten_rows(), {.mutual = {span_of(2, 5), span_of(5, 8)}});
  const TextRows rows = prompt;
  const auto taken = [](const TextRows& of) {
    std::vector<std::int64_t> out;
    for (std::int64_t wanted = 1; wanted <= of.size(); ++wanted)
      out.push_back(of.without_cut(wanted));
    return out;
  };
  EXPECT_EQ(taken(rows), (std::vector<std::int64_t>{1, 2, 2, 2, 5, 5, 5, 8, 9, 10}));
  EXPECT_EQ(taken(rows.part(2, 8)), (std::vector<std::int64_t>{3, 3, 3, 3, 3, 6, 7, 8}));
  // What the cache has of a span is there already.
  EXPECT_EQ(taken(rows.part(4, 6)), (std::vector<std::int64_t>{1, 1, 1, 4, 5, 6}));
  std::vector<IndivisibleRows> whole;
  rows.part(4, 6).list_indivisible(whole);
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_EQ(whole[0].first, 0);
  EXPECT_EQ(whole[0].end, 1);
  EXPECT_EQ(whole[1].first, 1);
  EXPECT_EQ(whole[1].end, 4);

  EXPECT_NO_THROW(rows.part(2, 3).require_step(2));
  EXPECT_NO_THROW(rows.part(4, 4).require_step(4));
  EXPECT_THROW(rows.part(2, 2).require_step(2), InvalidArgument);
  EXPECT_THROW(rows.part(2, 3).require_step(1), InvalidArgument);
  const SequenceRows step = rows.part(4, 5).in_step(SequenceId(1), Position(4));
  ASSERT_EQ(step.spans().size(), 2U);
  EXPECT_EQ(step.spans()[0].first, Position(4));
  EXPECT_EQ(step.spans()[0].end, Position(5));
}

TEST(Prompt, RotaryPositionsAreTheirRows) {
  std::vector<std::int32_t> numbers(20);
  std::iota(numbers.begin(), numbers.end(), 30);
  const Prompt prompt(ten_rows(), {.rotary = RotaryPositions(2, numbers)});
  const SequenceRows step = TextRows(prompt).part(3, 2).in_step(SequenceId(1), Position(3));
  ASSERT_TRUE(step.rotary());
  EXPECT_EQ(step.rotary()->axes(), 2);
  EXPECT_THAT(step.rotary()->numbers(), testing::ElementsAre(36, 37, 38, 39));
  EXPECT_EQ(prompt.answer_rotary_shift(), 50 - 10);
  const std::vector<TokenId> answer = tokens({6});
  const SequenceRows next =
      TextRows(answer).with_rotary_shift(40).in_step(SequenceId(1), Position(10));
  EXPECT_FALSE(next.rotary());
  EXPECT_EQ(next.rotary_shift(), 40);
}

std::vector<std::uint64_t> contents(const TextRows& rows, std::int32_t first = 0) {
  std::vector<ContentId> ids;
  rows.list_contents(Position(first), ids);
  std::vector<std::uint64_t> out;
  for (const ContentId id : ids) out.push_back(id.value());
  return out;
}

std::vector<std::size_t> differences(const std::vector<std::uint64_t>& a,
                                     const std::vector<std::uint64_t>& b) {
  std::vector<std::size_t> out;
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (a[i] != b[i]) out.push_back(i);
  return out;
}

TEST(Prompt, ContentsTellWhatARowDependsOn) {
  using Rows = std::vector<std::size_t>;
  const std::vector<std::uint64_t> plain = contents(Prompt(ten_rows()));
  ASSERT_EQ(plain.size(), 10U);
  EXPECT_EQ(plain[1], 2U);  // a token's own, with which other prompts share it
  EXPECT_EQ(plain[8], 4U);
  for (const std::size_t row : {2U, 3U, 4U, 6U, 7U})
    EXPECT_EQ(std::count(plain.begin(), plain.end(), plain[row]), 1) << row;
  const auto with = [](std::shared_ptr<const EmbeddedRows> first, PromptLayout layout = {}) {
    std::vector<Prompt::Piece> pieces = ten_rows();
    pieces[1] = std::move(first);
    return Prompt(std::move(pieces), std::move(layout));
  };
  EXPECT_EQ(differences(plain, contents(with(picture(1, 3)))), Rows());
  EXPECT_EQ(differences(plain, contents(with(picture(3, 3)))), (Rows{2, 3, 4}));
  // Rows that see each other depend on all of them, tokens too.
  const PromptLayout seeing{.mutual = {span_of(1, 5)}};
  const auto seen = contents(with(picture(1, 3), seeing));
  EXPECT_EQ(differences(plain, seen), (Rows{1, 2, 3, 4}));
  EXPECT_EQ(differences(seen, contents(with(picture(3, 3), seeing))), (Rows{1, 2, 3, 4}));
  EXPECT_EQ(differences(seen, contents(with(picture(1, 3), {.mutual = {span_of(1, 4)}}))),
            (Rows{1, 2, 3, 4}));
  // Without a key nobody shares them, nor what comes behind, nor what sees them.
  EXPECT_EQ(contents(with(picture(1, 3, false))).size(), 2U);
  EXPECT_EQ(contents(with(picture(1, 3, false), seeing)).size(), 1U);
  const Prompt unshared = with(picture(1, 3, false));
  EXPECT_TRUE(contents(TextRows(unshared).part(6, 2), 6).empty());
  // Where rows are put counts, unless it is where they are anyway.
  std::vector<std::int32_t> numbers;
  for (std::int32_t i = 0; i < 10; ++i) numbers.insert(numbers.end(), 3, i);
  const auto placed = [&](std::vector<std::int32_t> all) {
    return Prompt(ten_rows(), {.rotary = RotaryPositions(3, std::move(all))});
  };
  EXPECT_EQ(differences(plain, contents(placed(numbers))), Rows());
  auto moved = numbers;
  moved[3 * 2 + 1] = 9;
  moved[3 * 8 + 2] = 0;
  EXPECT_EQ(differences(plain, contents(placed(moved))), (Rows{2, 8}));
  // A token of an answer is what it is when the next prompt repeats it.
  for (std::size_t i = 27; i < 30; ++i) moved[i] = 21;
  const std::vector<TokenId> last = tokens({5});
  EXPECT_EQ(contents(TextRows(last).with_rotary_shift(12), 9).at(0), contents(placed(moved)).at(9));
  EXPECT_NE(contents(TextRows(last).with_rotary_shift(12), 9).at(0), 5U);
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const InvalidArgument& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Prompt, RefusesWhatDoesNotFit) {
  const auto embeddings = [](std::int64_t width, std::vector<float> values) {
    return message_of([&] { EmbeddedRows(width, std::move(values)); });
  };
  EXPECT_THAT(embeddings(3, std::vector<float>(7)), HasSubstr("7 numbers"));
  EXPECT_THAT(embeddings(3, {}), HasSubstr("at least one"));
  EXPECT_THAT(embeddings(0, {1.0f}), HasSubstr("width 0"));
  EXPECT_THAT(embeddings(2, {1.0f, 2.0f, 3.0f, std::numeric_limits<float>::quiet_NaN()}),
              HasSubstr("element 1 of embedding 1"));

  const auto made = [](PromptLayout layout) {
    return message_of([&] { Prompt(ten_rows(), std::move(layout)); });
  };
  EXPECT_THAT(made({.mutual = {span_of(8, 11)}}), HasSubstr("[8, 11)"));
  EXPECT_THAT(made({.mutual = {span_of(3, 3)}}), HasSubstr("[3, 3)"));
  EXPECT_THAT(made({.mutual = {span_of(3, 6), span_of(5, 7)}}), HasSubstr("[5, 7)"));
  EXPECT_THAT(made({.mutual = {span_of(-1, 2)}}), HasSubstr("[-1, 2)"));
  EXPECT_THAT(made({.rotary = RotaryPositions(1, std::vector<std::int32_t>(9))}),
              HasSubstr("of 9 rows for 10"));
  EXPECT_THAT(made({.rotary = RotaryPositions(1, std::vector<std::int32_t>(10, -4))}),
              HasSubstr("-4"));
  EXPECT_THAT(made({.rotary = RotaryPositions(1, std::vector<std::int32_t>(10, 1 << 25))}),
              HasSubstr("33554432"));
  EXPECT_THAT(message_of([] {
                Prompt({tokens({1}), std::shared_ptr<const EmbeddedRows>()}, {});
              }),
              HasSubstr("row 1"));

  PipelineLimits limits{.vocabulary = 6, .width = kWidth, .rotary_axes = 3, .max_step = 4};
  const auto fits = [&](std::vector<Prompt::Piece> pieces, PromptLayout layout = {}) {
    const Prompt prompt(std::move(pieces), std::move(layout));
    return message_of([&] { TextRows(prompt).require_fit(limits, "prompt: "); });
  };
  const auto rotary = [](int axes) {
    return PromptLayout{.rotary = RotaryPositions(
                            axes, std::vector<std::int32_t>(10 * static_cast<std::size_t>(axes)))};
  };
  EXPECT_EQ(fits(ten_rows()), "accepted");
  EXPECT_EQ(fits(ten_rows(), rotary(3)), "accepted");
  EXPECT_EQ(fits(ten_rows(), rotary(1)), "accepted");
  EXPECT_EQ(fits(ten_rows(), {.mutual = {span_of(2, 6)}}), "accepted");
  EXPECT_THAT(fits({tokens({1}), picture(1, 2), tokens({6})}), HasSubstr("no token 6"));
  EXPECT_THAT(fits(ten_rows(), rotary(2)), HasSubstr("2 numbers a row; the model takes 1 or 3"));
  EXPECT_THAT(fits(ten_rows(), {.mutual = {span_of(2, 7)}}),
              HasSubstr("the 5 rows from 2 on see each other, so that one step has them all; it "
                        "has 4 at most"));
  limits.rotary_axes = 0;
  EXPECT_THAT(fits(ten_rows(), rotary(1)), HasSubstr("no rotary encoding"));
  limits.width = 5;
  EXPECT_THAT(fits(ten_rows()), HasSubstr("row 2 is an embedding of width 3; the model's have 5"));
}

}  // namespace
}  // namespace sirocco
