#include "sirocco/formats/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/gguf_testing.hpp"

namespace sirocco {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace gguf_testing;
using namespace gguf_type;

TEST(Gguf, HandsOutMetadata) {
  const Opened opened = open(rich_file().bytes());
  const Metadata& m = *opened.checkpoint.metadata;
  EXPECT_EQ(m.origin(), "m.gguf");
  EXPECT_EQ(m.require<std::string_view>("general.architecture"), "llama");
  EXPECT_EQ(m.require<std::int64_t>("t.u8"), 255);
  EXPECT_EQ(m.require<std::int64_t>("t.i8"), -128);
  EXPECT_EQ(m.require<std::int64_t>("t.u16"), 65535);
  EXPECT_EQ(m.require<std::int64_t>("t.i16"), -32768);
  EXPECT_EQ(m.require<std::int64_t>("t.u32"), 4294967295);
  EXPECT_EQ(m.require<std::int64_t>("t.i32"), -2147483647);
  EXPECT_EQ(m.require<std::int64_t>("t.u64"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(m.require<std::int64_t>("t.i64"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(m.require<double>("t.f32"), static_cast<double>(0.1f));
  EXPECT_EQ(m.require<double>("t.f64"), 1e-300);
  EXPECT_EQ(m.require<double>("t.u8"), 255.0);
  EXPECT_TRUE(m.require<bool>("t.bool"));
  EXPECT_THAT(*m.get_array<std::vector<std::string_view>>("t.texts"),
              ElementsAre("a", "", std::string_view("\xff\0z", 3)));
  EXPECT_THAT(*m.get_array<std::vector<bool>>("t.bools"), ElementsAre(true, false, true));
  EXPECT_THAT(*m.get_array<std::vector<std::int64_t>>("t.i16s"), ElementsAre(-1, 2));
  EXPECT_THAT(*m.get_array<std::vector<double>>("t.f32s"), ElementsAre(0.5, -0.25));
  EXPECT_TRUE(m.get_array<std::vector<std::int64_t>>("t.none")->empty());
  EXPECT_EQ(m.find("t.nested"), nullptr);
  EXPECT_EQ(m.find("t."), nullptr);
  EXPECT_EQ(m.find("zzz"), nullptr);
  EXPECT_EQ(m.paths().size(), 17u);
  EXPECT_EQ(m.paths()[1], "t.u8");
  EXPECT_THROW(m.require<std::int64_t>("t.f32"), FormatError);
}

TEST(Gguf, HandsOutTensors) {
  const Opened opened = open(rich_file().bytes());
  const WeightSource& w = *opened.checkpoint.weights;
  ASSERT_EQ(w.tensors().size(), 4u);
  EXPECT_EQ(w.tensors()[0].name, "b");
  const StoredTensor* const a = w.find("a");
  ASSERT_EQ(a, &w.tensors()[1]);
  EXPECT_EQ(a->shape, (Shape{3, 2, 64}));
  EXPECT_EQ(a->format->id, FormatId::kQ4_1);
  ASSERT_EQ(a->bytes.size(), 3u * 2 * 2 * 20);
  EXPECT_TRUE(std::ranges::all_of(a->bytes, [](std::byte b) { return b == std::byte{2}; }));
  EXPECT_EQ(w.find("scalar")->shape, (Shape{1}));
  EXPECT_EQ(w.find("k")->shape, (Shape{2, 1, 1, 256}));
  EXPECT_EQ(w.find("k")->bytes.size(), 420u);
  EXPECT_EQ(w.find("c"), nullptr);
  EXPECT_EQ(w.find(""), nullptr);
  w.release(*a);
  EXPECT_EQ(a->bytes[0], std::byte{2});
}

TEST(Gguf, DoublesAreHandedOutAsFloats) {
  constexpr std::uint32_t kF64 = 28;
  GgufTestFile file;
  file.describe("w", {3, 2}, kF64, 0).describe("v", {2}, kF64, 64);
  GgufBytes bytes = file.header();
  bytes.pad(32);
  for (const double value : {1.0, 0.1, -3e300, 1e-46, 5.0, 6.0, 0.0, 0.0, 7.0, 8.0})
    bytes.number(value);
  const Opened opened = open(bytes.bytes());
  const StoredTensor& w = *opened.checkpoint.weights->find("w");
  EXPECT_EQ(w.shape, Shape({2, 3}));
  EXPECT_EQ(w.format->id, FormatId::kF32);
  std::array<float, 6> values{};
  w.read_rows(0, 2, reinterpret_cast<std::byte*>(values.data()));
  EXPECT_THAT(values, ElementsAre(1.0f, 0.1f, -INFINITY, 0.0f, 5.0f, 6.0f));
  const StoredTensor last = w.row_range(1, 1);
  last.read_rows(0, 1, reinterpret_cast<std::byte*>(values.data()));
  EXPECT_EQ(values[2], 6.0f);
  opened.checkpoint.weights->release(last);
  const StoredTensor& v = *opened.checkpoint.weights->find("v");
  v.read_rows(0, 1, reinterpret_cast<std::byte*>(values.data()));
  EXPECT_EQ(values[1], 8.0f);
  file = GgufTestFile();
  file.describe("w", {16}, kF64, 0).data(120);
  EXPECT_THAT(format_error(file), HasSubstr("tensor 'w' takes 128 bytes"));
}

TEST(Gguf, EitherHandleKeepsTheFileOpen) {
  Opened opened = open(rich_file().bytes());
  opened.checkpoint.metadata.reset();
  EXPECT_NE(opened.checkpoint.weights->find("a"), nullptr);
}

TEST(Gguf, ReadsVersionTwoAndVocabulariesAndOwnAlignments) {
  GgufTestFile two = rich_file();
  two.version = 2;
  EXPECT_EQ(open(two.bytes()).checkpoint.weights->tensors().size(), 4u);

  GgufTestFile vocabulary;
  vocabulary.texts("tokenizer.ggml.tokens", {"a", "b"});
  EXPECT_TRUE(open(vocabulary.bytes()).checkpoint.weights->tensors().empty());
  EXPECT_TRUE(open(GgufTestFile().bytes()).checkpoint.metadata->paths().empty());

  for (const std::uint32_t alignment : {1u, 8u, 4096u}) {
    GgufTestFile file;
    file.alignment = alignment;
    file.scalar("general.alignment", kU32, alignment)
        .tensor("x", {1}, FormatId::kF16, 1)
        .tensor("y", {32}, FormatId::kQ8_0, 9);
    EXPECT_EQ(open(file.bytes()).checkpoint.weights->find("y")->bytes[0], std::byte{9});
  }
}

TEST(Gguf, RefusesWhatIsNoGguf) {
  GgufTestFile file;
  file.magic = "GGML";
  EXPECT_THAT(format_error(file), AllOf(HasSubstr("m.gguf: "), HasSubstr("'GGML'")));
  EXPECT_THAT(message<FormatError>(Bytes(3, std::byte{'G'})), HasSubstr("cut short"));
  for (const std::uint32_t version : {0u, 1u, 4u, 77u}) {
    file = GgufTestFile();
    file.version = version;
    EXPECT_THAT(message<UnsupportedError>(file.bytes()),
                AllOf(HasSubstr("version " + std::to_string(version)), HasSubstr("2 to 3")));
  }
  file.version = 0x03000000;
  EXPECT_THAT(message<UnsupportedError>(file.bytes()), HasSubstr("big-endian"));
}

TEST(Gguf, RefusesCountsThatCannotBe) {
  for (const std::uint64_t count :
       {std::uint64_t{5}, std::uint64_t{1} << 32, std::uint64_t{1} << 61,
        std::numeric_limits<std::uint64_t>::max()}) {
    GgufTestFile entries;
    entries.entry_count = count;
    EXPECT_THAT(format_error(entries), HasSubstr("the list of metadata has"));
    GgufTestFile tensors;
    tensors.tensor_count = count;
    EXPECT_THAT(format_error(tensors), HasSubstr("the list of tensors has"));
    for (std::uint32_t type = kU8; type <= kF64; ++type) {
      GgufTestFile array;
      array.entry("x", kArray, GgufBytes().number(type).number(count));
      EXPECT_THAT(format_error(array), HasSubstr("the value of 'x' has"));
    }
    GgufTestFile text;
    text.entry("x", kString, GgufBytes().number(count).raw("abc"));
    EXPECT_THAT(format_error(text), HasSubstr("the value of 'x' takes"));
  }
}

TEST(Gguf, RefusesMetadataBeyondItsBudget) {
  GgufTestFile file;  // one byte in the file, eight in memory
  file.numbers<std::uint8_t>("x", kU8, std::vector<std::uint8_t>((256u << 20) / 8 + 1));
  EXPECT_THAT(format_error(file), HasSubstr("256 MiB"));
}

TEST(Gguf, RefusesBadValues) {
  GgufTestFile file;
  file.scalar<std::uint8_t>("x", kBool, 2);
  EXPECT_THAT(format_error(file), HasSubstr("'x' is the boolean 2"));
  file = GgufTestFile();
  file.scalar<std::uint64_t>("x", kU64, std::uint64_t{1} << 63);
  EXPECT_THAT(format_error(file), HasSubstr("9223372036854775808"));
  file = GgufTestFile();
  file.numbers<std::uint64_t>("x", kU64, {1, std::uint64_t{1} << 63});
  EXPECT_THAT(format_error(file), HasSubstr("9223372036854775808"));
  file = GgufTestFile();
  file.scalar<std::uint8_t>("x", 13, 0);
  EXPECT_THAT(format_error(file), HasSubstr("'x' has type 13"));
  file = GgufTestFile();
  file.entry("x", kArray, GgufBytes().number(99u).number<std::uint64_t>(0));
  EXPECT_THAT(format_error(file), HasSubstr("'x' has type 99"));
  file = GgufTestFile();
  file.text("", "x").text("padding", "so that the entry fits");
  EXPECT_THAT(format_error(file), HasSubstr("has 0 bytes, allowed are 1 to 65535"));
  file = GgufTestFile();
  file.text("twice", "a").text("other", "b").text("twice", "c");
  EXPECT_THAT(format_error(file), HasSubstr("metadata key 'twice' occurs twice"));
  file = GgufTestFile();
  file.scalar<std::uint8_t>("e\x1b[2J", 13, 0);
  EXPECT_THAT(format_error(file), HasSubstr("'e\\x1b[2J'"));
}

TEST(Gguf, LimitsTheDepthOfArrays) {
  for (const int depth : {2, 8, 9, 100'000}) {
    GgufBytes nested;
    for (int i = 1; i < depth; ++i) nested.number(kArray).number<std::uint64_t>(1);
    nested.number(kU8).number<std::uint64_t>(1).number<std::uint8_t>(7);
    GgufTestFile file;
    file.entry("deep", kArray, nested).text("after", "read");
    if (depth <= 8) {
      EXPECT_NE(open(file.bytes()).checkpoint.metadata->find("after"), nullptr);
    } else {
      EXPECT_THAT(format_error(file), HasSubstr("nested more than 8 deep"));
    }
  }
}

TEST(Gguf, RefusesBadAlignments) {
  for (const std::uint32_t alignment : {0u, 3u, 33u, 4294967295u}) {
    GgufTestFile file = rich_file();
    file.scalar("general.alignment", kU32, alignment);
    EXPECT_THAT(format_error(file), HasSubstr("must be a power of two"));
  }
  GgufTestFile negative = rich_file();
  negative.scalar<std::int64_t>("general.alignment", kI64,
                                std::numeric_limits<std::int64_t>::min());
  EXPECT_THAT(format_error(negative), HasSubstr("must be a power of two"));
  GgufTestFile text = rich_file();
  text.text("general.alignment", "32");
  EXPECT_THAT(format_error(text), HasSubstr("no integer"));
  GgufTestFile huge = rich_file();
  huge.scalar<std::uint64_t>("general.alignment", kU64, std::uint64_t{1} << 62);
  EXPECT_THAT(format_error(huge), HasSubstr("m.gguf: tensor"));
}

TEST(Gguf, RefusesBadTensors) {
  constexpr std::uint32_t kF32Type = 0;
  const auto one = [](const std::vector<std::uint64_t>& dims, std::uint32_t type,
                      std::uint64_t offset) {
    GgufTestFile file;
    file.describe("w", dims, type, offset).data(1024);
    return file;
  };
  EXPECT_EQ(format_error(one({256}, kF32Type, 0)), "opened");
  EXPECT_THAT(format_error(one({257}, kF32Type, 0)),
              AllOf(HasSubstr("tensor 'w' takes 1028 bytes"), HasSubstr("has 1024 bytes of data")));
  EXPECT_THAT(format_error(one({8}, kF32Type, 1024)), HasSubstr("takes 32 bytes at 1024"));
  EXPECT_THAT(format_error(one({8}, kF32Type, 8)), HasSubstr("no multiple of 32"));
  EXPECT_THAT(format_error(one({8}, kF32Type, std::uint64_t{0} - 32)), HasSubstr("takes 32 bytes"));
  EXPECT_THAT(format_error(one({8, 0}, kF32Type, 0)), HasSubstr("0 as dimension 2 of 2"));
  EXPECT_THAT(format_error(one({1, 1, 1, 1, 1}, kF32Type, 0)), HasSubstr("5 dimensions"));
  const std::uint64_t big = std::uint64_t{1} << 32;
  EXPECT_THAT(format_error(one({big, big}, kF32Type, 0)), HasSubstr("dimension 2 of 2"));
  EXPECT_THAT(format_error(one({big, big / 2}, kF32Type, 0)), HasSubstr("dimension 2 of 2"));
  EXPECT_THAT(format_error(one({big, big / 4}, kF32Type, 0)), HasSubstr("larger than any file"));
  EXPECT_THAT(format_error(one({std::uint64_t{0} - 1}, kF32Type, 0)), HasSubstr("dimension 1"));
  EXPECT_THAT(format_error(one({16, 2}, 2, 0)), HasSubstr("rows of 16 elements, but q4_0"));
  EXPECT_THAT(format_error(one({128}, 12, 0)), HasSubstr("in blocks of 256"));

  EXPECT_THAT(message<UnsupportedError>(one({32}, 16, 0).bytes()),
              AllOf(HasSubstr("tensor 'w' is of type iq2_xxs (type 16)"),
                    HasSubstr("it reads f32, f16, q4_0"), HasSubstr("q6_k")));
  EXPECT_THAT(message<UnsupportedError>(one({32}, 4, 0).bytes()), HasSubstr("type number 4"));
  EXPECT_THAT(message<UnsupportedError>(one({32}, 0x80000000u, 0).bytes()),
              HasSubstr("type number 2147483648"));

  GgufTestFile file;
  file.describe("a", {16}, kF32Type, 0).describe("b", {8}, kF32Type, 32).data(64);
  EXPECT_THAT(format_error(file), HasSubstr("tensors 'a' and 'b' overlap"));
  file = GgufTestFile();
  file.describe("a", {8}, kF32Type, 32).describe("b", {8}, kF32Type, 32).data(64);
  EXPECT_THAT(format_error(file), HasSubstr("overlap"));
  file = GgufTestFile();
  file.describe("w", {8}, kF32Type, 0).describe("w", {8}, kF32Type, 32).data(64);
  EXPECT_THAT(format_error(file), HasSubstr("tensor name 'w' occurs twice"));
  file = GgufTestFile();
  file.describe("", {8}, kF32Type, 0).data(64);
  EXPECT_THAT(format_error(file), HasSubstr("has 0 bytes, allowed are 1 to 256"));
  file = GgufTestFile();
  file.describe(std::string(257, 'n'), {8}, kF32Type, 0).data(64);
  EXPECT_THAT(format_error(file), HasSubstr("has 257 bytes"));
}

}  // namespace
}  // namespace sirocco
