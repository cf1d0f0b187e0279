#include "sirocco/models/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

class Nothing final : public WeightSource {
 public:
  std::span<const StoredTensor> tensors() const override { return {}; }
  const StoredTensor* find(std::string_view) const override { return nullptr; }
  void release(const StoredTensor&) const override {}
  std::string_view origin() const override { return "nothing"; }
};

/// A folder whose config.json has a model type.
class Typed final : public Metadata {
 public:
  explicit Typed(std::string_view type) : type_(type) {}
  const MetadataValue* find(std::string_view path) const override {
    return path == "config.model_type" ? &type_ : nullptr;
  }
  std::vector<std::string_view> paths() const override { return {"config.model_type"}; }
  std::string_view origin() const override { return "folder"; }

 private:
  MetadataValue type_;
};

TEST(Registry, AnUnknownModelTypeListsTheKnownAndTheNearest) {
  try {
    canonical_checkpoint(std::make_shared<Typed>("gemma4_text"), std::make_shared<Nothing>());
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("model type 'gemma4_text' isn't supported; known are llama"));
    EXPECT_THAT(e.what(), HasSubstr("nearest name is gemma3_text"));
  }
}

bool passes(const std::string& name) {
  const StoredTensor tensor{name, find_format(FormatId::kF32), {2}, {}};
  return PassedTensors(Nothing(), 2, 0).pass(tensor);
}

/// What a family runs is never in the table.
TEST(Registry, NoFamilyRunsWhatPasses) {
  int names = 0;
  for (const FolderSchema* schema : known_families().folders) {
    for (const TensorRule& rule : schema->tensors) {
      for (const char* kind : {"", ".weight", ".bias"}) {
        const std::string folder = with_numbers(rule.folder, {1, 0}) + kind;
        const std::string canonical = with_numbers(rule.canonical, {1, 0}) + kind;
        EXPECT_FALSE(passes(folder)) << folder;
        EXPECT_FALSE(passes("model." + folder)) << folder;
        EXPECT_FALSE(passes(canonical)) << canonical;
        ++names;
      }
    }
  }
  EXPECT_GT(names, 300);
}

}  // namespace
}  // namespace sirocco
