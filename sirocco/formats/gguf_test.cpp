#include "sirocco/formats/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/gguf_test_file.hpp"

namespace sirocco {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace gguf_type;

using Bytes = std::vector<std::byte>;

/// Opens `bytes` from a block of just that size, so that a sanitizer sees the first byte beyond.
struct Opened {
  std::unique_ptr<std::byte[]> block;
  Checkpoint checkpoint;
};
Opened open(const Bytes& bytes) {
  Opened opened{std::make_unique<std::byte[]>(bytes.size()), {}};
  std::copy(bytes.begin(), bytes.end(), opened.block.get());
  opened.checkpoint = open_gguf({opened.block.get(), bytes.size()}, "m.gguf");
  return opened;
}

template <class E>
std::string message(const Bytes& bytes) {
  try {
    open(bytes);
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another kind: ") + e.what();
  }
  return "opened";
}
std::string format_error(const GgufTestFile& file) { return message<FormatError>(file.bytes()); }

/// A bit of everything, small.
GgufTestFile rich_file() {
  GgufTestFile file;
  file.text("general.architecture", "llama")
      .scalar<std::uint8_t>("t.u8", kU8, 255)
      .scalar<std::int8_t>("t.i8", kI8, -128)
      .scalar<std::uint16_t>("t.u16", kU16, 65535)
      .scalar<std::int16_t>("t.i16", kI16, -32768)
      .scalar<std::uint32_t>("t.u32", kU32, 4294967295u)
      .scalar<std::int32_t>("t.i32", kI32, -2147483647)
      .scalar<float>("t.f32", kF32, 0.1f)
      .scalar<std::uint8_t>("t.bool", kBool, 1)
      .scalar<std::uint64_t>("t.u64", kU64, 9223372036854775807u)
      .scalar<std::int64_t>("t.i64", kI64, std::numeric_limits<std::int64_t>::min())
      .scalar<double>("t.f64", kF64, 1e-300)
      .texts("t.texts", {"a", "", std::string("\xff\0z", 3)})
      .numbers<std::uint8_t>("t.bools", kBool, {1, 0, 1})
      .numbers<std::int16_t>("t.i16s", kI16, {-1, 2})
      .numbers<float>("t.f32s", kF32, {0.5f, -0.25f})
      .numbers<std::int32_t>("t.none", kI32, {});
  GgufBytes nested;  // [[1, 2], []]
  nested.number(kArray).number<std::uint64_t>(2);
  nested.number(kU8).number<std::uint64_t>(2).number<std::uint8_t>(1).number<std::uint8_t>(2);
  nested.number(kString).number<std::uint64_t>(0);
  file.entry("t.nested", kArray, nested);
  file.tensor("b", {3}, FormatId::kF32, 1)
      .tensor("a", {64, 2, 3}, FormatId::kQ4_1, 2)
      .tensor("scalar", {}, FormatId::kF16, 3)
      .tensor("k", {256, 1, 1, 2}, FormatId::kQ6_K, 4);
  return file;
}

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

/// What a file that opened must hold whatever its bytes were.
void expect_sound(const Opened& opened, std::size_t size) {
  const std::byte* const begin = opened.block.get();
  for (const StoredTensor& tensor : opened.checkpoint.weights->tensors()) {
    ASSERT_NE(tensor.format, nullptr);
    const std::int64_t columns = tensor.shape[tensor.shape.rank() - 1];
    ASSERT_EQ(opened.checkpoint.weights->find(tensor.name), &tensor);
    if (tensor.made != nullptr) {
      // The block ends where the file does, for a sanitizer to see.
      std::array<std::byte, sizeof(float)> last;
      tensor.read(tensor.rows() - 1, columns - 1, 1, last.data());
      continue;
    }
    ASSERT_GE(tensor.bytes.data(), begin);
    ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), begin + size);
    ASSERT_EQ(columns % tensor.format->block_elements, 0);
    const std::int64_t rows = tensor.shape.elements() / columns;
    ASSERT_EQ(static_cast<std::size_t>(rows) * row_bytes(*tensor.format, columns),
              tensor.bytes.size());
  }
  std::size_t sum = 0;
  for (const std::string_view path : opened.checkpoint.metadata->paths()) {
    const MetadataValue* const value = opened.checkpoint.metadata->find(path);
    ASSERT_NE(value, nullptr);
    if (const auto* text = std::get_if<std::string_view>(value))
      sum += std::ranges::count(*text, 'x');
    if (const auto* texts = std::get_if<std::vector<std::string_view>>(value)) {
      for (const std::string_view text : *texts) sum += std::ranges::count(text, 'x');
    }
  }
  ASSERT_LE(sum, size);
}

