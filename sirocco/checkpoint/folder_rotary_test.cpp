#include <bit>
#include <cmath>

#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FolderRotary : public ::testing::Test {
 protected:
  FolderRotary() {
    folder.values = {{"config.layers", std::int64_t{2}}};
    description.set("embedding_length", std::int64_t{256});
    description.set("attention.head_count", std::int64_t{4});
    description.set("context_length", std::int64_t{4096});
  }
  FakeFolder folder;
  FolderDescription description{folder, &kToy};
};

TEST_F(FolderRotary, NothingSaidIsTheDefault) {
  set_rotary(description);
  EXPECT_EQ(description.get<double>("toy.rope.freq_base"), 10000.0);
  EXPECT_FALSE(description.is_set("rope.scaling.type"));
  EXPECT_FALSE(description.is_set("rope.dimension_count"));
}

TEST_F(FolderRotary, HalfAHeadMayTurnWhereTheFamilyHasThat) {
  constexpr RotaryDefaults kPartial{.part = 0.25};
  folder.values["config.partial_rotary_factor"] = 0.5;
  set_rotary(description, kPartial);
  EXPECT_EQ(description.integer("rope.dimension_count"), 32);
  folder.values["config.partial_rotary_factor"] = 1e300;
  description.unset("rope.dimension_count");
  EXPECT_THROW(set_rotary(description, kPartial), FormatError);
  folder.values["config.partial_rotary_factor"] = 0.5;
  EXPECT_THROW(set_rotary(description), UnsupportedError);
  folder.values["config.partial_rotary_factor"] = 1.0;
  set_rotary(description);
  EXPECT_FALSE(description.is_set("rope.dimension_count"));
}

TEST_F(FolderRotary, SectionsAreTheFoldersOrTheFamilys) {
  constexpr RotaryDefaults kAxes{.sections = {{8, 12, 12}}};
  const auto sections = [&] {
    set_rotary(description, kAxes);
    const auto* const said =
        description.get_array<std::vector<std::int64_t>>("toy.rope.dimension_sections");
    return said == nullptr ? std::vector<std::int64_t>() : *said;
  };
  set_rotary(description);
  EXPECT_FALSE(description.is_set("rope.dimension_sections"));
  EXPECT_THAT(sections(), ElementsAre(8, 12, 12));
  folder.values["config.rope_parameters.mrope_section"] = std::vector<std::int64_t>{16, 8, 8};
  EXPECT_THAT(sections(), ElementsAre(16, 8, 8));
  // By its older name, and with a type of that time.
  folder.values["config.rope_scaling.mrope_section"] = std::vector<std::int64_t>{10, 11, 11};
  folder.values["config.rope_scaling.type"] = std::string_view("mrope");
  EXPECT_THAT(sections(), ElementsAre(10, 11, 11));
  EXPECT_FALSE(description.is_set("rope.scaling.type"));
  folder.values["config.rope_scaling.type"] = std::string_view("yarn");
  folder.values["config.rope_scaling.factor"] = 4.0;
  EXPECT_THAT(sections(), ElementsAre(10, 11, 11));
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 4.0);
  folder.values["config.rope_scaling.mrope_section"] = std::vector<std::int64_t>{32};
  EXPECT_THROW(sections(), FormatError);
  folder.values["config.rope_scaling.mrope_section"] = std::string_view("all");
  EXPECT_THROW(sections(), FormatError);
  // Without sections the type says nothing.
  folder.values.erase("config.rope_scaling.mrope_section");
  folder.values["config.rope_scaling.type"] = std::string_view("mrope");
  EXPECT_THROW(sections(), UnsupportedError);
}

TEST_F(FolderRotary, YarnKeepsWhatTheFolderSays) {
  folder.values["config.rope_scaling.type"] = std::string_view("yarn");
  folder.values["config.rope_scaling.factor"] = std::int64_t{40};
  folder.values["config.rope_scaling.mscale"] = 0.707;
  folder.values["config.rope_scaling.mscale_all_dim"] = 0.707;
  folder.values["config.rope_scaling.beta_fast"] = std::int64_t{32};
  set_rotary(description);
  EXPECT_EQ(description.get<std::string_view>("toy.rope.scaling.type"), "yarn");
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 40.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 4096);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.yarn_log_multiplier"),
            static_cast<double>(static_cast<float>(0.1 * 0.707)));
  EXPECT_FALSE(description.is_set("rope.scaling.attn_factor"));
}

