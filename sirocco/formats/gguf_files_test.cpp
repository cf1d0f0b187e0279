#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "sirocco/formats/gguf_testing.hpp"

namespace sirocco {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using namespace gguf_testing;
using namespace gguf_type;

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