/// Opens or throws an Error with one clean line.
void expect_error_or_sound(const Bytes& bytes, int& opened_count) {
  try {
    const Opened opened = open(bytes);
    ++opened_count;
    expect_sound(opened, bytes.size());
  } catch (const Error& e) {
    const std::string_view what = e.what();
    ASSERT_TRUE(what.starts_with("m.gguf: ")) << what;
    ASSERT_EQ(what.find('\n'), std::string_view::npos) << what;
  }
}

TEST(GgufMutations, EveryTruncationIsAnError) {
  const Bytes whole = rich_file().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(message<FormatError>(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))),
                HasSubstr("m.gguf: "))
        << size;
  }
}

TEST(GgufMutations, EveryFlippedBitIsAnErrorOrASoundFile) {
  const Bytes whole = rich_file().bytes();
  const std::size_t header = rich_file().header().size();
  int opened = 0;
  for (std::size_t at = 0; at < header; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes mutated = whole;
      mutated[at] ^= static_cast<std::byte>(1 << bit);
      expect_error_or_sound(mutated, opened);
    }
  }
  EXPECT_GT(opened, 0);
}

TEST(GgufMutations, EveryOverwrittenNumberIsAnErrorOrASoundFile) {
  const Bytes whole = rich_file().bytes();
  const std::size_t header = rich_file().header().size();
  int opened = 0;
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{9}, std::uint64_t{31},
        std::uint64_t{0x7FFFFFFF}, std::uint64_t{0xFFFFFFFF}, std::uint64_t{1} << 40,
        (std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    for (const std::size_t width : {std::size_t{1}, std::size_t{4}, std::size_t{8}}) {
      for (std::size_t at = 0; at + width <= header; ++at) {
        Bytes mutated = whole;
        std::memcpy(mutated.data() + at, &number, width);
        expect_error_or_sound(mutated, opened);
      }
    }
  }
  EXPECT_GT(opened, 0);
}

class GgufFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "gguf_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(bytes.size()));
    return folder_ / name;
  }
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    return write(name, GgufBytes().raw(text).bytes());
  }

  /// Part `number` (from 0) of a checkpoint split in `count`, with one tensor.
  static GgufTestFile part(std::uint16_t number, std::uint16_t count, std::int32_t tensors) {
    GgufTestFile file;
    if (number == 0) file.text("general.architecture", "llama");
    file.scalar("split.no", kU16, number)
        .scalar("split.count", kU16, count)
        .scalar("split.tensors.count", kI32, tensors)
        .tensor("w" + std::to_string(number), {32}, FormatId::kQ8_0, number + 1u);
    return file;
  }

  template <class E>
  static std::string message(const std::filesystem::path& path) {
    try {
      open_checkpoint(path);
    } catch (const E& e) {
      return e.what();
    } catch (const Error& e) {
      return std::string("another kind: ") + e.what();
    }
    return "opened";
  }

  std::filesystem::path folder_;
};

TEST_F(GgufFiles, OpensAFileAndReleases) {
  const Checkpoint checkpoint = open_checkpoint(write("m.gguf", rich_file().bytes()));
  EXPECT_EQ(checkpoint.weights->origin(), (folder_ / "m.gguf").native());
  const StoredTensor& tensor = *checkpoint.weights->find("a");
  checkpoint.weights->release(tensor);
  EXPECT_EQ(tensor.bytes[7], std::byte{2});
}

TEST_F(GgufFiles, OpensAllPartsFromAnyOfThem) {
  std::vector<std::filesystem::path> paths;
  for (std::uint16_t i = 0; i < 3; ++i) {
    paths.push_back(
        write("m-0000" + std::to_string(i + 1) + "-of-00003.gguf", part(i, 3, 3).bytes()));
  }
  for (const auto& path : paths) {
    const Checkpoint checkpoint = open_checkpoint(path);
    EXPECT_EQ(checkpoint.metadata->require<std::string_view>("general.architecture"), "llama");
    ASSERT_EQ(checkpoint.weights->tensors().size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      const StoredTensor& tensor = checkpoint.weights->tensors()[i];
      EXPECT_EQ(tensor.name, "w" + std::to_string(i));
      EXPECT_EQ(tensor.bytes[0], static_cast<std::byte>(i + 1));
      checkpoint.weights->release(tensor);
      EXPECT_EQ(tensor.bytes[33], static_cast<std::byte>(i + 1));
    }
  }
}

