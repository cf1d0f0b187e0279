#include "sirocco/server/sent_medium.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/json/refusal_testing.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco {
namespace {

using json_testing::refusal_of;
using ::testing::HasSubstr;

SentMedium in_url(const std::string& url) {
  const json::Value value{json::Value::Storage(url)};
  return picture_in_url(json::Field(value, "a.url"));
}

std::string file(const std::string& url) {
  const std::vector<std::byte> bytes = file_of(in_url(url));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(SentMedia, DataUrlsAreRead) {
  EXPECT_EQ(file("data:image/png;base64,Zm9v"), "foo");
  EXPECT_EQ(file("data:;base64,Zm9v"), "foo");
  EXPECT_EQ(file("Data:Image/PNG;charset=a;Base64,Zm8="), "fo");
  EXPECT_EQ(file("data:image/jpeg;base64,Zm9v\nYmFy\n"), "foobar");
  EXPECT_EQ(in_url("data:;base64,Zm9v").place, "a.url");
}

TEST(SentMedia, AddressesAreKept) {
  for (const char* url : {"http://127.0.0.1/a.png", "HTTPS://a.example/b"}) {
    const SentMedium picture = in_url(url);
    EXPECT_TRUE(picture.is_address());
    EXPECT_EQ(*picture.source, url);
    EXPECT_EQ(picture.place, "a.url");
  }
  EXPECT_FALSE(in_url("data:;base64,Zm9v").is_address());
}

TEST(SentMedia, OtherUrlsAreNoPictures) {
  for (const char* url : {"file:///etc/passwd", "ftp://a", "blob:https://a.example/1"}) {
    const auto refusal = refusal_of([&] { in_url(url); });
    ASSERT_TRUE(refusal) << url;
    EXPECT_EQ(refusal->param, "a.url");
    EXPECT_EQ(refusal->code, "unsupported_value");
    EXPECT_THAT(refusal->message, HasSubstr("only data: URLs are read")) << url;
  }
}

TEST(SentMedia, RefusalsSayWhatIsWrong) {
  const auto message = [](const char* url) {
    const auto refusal = refusal_of([&] { file(url); });
    EXPECT_TRUE(refusal) << url;
    EXPECT_EQ(refusal ? refusal->param : "a.url", "a.url");
    return refusal ? refusal->message : "";
  };
  EXPECT_THAT(message(""), HasSubstr("no URL"));
  EXPECT_THAT(message("iVBORw0KGgo="), HasSubstr("no URL"));
  EXPECT_THAT(message("data:image/png"), HasSubstr("without a comma"));
  EXPECT_THAT(message("data:image/png,Zm9v"), HasSubstr("aren't said to be base64"));
  EXPECT_THAT(message("data:base64,Zm9v"), HasSubstr("aren't said to be base64"));
  EXPECT_THAT(message("data:;base64,Zm9v!"), HasSubstr("aren't base64"));
  EXPECT_THAT(message("data:;base64,"), HasSubstr("no data"));
}

}  // namespace
}  // namespace sirocco
