#include "sirocco/formats/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_value.hpp"
#include "sirocco/formats/safetensors_file_testing.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Folder : public testing::Test {
 public:
  Folder() : root_(fs::path(testing::TempDir()) / fmt::format("sirocco_folder_{}", getpid())) {
    fs::create_directories(path());
  }
  ~Folder() override { fs::remove_all(root_); }

  fs::path path() const { return root_ / "model"; }
  Folder& write(const std::string& name, std::string_view text) {
    fs::create_directories((path() / name).parent_path());
    std::ofstream(path() / name, std::ios::binary) << text;
    return *this;
  }
  static std::string weights(std::string_view name) {
    return SafetensorsTestFile().tensor<float>(name, "F32", "[1]", {2}).bytes();
  }
  template <class E>
  std::string message() const {
    try {
      open_checkpoint(path());
    } catch (const E& e) {
      return e.what();
    } catch (const Error& e) {
      return std::string("another kind: ") + e.what();
    }
    return "opened";
  }

  fs::path root_;
};

TEST_F(Folder, ConfigSaysWhichBlocksOfFloat8HaveOneScale) {
  const std::string file =
      SafetensorsTestFile()
          .tensor<std::uint8_t>("w.weight", "F8_E4M3", "[3,2]", {56, 56, 56, 56, 56, 56})
          .tensor<float>("w.weight_scale_inv", "F32", "[2,1]", {3, 5})
          .bytes();
  write("model.safetensors", file);
  write("config.json", R"({"quantization_config": {"weight_block_size": [2, 2]}})");
  EXPECT_EQ(open_checkpoint(path()).weights->tensors().size(), 1u);
  write("config.json", R"({"quantization_config": {"weight_block_size": [1, 2]}})");
  EXPECT_THAT(message<FormatError>(), HasSubstr("one a block of 1 x 2"));
  for (const char* sides : {"[2]", "[2, 0]", "[2, 2, 2]"}) {
    write("config.json",
          std::string(R"({"quantization_config": {"weight_block_size": )") + sides + "}}");
    EXPECT_THAT(message<FormatError>(), HasSubstr("weight_block_size"));
  }
}

TEST_F(Folder, MetadataAreTheMembersOfItsFiles) {
  write("config.json", R"({"model_type": "x", "hidden_size": 64, "theta": 1e4, "none": null,
      "nested": {"flag": true, "list": [1, 2.5], "words": ["a", "b"], "empty": []},
      "mixed": [1, {"k": "v"}, [true]]})");
  write("generation_config.json", R"({"eos_token_id": [1, 2], "temperature": 0.5})");
  write("tokenizer_config.json",
        R"({"add_bos_token": false, "added_tokens_decoder": {"0": {"content": "x"}},
            "chat_template": [{"name": "tool", "template": "T"}, {"name": "default", "template": "D"}]})");
  write("model.safetensors", weights("w"));
  const Checkpoint checkpoint = open_checkpoint(path());
  const Metadata& m = *checkpoint.metadata;
  EXPECT_EQ(m.get<std::string_view>("config.model_type"), "x");
  EXPECT_EQ(m.get<std::int64_t>("config.hidden_size"), 64);
  EXPECT_EQ(m.get<double>("config.theta"), 10000.0);
  EXPECT_EQ(m.find("config.none"), nullptr);
  EXPECT_TRUE(m.is_null("config.none"));
  for (const char* path : {"config.hidden_size", "config.nested", "config.nested.empty", "config."})
    EXPECT_FALSE(m.is_null(path)) << path;
  EXPECT_EQ(m.get<bool>("config.nested.flag"), true);
  EXPECT_THAT(*m.get_array<std::vector<double>>("config.nested.list"), ElementsAre(1.0, 2.5));
  EXPECT_THAT(*m.get_array<std::vector<std::string_view>>("config.nested.words"),
              ElementsAre("a", "b"));
  EXPECT_EQ(m.find("config.nested.empty"), nullptr);
  EXPECT_EQ(m.get<std::int64_t>("config.mixed.0"), 1);
  EXPECT_EQ(m.get<std::string_view>("config.mixed.1.k"), "v");
  EXPECT_THAT(*m.get_array<std::vector<std::int64_t>>("generation_config.eos_token_id"),
              ElementsAre(1, 2));
  EXPECT_EQ(m.get<bool>("tokenizer_config.add_bos_token"), false);
  EXPECT_EQ(m.find("tokenizer_config.added_tokens_decoder.0.content"), nullptr);
  EXPECT_EQ(m.find("tokenizer_config.chat_template.0.template"), nullptr);
  EXPECT_EQ(checkpoint.weights->tensors().size(), 1u);
  EXPECT_THAT(std::string(m.origin()), HasSubstr("model"));
}

