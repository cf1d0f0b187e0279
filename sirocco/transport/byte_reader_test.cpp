#include "sirocco/transport/byte_reader.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/ids.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {
namespace {

enum class Color : std::uint8_t { kRed, kGreen, kBlue };

static_assert(PlainValue<int> && PlainValue<double> && PlainValue<TokenId>);
static_assert(!PlainValue<bool> && !PlainValue<Color> && !PlainValue<long double> &&
              !PlainValue<int*>);

constexpr std::uint64_t kMaxText = 50;
constexpr std::uint64_t kMaxNumbers = 20;
constexpr std::uint64_t kMaxParts = 10;

struct Part {
  std::string text;
  std::vector<TokenId> tokens;
  std::optional<float> weight;
  friend bool operator==(const Part&, const Part&) = default;
};

/// One of everything.
struct Sample {
  std::int32_t number = 0;
  std::uint64_t large = 0;
  double real = 0;
  bool yes = false;
  Color color = Color::kRed;
  SequenceId sequence;
  std::vector<std::int32_t> numbers;
  std::vector<Part> parts;
  friend bool operator==(const Sample&, const Sample&) = default;
};

std::vector<std::byte> write(const Sample& sample) {
  ByteWriter writer;
  writer.write(sample.number);
  writer.write(sample.large);
  writer.write(sample.real);
  writer.write(sample.yes);
  writer.write_enum(sample.color);
  writer.write(sample.sequence);
  writer.write_values(sample.numbers);
  writer.write_each(sample.parts, [&](const Part& part) {
    writer.write_string(part.text);
    writer.write_values(part.tokens);
    writer.write_optional(part.weight, [&](float weight) { writer.write(weight); });
  });
  return writer.take();
}

Sample read(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "a sample");
  Sample sample;
  sample.number = reader.read<std::int32_t>("the number");
  sample.large = reader.read<std::uint64_t>("the large number");
  sample.real = reader.read<double>("the real number");
  sample.yes = reader.read_bool("the answer");
  sample.color = reader.read_enum(Color::kBlue, "the color");
  sample.sequence = reader.read<SequenceId>("the sequence");
  reader.read_values(sample.numbers, kMaxNumbers, "the numbers");
  const auto read_part = [&] {
    Part part;
    part.text = reader.read_string(kMaxText, "a text");
    part.tokens = reader.read_values<TokenId>(kMaxNumbers, "tokens");
    part.weight = reader.read_optional([&] { return reader.read<float>("a weight"); }, "whether");
    return part;
  };
  sample.parts = reader.read_each(read_part, kMaxParts, "the parts");
  reader.finish();
  return sample;
}

Sample any_sample() {
  Sample sample;
  sample.number = *rc::gen::arbitrary<std::int32_t>();
  sample.large = *rc::gen::arbitrary<std::uint64_t>();
  sample.real = *rc::gen::arbitrary<double>();
  sample.yes = *rc::gen::arbitrary<bool>();
  sample.color = static_cast<Color>(*rc::gen::inRange(0, 3));
  sample.sequence = SequenceId(*rc::gen::arbitrary<std::uint64_t>());
  sample.numbers.resize(*rc::gen::inRange<std::size_t>(0, kMaxNumbers + 1));
  for (std::int32_t& number : sample.numbers) number = *rc::gen::arbitrary<std::int32_t>();
  sample.parts.resize(*rc::gen::inRange<std::size_t>(0, 4));
  for (Part& part : sample.parts) {
    part.text.resize(*rc::gen::inRange<std::size_t>(0, kMaxText + 1));
    for (char& c : part.text) c = *rc::gen::arbitrary<char>();
    part.tokens.resize(*rc::gen::inRange<std::size_t>(0, 4));
    for (TokenId& token : part.tokens) token = TokenId(*rc::gen::arbitrary<std::int32_t>());
    if (*rc::gen::arbitrary<bool>()) part.weight = *rc::gen::arbitrary<float>();
  }
  return sample;
}

/// What is said where `body(reader)` refuses what was written.
template <class F>
std::string refusal(ByteWriter& writer, F body) {
  const std::vector<std::byte> bytes = writer.take();
  ByteReader reader(bytes, "a step");
  try {
    body(reader);
  } catch (const FormatError& e) {
    return e.what();
  }
  return "";
}