TEST_F(GgufFiles, SaysWhatIsWrongWithParts) {
  const auto first = write("m-00001-of-00003.gguf", part(0, 3, 3).bytes());
  EXPECT_THAT(message<NotFound>(first),
              AllOf(HasSubstr("2 of its 3 parts"),
                    HasSubstr("m-00002-of-00003.gguf, m-00003-of-00003.gguf")));
  write("m-00003-of-00003.gguf", part(2, 3, 3).bytes());
  write("m-00002-of-00003.gguf", part(2, 3, 3).bytes());
  EXPECT_THAT(message<FormatError>(first),
              AllOf(HasSubstr("m-00002-of-00003.gguf: says that it is part 3 of 3"),
                    HasSubstr("should be part 2")));
  write("m-00002-of-00003.gguf", rich_file().bytes());
  EXPECT_THAT(message<FormatError>(first), HasSubstr("a checkpoint of its own"));
  write("m-00002-of-00003.gguf", part(1, 3, 4).bytes());
  EXPECT_THAT(message<FormatError>(first), HasSubstr("different checkpoints"));
  GgufTestFile same_name = part(1, 3, 3);
  same_name.tensor("w0", {1}, FormatId::kF32, 0);
  write("m-00002-of-00003.gguf", same_name.bytes());
  EXPECT_THAT(message<FormatError>(first), HasSubstr("4 tensors, but should hold 3"));
  GgufTestFile doubled;
  doubled.scalar<std::uint16_t>("split.no", kU16, 1)
      .scalar<std::uint16_t>("split.count", kU16, 3)
      .scalar<std::int32_t>("split.tensors.count", kI32, 3)
      .tensor("w0", {1}, FormatId::kF32, 0);
  write("m-00002-of-00003.gguf", doubled.bytes());
  EXPECT_THAT(message<FormatError>(first), HasSubstr("'w0' occurs twice"));

  EXPECT_THAT(message<FormatError>(write("renamed.gguf", part(0, 3, 3).bytes())),
              HasSubstr("doesn't end in '-00001-of-00003.gguf'"));
  for (const std::int64_t odd : {std::int64_t{-1}, std::int64_t{2}, std::int64_t{1} << 62}) {
    GgufTestFile file;
    file.scalar("split.no", kI64, odd)
        .scalar<std::uint16_t>("split.count", kU16, 2)
        .scalar<std::int32_t>("split.tensors.count", kI32, 0);
    EXPECT_THAT(message<FormatError>(write("odd-00001-of-00002.gguf", file.bytes())),
                HasSubstr("makes no sense"));
  }
  GgufTestFile many;
  many.scalar<std::uint16_t>("split.no", kU16, 0)
      .scalar<std::int64_t>("split.count", kI64, std::int64_t{1} << 40)
      .scalar<std::int32_t>("split.tensors.count", kI32, 0);
  EXPECT_THAT(message<FormatError>(write("many.gguf", many.bytes())), HasSubstr("at most 1024"));
  GgufTestFile text;
  text.text("split.count", "3");
  EXPECT_THAT(message<FormatError>(write("text.gguf", text.bytes())), HasSubstr("no integer"));
}

TEST_F(GgufFiles, OneOfOneIsWhole) {
  EXPECT_EQ(message<FormatError>(write("whole.gguf", part(0, 1, 1).bytes())), "opened");
}

TEST_F(GgufFiles, SaysWhatAFileIsInstead) {
  EXPECT_THAT(message<NotFound>(folder_), HasSubstr("no folder of a Hugging Face model"));
  EXPECT_THAT(message<NotFound>(folder_ / "none.gguf"), HasSubstr("no such file"));
  EXPECT_THAT(message<FormatError>(write("empty.gguf", "")), HasSubstr("is empty"));
  EXPECT_THAT(message<FormatError>(write("magic.gguf", "GGUF")), HasSubstr("cut short"));
  EXPECT_THAT(message<UnsupportedError>(write("a", "version https://git-lfs.github.com/spec/v1\n")),
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(message<UnsupportedError>(write("b", "<!DOCTYPE html>")), HasSubstr("web page"));
  EXPECT_THAT(message<UnsupportedError>(write("c", "PK\x03\x04...")), HasSubstr("ZIP"));
  EXPECT_THAT(message<UnsupportedError>(write("d", "tjgg....")), HasSubstr("GGJT"));
  EXPECT_THAT(
      message<UnsupportedError>(write("e", std::string_view("\x10\0\0\0\0\0\0\0{\"a\":1}", 15))),
      HasSubstr("safetensors"));
  EXPECT_THAT(message<UnsupportedError>(write("f", "\x1b[31mred")),
              AllOf(HasSubstr("'\\x1b[31mred'"), HasSubstr("no model")));
}

}  // namespace
}  // namespace sirocco