/// transformers reads these files with Python's json, which writes such numbers too. A byte order
/// mark is what editors leave.
TEST_F(Folder, ItsFilesAreReadAsPythonReadsThem) {
  constexpr const char* kMark = "\xEF\xBB\xBF";
  write("config.json", std::string(kMark) + R"({"a": NaN, "b": [0.0, Infinity], "c": "NaN",
      "d": -Infinity, "e": 9999999999999999999, "f": 1e999})");
  write("generation_config.json", std::string(kMark) + R"({"max_time": Infinity})");
  write("tokenizer_config.json", std::string(kMark) + R"({"model_max_length": Infinity})");
  write(
      "model.safetensors.index.json",
      std::string(kMark) + R"({"metadata": {"size": NaN}, "weight_map": {"w": "a.safetensors"}})");
  write("a.safetensors", weights("w"));
  const Checkpoint checkpoint = open_checkpoint(path());
  const Metadata& m = *checkpoint.metadata;
  EXPECT_TRUE(std::isnan(*m.get<double>("config.a")));
  EXPECT_FALSE(m.is_null("config.a"));
  EXPECT_THAT(*m.get_array<std::vector<double>>("config.b"), ElementsAre(0.0, testing::Gt(1e308)));
  EXPECT_EQ(m.get<std::string_view>("config.c"), "NaN");
  EXPECT_LT(*m.get<double>("config.d"), -1e308);
  EXPECT_EQ(m.get<double>("config.e"), 1e19);
  EXPECT_GT(*m.get<double>("config.f"), 1e308);
  EXPECT_GT(*m.get<double>("generation_config.max_time"), 1e308);
  EXPECT_GT(*m.get<double>("tokenizer_config.model_max_length"), 1e308);
  EXPECT_EQ(checkpoint.weights->tensors().size(), 1u);
}

TEST_F(Folder, CompanionsAreItsFilesOnly) {
  write("config.json", "{}").write("model.safetensors", weights("w"));
  write("tokenizer.json", "[]").write("1_Pooling/config.json", "{\"p\": 1}").write("empty", "");
  std::ofstream(root_ / "outside") << "secret";
  const Checkpoint checkpoint = open_checkpoint(path());
  ASSERT_NE(checkpoint.files, nullptr);
  const CompanionFiles& files = *checkpoint.files;
  EXPECT_EQ(files.find("tokenizer.json"), "[]");
  EXPECT_EQ(files.find("1_Pooling/config.json"), "{\"p\": 1}");
  EXPECT_EQ(files.find("empty"), "");
  EXPECT_EQ(files.find("vocab.txt"), std::nullopt);
  EXPECT_EQ(files.find("1_Pooling"), std::nullopt);
  EXPECT_THROW(files.find("../outside"), InvalidArgument);
  EXPECT_THROW(files.find("1_Pooling/../../outside"), InvalidArgument);
  EXPECT_THROW(files.find("/etc/passwd"), InvalidArgument);
  EXPECT_THROW(files.find(""), InvalidArgument);
  EXPECT_THROW(files.find(std::string_view("tokenizer.json\0x", 16)), InvalidArgument);
  EXPECT_THAT(files.origin("tokenizer.json"), HasSubstr("model/tokenizer.json"));
}

