#include "sirocco/server/openai/image_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ImagesRequest with(std::string_view name, std::string_view value) {
  const std::string body = body_with(name == "prompt" ? "" : R"("prompt":"a fox",)", name, value);
  return read_generation_request(json::parse(body));
}

constexpr AcceptedMember kAccepted[] = {
    {"prompt", R"("a fox")"},
    {"model", R"("m")"},
    {"n", "10"},
    {"size", R"("auto")"},
    {"size", R"("1024x768")"},
    {"steps", "4"},
    {"num_inference_steps", "4"},
    {"guidance", "3.5"},
    {"guidance_scale", "0"},
    {"seed", "-1"},
    {"stream", "true"},
    {"partial_images", "0"},
    {"response_format", R"("b64_json")"},
    {"output_format", R"("png")"},
    {"output_compression", "null"},
    {"quality", R"("hd")"},
    {"background", R"("opaque")"},
    {"moderation", R"("auto")"},
    {"style", R"("natural")"},
    {"input_fidelity", R"("high")"},
    {"user", R"("u")"},
};
constexpr RefusedMember kRefused[] = {
    {"prompt", "null", "prompt", "missing_required_parameter"},
    {"prompt", R"("")", "prompt", "missing_required_parameter"},
    {"prompt", "[]", "prompt", "invalid_type"},
    {"n", "0", "n", "invalid_value"},
    {"n", "11", "n", "invalid_value"},
    {"size", R"("1024")", "size", "invalid_value"},
    {"size", R"("1024x")", "size", "invalid_value"},
    {"size", R"("x768")", "size", "invalid_value"},
    {"size", R"("-1x768")", "size", "invalid_value"},
    {"size", R"("1x2x3")", "size", "invalid_value"},
    {"size", R"("99999999999x1")", "size", "invalid_value"},
    {"size", "64", "size", "invalid_type"},
    {"steps", "1.5", "steps", "invalid_type"},
    {"guidance", "1e40", "guidance", "invalid_value"},
    {"partial_images", "4", "partial_images", "invalid_value"},
    {"partial_images", "1", "partial_images", "unsupported_value"},
    {"response_format", R"("url")", "response_format", "unsupported_value"},
    {"output_format", R"("jpeg")", "output_format", "unsupported_value"},
    {"background", R"("transparent")", "background", "unsupported_value"},
    {"strength", "0.5", "strength", "unknown_parameter"},
    {"image", R"("a")", "image", "unknown_parameter"},
};

TEST(ImagesRequest, AcceptsEachMember) {
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = refusal_of([&] { with(name, value); });
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_generation_members(), kAccepted),
              IsEmpty());
}

TEST(ImagesRequest, RefusesByName) {
  for (const auto& [name, value, param, code] : kRefused) {
    const auto refusal = refusal_of([&] { with(name, value); });
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << *refusal;
    EXPECT_EQ(refusal->code, code) << *refusal;
  }
}

TEST(ImagesRequest, HasWhatIsAsked) {
  const auto most = read_generation_request(json::parse(
      R"({"prompt":"a fox","size":"64x48","num_inference_steps":4,"guidance_scale":7,"seed":9,
          "stream":true,"partial_images":3})"));
  EXPECT_EQ(most.prompt, "a fox");
  EXPECT_EQ(most.size, (PictureSize{64, 48}));
  EXPECT_EQ(most.steps, 4);
  EXPECT_EQ(most.guidance, 7.0f);
  EXPECT_EQ(most.seed, 9u);
  EXPECT_TRUE(most.stream);
  EXPECT_EQ(most.partial_images, 3);
  const ImagesRequest least = with("size", R"("auto")");
  EXPECT_FALSE(least.size || least.steps || least.guidance || least.seed || least.stream);
  EXPECT_EQ(least.n, 1);
  // Two names of one thing.
  EXPECT_TRUE(refusal_of([] {
    read_generation_request(json::parse(R"({"prompt":"a","steps":4,"num_inference_steps":5})"));
  }));
}

std::vector<FormPart> form(std::vector<FormPart> more) {
  more.push_back({"prompt", "a fox"});
  return more;
}

TEST(ImagesRequest, EditsAreForms) {
  const ImagesRequest most = read_edit_request(form({{"image", "bytes", true},
                                                     {"mask", "more", true},
                                                     {"strength", "0.25"},
                                                     {"size", "64x48"},
                                                     {"n", "2"}}));
  EXPECT_EQ(most.image, "bytes");
  EXPECT_EQ(most.mask, "more");
  EXPECT_EQ(most.strength, 0.25);
  EXPECT_EQ(most.n, 2);
  const ImagesRequest least = read_edit_request(form({{"image[]", "bytes", true}}));
  EXPECT_EQ(least.image, "bytes");
  EXPECT_TRUE(least.mask.empty());
  EXPECT_FALSE(least.strength);
}

TEST(ImagesRequest, MistakesOfFormsAreNamed) {
  struct Case {
    std::vector<FormPart> parts;
    std::string_view param;
    std::string_view says;
  };
  for (const auto& [parts, param, says] :
       {Case{{}, "image", "missing"},
        {{{"image", "text"}}, "image", "a file's name"},
        {{{"image[]", "a", true}, {"image[]", "b", true}}, "image", "one is read"},
        {{{"image", "a", true}, {"image2", "b", true}}, "image2", "is a file"},
        {{{"image", "a", true}, {"mask", "text"}}, "mask", "a file's name"},
        {{{"image", "a", true}, {"strength", "1.5"}}, "strength", "from 0 to 1"},
        {{{"image", "a", true}, {"partial_images", "2"}}, "partial_images", "stream"}}) {
    try {
      read_edit_request(form(parts));
      ADD_FAILURE() << param << " was accepted";
    } catch (const InvalidRequest& e) {
      EXPECT_EQ(e.param(), param) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(says));
    }
  }
}

}  // namespace
}  // namespace sirocco::openai
