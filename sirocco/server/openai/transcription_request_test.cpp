#include "sirocco/server/openai/transcription_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::openai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<FormPart> with_file(std::vector<FormPart> more = {}) {
  more.insert(more.begin(), {"file", "bytes", true});
  return more;
}

TEST(TranscriptionRequest, HasWhatClientsSend) {
  const TranscriptionRequest least = read_transcription_request(with_file());
  EXPECT_EQ(least.file, "bytes");
  EXPECT_FALSE(least.model || least.language || least.stream);
  EXPECT_EQ(least.format, TranscriptFormat::kJson);
  EXPECT_THAT(least.temperatures(), ElementsAre(0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f));

  const TranscriptionRequest most = read_transcription_request(with_file({
      {"model", "whisper"},
      {"language", "de"},
      {"prompt", "so far"},
      {"response_format", "verbose_json"},
      {"temperature", "0.7"},
      {"seed", "-2"},
      {"stream", "false"},
      {"chunking_strategy", "auto"},
      {"timestamp_granularities[]", "segment"},
  }));
  EXPECT_EQ(most.model, "whisper");
  EXPECT_EQ(most.language, "de");
  EXPECT_EQ(most.prompt, "so far");
  EXPECT_EQ(most.format, TranscriptFormat::kVerboseJson);
  EXPECT_THAT(most.temperatures(), ElementsAre(0.7f, 0.9f));
  EXPECT_EQ(most.seed, static_cast<std::uint64_t>(-2));
  EXPECT_TRUE(read_transcription_request(with_file({{"stream", "true"}})).stream);
}

TEST(TranscriptionRequest, MistakesAreNamed) {
  struct Case {
    std::vector<FormPart> parts;
    std::string_view param;
    std::string_view says;
  };
  for (const auto& [parts, param, says] : {
           Case{{}, "file", "missing"},
           {{{"file", "text"}}, "file", "a file's name"},
           {with_file({{"file", "more", true}}), "file", "twice"},
           {with_file({{"sound", "more", true}}), "sound", "is a file"},
           {with_file({{"temperature", "1.1"}}), "temperature", "from 0 to 1"},
           {with_file({{"temperature", "warm"}}), "temperature", "'warm'"},
           {with_file({{"response_format", "diarized_json"}}), "response_format", "verbose_json"},
           {with_file({{"timestamp_granularities[]", "word"}, {"response_format", "verbose_json"}}),
            "timestamp_granularities[0]", "segment"},
           {with_file({{"timestamp_granularities[]", "segment"}}), "timestamp_granularities",
            "response_format"},
           {with_file({{"stream", "true"}, {"response_format", "srt"}}), "stream",
            "response_format"},
           {with_file({{"include[]", "logprobs"}}), "include", "aren't told"},
           {with_file({{"chunking_strategy", "none"}}), "chunking_strategy", "windows"},
           {with_file({{"langauge", "de"}}), "langauge", "language"},
       }) {
    try {
      read_transcription_request(parts);
      ADD_FAILURE() << param << " was accepted";
    } catch (const InvalidRequest& e) {
      EXPECT_EQ(e.param(), param) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(says));
    }
  }
}

}  // namespace
}  // namespace sirocco::openai
