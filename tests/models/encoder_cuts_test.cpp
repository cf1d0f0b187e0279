// Encoders cut into parts, at every kind of place: the same bits as in one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sirocco/engine/load.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/golden/golden_sounds_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr double kAll = std::numeric_limits<double>::max();

class EncoderCuts : public ::testing::TestWithParam<std::string> {
 protected:
  LoadedModel load(int threads) {
    const bool sees = std::ranges::count(picture_models(), GetParam()) > 0;
    LoadOptions options;
    options.placement.threads = threads;
    return load_language_model(
        machine_,
        sees ? read_picture_model(GetParam()).folder : read_sound_model(GetParam()).folder,
        std::move(options));
  }

  /// A picture that is no square, of several tiles where there are such, or a sound of more than
  /// one window.
  static std::shared_ptr<const EncoderInput> input_of(const LoadedModel& model, int seed) {
    if (model.pictures() == nullptr) {
      Sound sound{16000, std::vector<float>(static_cast<std::size_t>(37'123 + 1'000 * seed))};
      for (std::size_t i = 0; i < sound.samples.size(); ++i)
        sound.samples[i] =
            std::sin(0.001f * static_cast<float>(seed) * static_cast<float>(i % 7919));
      return model.sounds()->prepared(sound).input;
    }
    Picture made({130 - 20 * seed, 70 + seed});
    for (int y = 0; y < made.height(); ++y)
      for (std::size_t i = 0; i < made.row(y).size(); ++i)
        made.row(y)[i] =
            static_cast<std::uint8_t>((i * 5 + static_cast<std::size_t>(y * (2 + seed))) % 251);
    return model.pictures()->prepared(made).input;
  }

  /// The rows of an input, with so much at a time as `budget` says; and how many times that was.
  template <class Budget>
  std::vector<float> encoded(const LoadedModel& model,
                             const std::shared_ptr<const EncoderInput>& input, Budget budget,
                             std::int64_t* times = nullptr) {
    StepMemory memory(&machine_.ledger());
    EncoderPass pass(input, &machine_.ledger());
    while (!pass.ended()) {
      const EncoderCost left = pass.left();
      pass.advance(budget(), model.backend(), memory);
      EXPECT_LT(pass.left(), left);
      if (times != nullptr) ++*times;
    }
    EXPECT_FALSE(pass.fault().has_value());
    return pass.rows();
  }

  static void expect_equal(const std::vector<float>& found, const std::vector<float>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0);
  }

  Machine machine_;
};

TEST_P(EncoderCuts, RowsOneByOneAreThoseOfAll) {
  const LoadedModel model = load(2);
  const auto input = input_of(model, 0);
  const std::vector<float> whole = encoded(model, input, [] { return kAll; });
  std::int64_t times = 0;
  expect_equal(encoded(
                   model, input, [] { return 0.0; }, &times),
               whole);
  std::int64_t rows = 0;
  for (const EncoderPiece& piece : input->pieces())
    rows += piece.sequence.rows() * (1 + 2 * input->encoder().info().layers) + piece.rows;
  EXPECT_EQ(times, rows);
}

TEST_P(EncoderCuts, CutsAreFree) {
  const LoadedModel model = load(1);
  const LoadedModel others = load(3);
  const auto input = input_of(model, 1);
  const std::vector<float> whole = encoded(model, input, [] { return kAll; });
  std::mt19937 random(7);
  for (int i = 0; i < 8; ++i) {
    // From some rows of a stage to several of them.
    std::uniform_real_distribution<double> share(std::log(1e-4), std::log(0.5));
    const auto budget = [&] { return std::exp(share(random)) * input->cost(); };
    const LoadedModel& runs = i % 2 == 0 ? model : others;
    expect_equal(encoded(runs, i % 2 == 0 ? input : input_of(others, 1), budget), whole);
  }
}

TEST_P(EncoderCuts, PassesInTurnKeepApart) {
  const LoadedModel model = load(2);
  const auto first = input_of(model, 0);
  const auto second = input_of(model, 2);
  const std::vector<float> alone[] = {encoded(model, first, [] { return kAll; }),
                                      encoded(model, second, [] { return kAll; })};
  StepMemory memory(&machine_.ledger());
  ByteLedger held(std::uint64_t{1} << 30);
  EncoderPass passes[] = {EncoderPass(first, &held), EncoderPass(second, &held)};
  std::mt19937 random(3);
  while (!passes[0].ended() || !passes[1].ended()) {
    EncoderPass& next = passes[random() % 2];
    if (!next.ended()) next.advance(first->cost() / 23, model.backend(), memory);
    // What they hold between parts is charged.
    EXPECT_EQ(held.in_use() > 0, !passes[0].ended() || !passes[1].ended());
  }
  for (std::size_t i = 0; i < 2; ++i) expect_equal(passes[i].rows(), alone[i]);
}

std::vector<std::string> models() {
  std::vector<std::string> out = picture_models();
  for (std::string& name : sound_models()) out.push_back(std::move(name));
  return out;
}
INSTANTIATE_TEST_SUITE_P(Models, EncoderCuts, ::testing::ValuesIn(models()), [](const auto& each) {
  std::string name = each.param;
  std::ranges::replace(name, '-', '_');
  std::ranges::replace(name, '.', '_');
  return name;
});

}  // namespace
}  // namespace sirocco::testing
