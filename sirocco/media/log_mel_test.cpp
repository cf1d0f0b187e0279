#include "sirocco/media/log_mel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

MemoryFiles folder(MemoryFiles::Map files) { return MemoryFiles::in("model/", std::move(files)); }

TEST(LogMelConfig, IsReadFromPreprocessorConfig) {
  const LogMelConfig config = read_log_mel_config(
      folder({{"preprocessor_config.json",
               R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 128,
            "chunk_length": 15, "n_fft": 512, "hop_length": 128, "sampling_rate": 8000,
            "padding_value": 0.5, "padding_side": "right", "dither": 0.0, "n_samples": 7,
            "mel_filters": [[0.0, 1.0], [1.0, 0.0]], "processor_class": "WhisperProcessor"})"}}));
  EXPECT_EQ(config.bins, 128);
  EXPECT_EQ(config.window_seconds, 15);
  EXPECT_EQ(config.frame, 512);
  EXPECT_EQ(config.hop, 128);
  EXPECT_EQ(config.rate, 8000);
  EXPECT_EQ(config.padding_value, 0.5f);
  EXPECT_EQ(config.window_samples(), 120000);
  EXPECT_EQ(config.window_frames(), 937);
}

TEST(LogMelConfig, OfTheProcessorComesFirst) {
  const std::string other = R"({"feature_size": 40})";
  for (const std::string member : {"feature_extractor", "audio_processor"}) {
    const LogMelConfig config = read_log_mel_config(
        folder({{"processor_config.json", R"({")" + member + R"(": {"feature_size": 96}})"},
                {"preprocessor_config.json", other}}));
    EXPECT_EQ(config.bins, 96);
  }
  EXPECT_EQ(read_log_mel_config(folder({{"processor_config.json", R"({"image_processor": {}})"},
                                        {"preprocessor_config.json", other}}))
                .bins,
            40);
  EXPECT_THROW(read_log_mel_config(folder({})), NotFound);
}

TEST(LogMelConfig, RefusesWhatItCannotDo) {
  const auto read = [](const std::string& members) {
    return [members] {
      read_log_mel_config(folder({{"preprocessor_config.json", "{" + members + "}"}}));
    };
  };
  EXPECT_THAT(read(R"("feature_extractor_type": "EncodecFeatureExtractor")"),
              ThrowsMessage<UnsupportedError>(HasSubstr("'EncodecFeatureExtractor'")));
  EXPECT_THAT(read(R"("dither": 0.1)"), ThrowsMessage<UnsupportedError>(HasSubstr("dither")));
  EXPECT_THAT(read(R"("padding_side": "left")"),
              ThrowsMessage<UnsupportedError>(HasSubstr("padding_side")));
  EXPECT_THAT(read(R"("feature_size": 0)"),
              ThrowsMessage<FormatError>(HasSubstr("model/preprocessor_config.json: "
                                                   "'feature_extractor.feature_size' is 0")));
  EXPECT_THAT(read(R"("feature_size": "80")"),
              ThrowsMessage<FormatError>(HasSubstr("feature_size")));
  EXPECT_THAT(read(R"("hop_length": 401)"), ThrowsMessage<FormatError>(HasSubstr("1 to 400")));
}

TEST(LogMel, RefusesConfigurationsThatTakeTooLong) {
  LogMelConfig prime;
  prime.frame = 16381;
  EXPECT_THAT([&] { LogMel{prime}; }, ThrowsMessage<InvalidArgument>(HasSubstr("prime factor")));
  LogMelConfig long_one;
  long_one.window_seconds = 3600;
  long_one.hop = 1;
  EXPECT_THAT([&] { LogMel{long_one}; }, ThrowsMessage<InvalidArgument>(HasSubstr("values")));
}

TEST(LogMel, SilenceIsFlat) {
  const LogMel log_mel({});
  const LogMelFrames frames = log_mel.window({});
  EXPECT_EQ(frames.frames, 3000);
  EXPECT_THAT(frames.values, Each(-1.5f));
}

TEST(LogMel, AnyFrameLengthThatSplitsHasItsFrames) {
  for (const int frame : {4, 25, 99, 400, 1001}) {
    LogMelConfig config;
    config.frame = frame;
    config.hop = 3;
    config.window_seconds = 1;
    const LogMel log_mel(config);
    for (const std::int64_t length : {frame / 2 + 1, 2 * frame, 2 * frame + 1}) {
      const std::vector<float> sound(static_cast<std::size_t>(length), 0.25f);
      const LogMelFrames frames = log_mel.whole(sound);
      EXPECT_EQ(frames.frames, (length - frame % 2) / 3);
      EXPECT_EQ(std::ssize(frames.values), frames.frames * frames.bins);
    }
    const std::vector<float> too_short(static_cast<std::size_t>(frame / 2));
    EXPECT_THROW(log_mel.whole(too_short), InvalidArgument);
  }
}

}  // namespace
}  // namespace sirocco