TEST_F(Folder, CompanionsOfAFolderAreListed) {
  write("config.json", "{}").write("model.safetensors", weights("w"));
  write("more/b.jinja", "B").write("more/a", "").write("more/below/c", "C");
  fs::create_symlink(path() / "config.json", path() / "more" / "link");
  const Checkpoint checkpoint = open_checkpoint(path());
  EXPECT_THAT(checkpoint.files->list("more"), ElementsAre("a", "b.jinja", "link"));
  EXPECT_THAT(checkpoint.files->list("none"), ElementsAre());
  EXPECT_THAT(checkpoint.files->list("config.json"), ElementsAre());
  EXPECT_THROW(checkpoint.files->list(".."), InvalidArgument);
}

TEST_F(Folder, WhatIsMissingIsNamed) {
  EXPECT_THAT(message<NotFound>(), HasSubstr("no config.json is here"));
  write("a.gguf", "x");
  EXPECT_THAT(message<NotFound>(), HasSubstr("but 'a.gguf': name that file instead"));
  write("config.json", "{}");
  fs::remove(path() / "a.gguf");
  EXPECT_THAT(message<NotFound>(), HasSubstr("neither model.safetensors nor"));
  write("pytorch_model.bin", "x");
  EXPECT_THAT(message<NotFound>(), HasSubstr("'pytorch_model.bin': convert it to safetensors"));
  write("adapter_model.safetensors", "x");
  EXPECT_THAT(message<NotFound>(), HasSubstr("merge it"));
}