TEST_F(FolderRotary, YarnsNullsAreAsGoodAsLeftOutButForTruncation) {
  folder.values["config.rope_parameters.rope_type"] = std::string_view("yarn");
  folder.values["config.rope_parameters.factor"] = 4.0;
  const auto truncates = [&] {
    set_rotary(description);
    return description.get<bool>("toy.rope.scaling.yarn_truncate");
  };
  EXPECT_EQ(truncates(), true);
  folder.nulls = {"config.rope_parameters.truncate", "config.rope_parameters.beta_fast",
                  "config.rope_parameters.mscale", "config.rope_parameters.attention_factor"};
  EXPECT_EQ(truncates(), false);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.yarn_beta_fast"), 32.0);
  EXPECT_FALSE(description.is_set("rope.scaling.attn_factor"));
  folder.nulls = {"config.rope_parameters.factor"};
  folder.values.erase("config.rope_parameters.factor");
  EXPECT_THROW(set_rotary(description), FormatError);
}

TEST_F(FolderRotary, TheOldNameComesFirstAndTheContextMayStandOutside) {
  folder.values["config.rope_theta"] = 5.0;
  folder.values["config.rope_parameters.rope_theta"] = 7.0;
  folder.values["config.rope_scaling.type"] = std::string_view("yarn");
  folder.values["config.rope_scaling.factor"] = 2.0;
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{64};
  folder.values["config.original_max_position_embeddings"] = std::int64_t{128};
  set_rotary(description);
  EXPECT_EQ(description.get<double>("toy.rope.freq_base"), 5.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 128);
}

TEST_F(FolderRotary, ANullScalingOrNoneIsTheFamilys) {
  const RotaryDefaults stretched{.unsaid = FolderYarn{.factor = 8.0, .original_positions = 32}};
  folder.nulls = {"config.rope_scaling"};
  set_rotary(description, stretched);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 8.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 32);
  description.unset("rope.scaling.factor");
  folder.values["config.rope_parameters.rope_theta"] = 7.0;
  set_rotary(description, stretched);
  EXPECT_FALSE(description.is_set("rope.scaling.factor"));
}

TEST_F(FolderRotary, ADynamicScalingIsOfTheModelsOwnPositions) {
  folder.values["config.rope_scaling.type"] = std::string_view("dynamic");
  folder.values["config.rope_scaling.factor"] = 2.0;
  // transformers doesn't look at it here.
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{64};
  set_rotary(description);
  EXPECT_EQ(description.get<std::string_view>("toy.rope.scaling.type"), "dynamic");
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 2.0);
  EXPECT_FALSE(description.is_set("rope.scaling.original_context_length"));
}

/// As transformers refuses them.
TEST_F(FolderRotary, ScalingsWithoutAFactorAreRefused) {
  for (const std::string_view type : {"linear", "dynamic", "llama3", "yarn"}) {
    folder.values["config.rope_scaling.type"] = type;
    try {
      set_rotary(description);
      FAIL() << type;
    } catch (const FormatError& e) {
      EXPECT_THAT(e.what(), HasSubstr("'config.rope_scaling.factor' is missing"));
      EXPECT_THAT(e.what(), HasSubstr("'" + std::string(type) + "'"));
    }
  }
  folder.values["config.rope_scaling.factor"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(set_rotary(description), FormatError);
  folder.values.erase("config.rope_scaling.factor");
  folder.nulls = {"config.rope_scaling.factor"};
  EXPECT_THROW(set_rotary(description), FormatError);
}

TEST_F(FolderRotary, ScalingsThatAreNoObjectsAreRefused) {
  for (const std::string_view name : {"config.rope_scaling", "config.rope_parameters"}) {
    folder.values.insert_or_assign(std::string(name), std::string_view("linear"));
    EXPECT_THROW(set_rotary(description), FormatError) << name;
    folder.values.erase(std::string(name));
  }
}

TEST_F(FolderRotary, OtherScalingsAreNamed) {
  folder.values["config.rope_scaling.rope_type"] = std::string_view("longrope");
  try {
    set_rotary(description);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("'longrope' isn't supported; known are 'default'"));
  }
}

/// The table of Llama 3.2 1B's GGUF, as the converter's own arithmetic in torch gives it.
TEST_F(FolderRotary, Llama3sFactorsAreThoseOfTheConverter) {
  folder.values["config.rope_theta"] = 500000.0;
  folder.values["config.rope_scaling.rope_type"] = std::string_view("llama3");
  folder.values["config.rope_scaling.factor"] = 32.0;
  folder.values["config.rope_scaling.low_freq_factor"] = 1.0;
  folder.values["config.rope_scaling.high_freq_factor"] = 4.0;
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{8192};
  set_rotary(description);
  const std::vector<float>& factors = description.vectors.at("rope_freqs.weight");
  ASSERT_EQ(factors.size(), 32u);
  std::vector<std::uint32_t> bits;
  for (const float factor : factors) bits.push_back(std::bit_cast<std::uint32_t>(factor));
  EXPECT_THAT(bits,
              ElementsAre(0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000,
                          0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000,
                          0x3f800000, 0x3f800000, 0x3f800000, 0x3fd35ec2, 0x4052b46f, 0x411aaaee,
                          0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000,
                          0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000,
                          0x42000000, 0x42000000));
}

}  // namespace
}  // namespace sirocco::testing
