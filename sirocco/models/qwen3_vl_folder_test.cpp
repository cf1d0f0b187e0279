#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"
#include "sirocco/models/qwen3.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Whole = std::vector<std::int64_t>;

/// A text part of one layer, in the folder of a model of several parts.
FakeFolder folder_of(std::string_view type) {
  FakeFolder folder;
  const auto text = [](std::string_view name) { return "config.text_config." + std::string(name); };
  folder.values = {{text("model_type"), type},
                   {text("num_hidden_layers"), std::int64_t{9}},
                   {text("hidden_size"), std::int64_t{256}},
                   {text("intermediate_size"), std::int64_t{512}},
                   {text("num_attention_heads"), std::int64_t{2}}};
  return folder;
}

std::string refusal(const FakeFolder& folder, const FolderSchema& schema) {
  try {
    (void)describe_folder(folder, schema);
  } catch (const Error& e) {
    return e.what();
  }
  return "described";
}

TEST(Qwen3VlFolder, HasTheSectionsOfItsClassWhereItSaysNone) {
  const auto sections = [](const FakeFolder& folder, const FolderSchema& schema) {
    const FolderDescription d = describe_folder(folder, schema);
    return *d.get_array<Whole>(d.path("rope.dimension_sections"));
  };
  EXPECT_THAT(sections(folder_of("qwen2_vl_text"), kQwen2VlFolder), ElementsAre(16, 24, 24));
  EXPECT_THAT(sections(folder_of("qwen3_vl_text"), kQwen3VlFolder), ElementsAre(24, 20, 20));
  EXPECT_THAT(sections(folder_of("qwen3_vl_moe_text"), kQwen3VlMoeFolder), ElementsAre(24, 20, 20));
}

TEST(Qwen3VlFolder, TurnsPairsInTheOrderOfItsClass) {
  constexpr std::string_view kMember = "config.text_config.rope_scaling.mrope_interleaved";
  FakeFolder folder = folder_of("qwen2_vl_text");
  folder.values.emplace(kMember, true);
  EXPECT_THAT(refusal(folder, kQwen2VlFolder), HasSubstr("mrope_interleaved' is 'true'"));
  folder = folder_of("qwen3_vl_text");
  folder.values.emplace(kMember, false);
  EXPECT_THAT(refusal(folder, kQwen3VlFolder), HasSubstr("mrope_interleaved' is 'false'"));
  folder.values.insert_or_assign(std::string(kMember), true);
  EXPECT_EQ(refusal(folder, kQwen3VlFolder), "described");
}

TEST(Qwen3VlFolder, AddsRowsBehindAsManyLayersAsItsEncoderTakesThemFrom) {
  FakeFolder folder = folder_of("qwen3_vl_text");
  const auto deep = [&] {
    return describe_folder(folder, kQwen3VlFolder).get<std::int64_t>("qwen3vl.n_deepstack_layers");
  };
  EXPECT_EQ(deep(), 0);  // no encoder
  folder.values.emplace("config.vision_config.depth", std::int64_t{27});
  EXPECT_EQ(deep(), 3);
  folder.values.emplace("config.vision_config.deepstack_visual_indexes", Whole{5, 11, 17, 23});
  EXPECT_EQ(deep(), 4);
}

}  // namespace
}  // namespace sirocco::testing