TEST_F(Folder, DescriptionsMustBeObjects) {
  write("model.safetensors", weights("w"));
  for (const auto& [text, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "no JSON"},
           {"[]", "no JSON object"},
           {"{\"a\": 1, \"a\": 2}", "'a' occurs twice"},
           {"{\"a.b\": 1, \"a\": {\"b\": 2}}", "'config.a.b' occurs twice"},
           {"{\"a\": nan}", "no JSON"},
           {"{\"a\": 1e}", "no JSON"}}) {
    write("config.json", text);
    EXPECT_THAT(message<FormatError>(), HasSubstr(what)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  write("config.json", deep);
  EXPECT_THAT(message<FormatError>(), HasSubstr("nested deeper than 64"));
  write("config.json", "{}").write("generation_config.json", "[1]");
  EXPECT_THAT(message<FormatError>(),
              AllOf(HasSubstr("generation_config.json"), HasSubstr("no JSON object")));
}

class Shards : public Folder {
 protected:
  Shards() {
    write("config.json", "{}");
    write("a.safetensors", weights("x")).write("b.safetensors", weights("y"));
  }
  std::string with(std::string_view map) {
    write("model.safetensors.index.json", fmt::format("{{\"weight_map\": {}}}", map));
    return message<FormatError>();
  }
};

TEST_F(Shards, AreJoinedByTheIndex) {
  EXPECT_EQ(with(R"({"x": "a.safetensors", "y": "b.safetensors"})"), "opened");
  const Checkpoint checkpoint = open_checkpoint(path());
  EXPECT_EQ(checkpoint.weights->tensors().size(), 2u);
  for (const StoredTensor& tensor : checkpoint.weights->tensors())
    checkpoint.weights->release(tensor);
  EXPECT_NE(checkpoint.weights->find("y"), nullptr);
}

TEST_F(Shards, AnIndexThatIsNoneIsRefused) {
  EXPECT_THAT(with("{}"), HasSubstr("no 'weight_map'"));
  EXPECT_THAT(with("[]"), HasSubstr("no 'weight_map'"));
  EXPECT_THAT(with(R"({"x": 1})"), HasSubstr("something that is no string"));
  EXPECT_THAT(with(R"({"x": "../a.safetensors"})"), HasSubstr("no .safetensors file of this"));
  EXPECT_THAT(with(R"({"x": "/a.safetensors"})"), HasSubstr("no .safetensors file of this"));
  EXPECT_THAT(with(R"({"x": "a.bin"})"), HasSubstr("no .safetensors file of this"));
}

/// As in transformers, it says which files to look into, and no more.
TEST_F(Shards, TensorsCountWhereverTheyAre) {
  EXPECT_EQ(with(R"({"x": "b.safetensors", "y": "a.safetensors"})"), "opened");
  const Checkpoint checkpoint = open_checkpoint(path());
  EXPECT_NE(checkpoint.weights->find("x"), nullptr);
  EXPECT_NE(checkpoint.weights->find("y"), nullptr);
  EXPECT_TRUE(checkpoint.weights->lacking().empty());
}

/// Whether they are needed is for the model to say.
TEST_F(Shards, TensorsThatNoFileHoldsAreLacking) {
  const auto lacking = [&](std::string_view map) {
    EXPECT_EQ(with(map), "opened");
    std::vector<std::string> out;
    const Checkpoint checkpoint = open_checkpoint(path());
    for (const LackingTensor& tensor : checkpoint.weights->lacking()) {
      EXPECT_FALSE(tensor.stored);
      out.push_back(fmt::format("{} {}", tensor.name, tensor.why));
    }
    return out;
  };
  EXPECT_THAT(lacking(R"({"x": "a.safetensors", "mtp.fc.weight": "a.safetensors"})"),
              ElementsAre(AllOf(HasSubstr("model.safetensors.index.json: tensor 'mtp.fc.weight' "
                                          "isn't in 'a.safetensors'"),
                                HasSubstr("fetch that file again"))));
  const auto missing =
      HasSubstr("2 of the 3 files that it names are missing: 'c.safetensors', 'd.safetensors'");
  EXPECT_THAT(lacking(R"({"z": "d.safetensors", "y": "c.safetensors", "x": "a.safetensors"})"),
              ElementsAre(AllOf(testing::StartsWith("z "), missing),
                          AllOf(testing::StartsWith("y "), missing)));
  // A folder without any weights is none.
  with(R"({"y": "c.safetensors", "z": "d.safetensors"})");
  EXPECT_THAT(message<NotFound>(), HasSubstr("2 of the 2 files that it names are missing"));
}

TEST_F(Shards, ATensorInTwoOfThemIsThereOnce) {
  write("b.safetensors", weights("x"));
  EXPECT_EQ(with(R"({"x": "a.safetensors", "y": "b.safetensors"})"), "opened");
  EXPECT_EQ(open_checkpoint(path()).weights->tensors().size(), 1u);
  write("b.safetensors", SafetensorsTestFile().tensor<float>("x", "F32", "[1]", {3}).bytes());
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("b.safetensors: holds tensor 'x', of which another"));
}

/// The index may be that of another split, or no index at all.
TEST_F(Shards, AWholeFileComesFirst) {
  write("model.safetensors", weights("whole"));
  for (const char* map : {R"({"x": "a.safetensors"})", R"({"x": "c.safetensors"})", "{"}) {
    EXPECT_EQ(with(map), "opened") << map;
    const Checkpoint checkpoint = open_checkpoint(path());
    EXPECT_EQ(checkpoint.weights->tensors().size(), 1u);
    EXPECT_NE(checkpoint.weights->find("whole"), nullptr);
    EXPECT_TRUE(checkpoint.weights->lacking().empty());
  }
}

TEST_F(Folder, ASafetensorsFileIsNoModelByItself) {
  write("model.safetensors", weights("w"));
  try {
    open_checkpoint(path() / "model.safetensors");
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("name the folder"));
  }
}

}  // namespace
}  // namespace sirocco
