#include "sirocco/media/resampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace sirocco {
namespace {

std::vector<float> resample(std::span<const float> samples, int from, int to, std::size_t piece) {
  Resampler resampler(from, to);
  std::vector<float> out;
  for (std::size_t i = 0; i < samples.size(); i += piece)
    resampler.add(samples.subspan(i, std::min(piece, samples.size() - i)), out);
  resampler.finish(out);
  return out;
}

std::vector<float> noise(std::size_t count) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> amplitude(-1.0f, 1.0f);
  std::vector<float> out(count);
  std::ranges::generate(out, [&] { return amplitude(random); });
  return out;
}

TEST(Resampler, CutsDontMatter) {
  const std::vector<float> sound = noise(30011);
  for (const auto& [from, to] : {std::pair{44100, 16000}, {8000, 16000}, {7919, 16000}}) {
    const std::vector<float> whole = resample(sound, from, to, sound.size());
    for (const std::size_t piece : {std::size_t{1}, std::size_t{977}, std::size_t{16384}})
      EXPECT_EQ(resample(sound, from, to, piece), whole) << from << " " << piece;
  }
}

TEST(Resampler, MakesAsManySamplesAsTimeAsksFor) {
  for (const int from : {4000, 8000, 11025, 16000, 22050, 44100, 48000, 384000}) {
    for (const std::size_t count : {0, 1, 2, 3, 100, 40001}) {
      const double wanted = std::ceil(static_cast<double>(count) * 16000.0 / from);
      EXPECT_EQ(resample(noise(count), from, 16000, 5000).size(), wanted) << from << " " << count;
    }
  }
}

TEST(Resampler, EqualRatesChangeNothing) {
  const std::vector<float> sound = noise(1000);
  EXPECT_EQ(resample(sound, 16000, 16000, 300), sound);
}

}  // namespace
}  // namespace sirocco
