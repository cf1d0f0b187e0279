#include "sirocco/media/sound_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/mapped_file.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

struct Wav {
  std::uint32_t format = 1;  // 1: integers, 3: floats
  std::uint32_t channels = 1;
  std::uint32_t rate = 16000;
  std::uint32_t bits = 16;
  std::string data = {};
  std::uint32_t claimed = 0;  // bytes of data; 0: as many as there are

  std::string bytes() const {
    const auto size = claimed != 0 ? claimed : static_cast<std::uint32_t>(data.size());
    std::string out = "RIFF";
    put(out, size + 36, 4);
    out += "WAVEfmt ";
    put(out, 16, 4);
    put(out, format, 2);
    put(out, channels, 2);
    put(out, rate, 4);
    put(out, rate * channels * bits / 8, 4);
    put(out, channels * bits / 8, 2);
    put(out, bits, 2);
    out += "data";
    put(out, size, 4);
    return out + data;
  }
};

std::string floats(std::initializer_list<float> values) {
  std::string out;
  for (const float value : values) put(out, std::bit_cast<std::uint32_t>(value), 4);
  return out;
}

Sound decode(const std::string& file, const SoundLimits& limits = {}) {
  return decode_sound(std::as_bytes(std::span(file)), 16000, "sound", limits);
}

std::string recorded(std::string_view name) {
  const MappedFile file(source_path("tests/golden/sound/" + std::string(name)));
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

TEST(SoundFile, ChannelsAreAveraged) {
  const Sound sound = decode(
      Wav{.format = 3, .channels = 2, .bits = 32, .data = floats({1, 0, -0.5, 0.25})}.bytes());
  EXPECT_EQ(sound.rate, 16000);
  EXPECT_THAT(sound.samples, ElementsAre(0.5f, -0.125f));
  EXPECT_DOUBLE_EQ(sound.seconds(), 2.0 / 16000.0);
}

TEST(SoundFile, LengthOfAStreamIsWhatItHolds) {
  EXPECT_THAT(
      decode(Wav{.data = std::string(2000, '\1'), .claimed = 0xFFFFFFFF - 36}.bytes()).samples,
      SizeIs(1000));
  EXPECT_THAT(decode(Wav{}.bytes()).samples, SizeIs(0));
}

TEST(SoundFile, LimitsSayWhatWasFoundAndAllowed) {
  const std::string second = Wav{.data = std::string(32000, '\1')}.bytes();
  EXPECT_THAT(decode(second, {.max_seconds = 1}).samples, SizeIs(16000));
  EXPECT_THAT(
      [&] { decode(second, {.max_bytes = 1000}); },
      ThrowsMessage<ResourceExhausted>("sound: has 32044 bytes of sound; 1000 are allowed"));
  EXPECT_THAT([&] { decode(second, {.max_seconds = 0.5}); },
              ThrowsMessage<ResourceExhausted>(
                  "sound: claims to be 1.0 s long; 0.5 s are allowed: cut it into parts"));
  EXPECT_THAT([&] { decode(second, {.min_rate = 16001, .max_rate = 20000}); },
              ThrowsMessage<InvalidArgument>(HasSubstr("16001 to 20000")));
  EXPECT_THAT([&] { decode(Wav{.channels = 33, .data = std::string(6600, '\1')}.bytes()); },
              ThrowsMessage<ResourceExhausted>("sound: has 33 channels; 1 to 32 are allowed"));
  EXPECT_THAT([&] { decode(Wav{.rate = 400000, .data = std::string(100, '\1')}.bytes()); },
              ThrowsMessage<ResourceExhausted>(
                  "sound: has 400000 samples a second; 1000 to 384000 are allowed"));
}

TEST(SoundFile, WhatAFileClaimsCountsAndWhatItHolds) {
  // 36 bits of STREAMINFO say how many samples there are.
  std::string claims = recorded("two.flac");
  claims[21] = static_cast<char>(claims[21] | 0x0F);
  EXPECT_THAT([&] { decode(claims); }, ThrowsMessage<ResourceExhausted>(HasSubstr("claims to be")));
  EXPECT_THAT([&] { decode(recorded("unknown.flac"), {.max_seconds = 0.01}); },
              ThrowsMessage<ResourceExhausted>(HasSubstr("longer than the 0.01 s")));
}

TEST(SoundFile, TagsMayStandInFront) {
  const std::string tag = std::string("ID3\4\0\0\0\0\1\2", 10) + std::string(130, '\0');
  for (const std::string_view name : {"two.flac", "layer3.mp3"})
    EXPECT_EQ(decode(tag + recorded(name)).samples, decode(recorded(name)).samples) << name;
  EXPECT_THROW(decode(tag), FormatError);
  EXPECT_THROW(decode(tag.substr(0, 12)), FormatError);
}

TEST(SoundFile, OtherFormatsAreNamed) {
  const auto opening = [](std::string_view begin) {
    return [file = std::string(begin) + std::string(64, '\0')] { decode(file); };
  };
  EXPECT_THAT(opening(std::string_view("\0\0\0\x20"
                                       "ftypM4A ",
                                       12)),
              ThrowsMessage<UnsupportedError>(HasSubstr("MP4")));
  EXPECT_THAT(opening("\x1a\x45\xdf\xa3"), ThrowsMessage<UnsupportedError>(HasSubstr("WebM")));
  EXPECT_THAT(opening("\xff\xf1\x50"), ThrowsMessage<UnsupportedError>(HasSubstr("AAC")));
  EXPECT_THAT(opening(std::string_view("FORM\0\0\0\0AIFF", 12)),
              ThrowsMessage<UnsupportedError>(HasSubstr("AIFF")));
  EXPECT_THAT(opening("<!DOCTYPE html>"),
              ThrowsMessage<FormatError>("sound: is no sound in WAV, FLAC, Ogg or MP3: it begins "
                                         "with '<!DOCTYP'"));
  EXPECT_THROW(decode(""), FormatError);
}

TEST(SoundFile, DamagedFilesAreErrorsOrShorter) {
  for (const std::string_view name :
       {"stereo.wav", "six.wav", "two.flac", "vorbis.ogg", "opus.ogg", "layer3.mp3"}) {
    const std::string whole = recorded(name);
    // libvorbis leaks what it has of a stream that ends among its headers, which are half of it.
    for (const std::size_t size : {std::size_t{4}, std::size_t{40}, whole.size() / 8 * 7}) {
      try {
        EXPECT_LE(decode(whole.substr(0, size)).samples.size(), decode(whole).samples.size())
            << name << " " << size;
      } catch (const FormatError& error) {
        EXPECT_THAT(error.what(), HasSubstr("sound: ")) << name << " " << size;
      }
    }
  }
}

TEST(SoundFile, SamplesAreNumbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_THAT(
        [&] {
          decode(Wav{.format = 3, .bits = 32, .data = floats({0, value})}.bytes());
        },
        ThrowsMessage<FormatError>(HasSubstr("no finite numbers")));
  }
}

}  // namespace
}  // namespace sirocco