RC_GTEST_PROP(ByteReader, ReadsWhatAByteWriterWrote, ()) {
  const Sample sample = any_sample();
  RC_ASSERT(read(write(sample)) == sample);
}

RC_GTEST_PROP(ByteReader, EveryCutIsRefused, ()) {
  const std::vector<std::byte> bytes = write(any_sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    RC_ASSERT_THROWS_AS(read(std::span(bytes).first(size)), FormatError);
}

// What is read of changed bytes gives these bytes again: nothing was overlooked or made up.
RC_GTEST_PROP(ByteReader, ChangedBytesAreRefusedOrAnotherValue, ()) {
  std::vector<std::byte> bytes = write(any_sample());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const std::byte before = bytes[at];
    bytes[at] ^= static_cast<std::byte>(*rc::gen::inRange(1, 256));
    try {
      RC_ASSERT(write(read(bytes)) == bytes);
    } catch (const FormatError&) {
    }
    bytes[at] = before;
  }
}

TEST(ByteReader, RefusalsNameTheValueAndItsPlace) {
  ByteWriter writer;
  writer.write(std::uint16_t{7});
  EXPECT_EQ(refusal(writer, [](ByteReader& r) { r.read<std::uint32_t>("the width"); }),
            "a step: the width takes 4 bytes at offset 0, but 2 are left");
  writer.write(std::uint8_t{1});
  writer.write(std::uint8_t{2});
  EXPECT_EQ(refusal(writer,
                    [](ByteReader& r) {
                      EXPECT_TRUE(r.read_bool("the first"));
                      r.read_bool("the second");
                    }),
            "a step: the second at offset 1 is 2, neither 0 nor 1");
  writer.write(std::uint8_t{3});
  EXPECT_EQ(refusal(writer, [](ByteReader& r) { r.read_enum(Color::kBlue, "the color"); }),
            "a step: the color before offset 1 is 3, but 2 is the last");
  writer.write_string("four");
  EXPECT_EQ(refusal(writer, [](ByteReader& r) { r.read_string(3, "the name"); }),
            "a step: the name at offset 0 counts 4 members, but 3 are the most");
  writer.write(std::uint64_t{3});
  writer.write(std::uint64_t{1});
  EXPECT_EQ(refusal(writer, [](ByteReader& r) { r.read_values<std::int32_t>(5, "the rows"); }),
            "a step: the rows at offset 0 counts 3 members of 4 bytes or more, but 8 are left");
  writer.write(std::uint16_t{7});
  EXPECT_EQ(refusal(writer,
                    [](ByteReader& r) {
                      r.read<std::uint8_t>("the half");
                      r.finish();
                    }),
            "a step: 1 bytes are left after offset 1, where it ought to end");
}

TEST(ByteReader, CountsThatNoBytesHoldTakeNoMemory) {
  constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t count : {kEndless, kEndless / 8 + 1, std::uint64_t{1} << 40}) {
    ByteWriter writer;
    writer.write(count);
    writer.write(count);
    const std::vector<std::byte> bytes = writer.take();
    const auto reader = [&] { return ByteReader(bytes, "a step"); };
    EXPECT_THROW(reader().read_values<double>(kEndless, "values"), FormatError);
    EXPECT_THROW(reader().read_string(kEndless, "a text"), FormatError);
    EXPECT_THROW(reader().read_each([] { return 1; }, kEndless, "members"), FormatError);
  }
}

TEST(ByteReader, NothingIsReadBehindAnEmptyList) {
  ByteWriter writer;
  writer.write_values(std::vector<double>{});
  writer.write_string("");
  writer.write_each(std::vector<int>{}, [](int) { FAIL(); });
  const std::vector<std::byte> bytes = writer.take();
  EXPECT_EQ(bytes.size(), 24u);
  ByteReader reader(bytes, "a step");
  std::vector<double> kept = {1, 2};
  reader.read_values(kept, 0, "values");
  EXPECT_TRUE(kept.empty());
  EXPECT_EQ(reader.read_string(0, "a text"), "");
  EXPECT_TRUE(reader.read_each([] { return 1; }, 0, "members").empty());
  EXPECT_NO_THROW(reader.finish());
}

}  // namespace
}  // namespace sirocco
