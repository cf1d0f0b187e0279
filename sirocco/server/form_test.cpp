#include "sirocco/server/form.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const InvalidRequest& e) {
    return e.what();
  }
  return "accepted";
}

std::string parse_message(std::string_view body, const FormLimits& limits = {}) {
  return message_of([&] { parse_form(body, "b", limits); });
}

std::string part(std::string_view disposition, std::string_view data) {
  std::string out = "--b\r\nContent-Disposition: form-data; ";
  return out.append(disposition).append("\r\n\r\n").append(data).append("\r\n");
}

TEST(Form, BoundaryOfAContentType) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=----x1"), "----x1");
  EXPECT_EQ(form_boundary("Multipart/Form-Data;charset=utf-8 ; Boundary=\"a b\""), "a b");
  for (const auto& [type, says] :
       {std::pair("application/json", "is 'application/json'"),
        {"multipart/form-data", "no boundary"},
        {"multipart/form-data; boundary=", "boundary is ''"},
        {"multipart/form-data; boundary=\"a ", "doesn't end"},
        {"multipart/form-data; boundary=a@b", "boundary is 'a@b'"},
        {"multipart/form-data; boundary", "without a value"},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678901",
         "boundary is"}})
    EXPECT_THAT(message_of([&] { form_boundary(type); }), HasSubstr(says)) << type;
  EXPECT_THAT(message_of([&] { form_boundary(std::nullopt); }), HasSubstr("no Content-Type"));
}

TEST(Form, PartsHaveNamesAndBytes) {
  const std::string body =
      "what stands in front\r\n" +
      part("name=\"file\"; filename=\"C:\\\\a\\\"b.wav\"", "\r\n--c\0") +
      "--b \t\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION:form-data;name=x\r\n\r\n\r\n" +
      part("name=\"a\\b\"", "1\r\n2") + "--b--\r\nand behind it --b";
  const std::vector<FormPart> parts = parse_form(body, "b");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].name, "file");
  EXPECT_TRUE(parts[0].is_file);
  EXPECT_EQ(parts[0].data, "\r\n--c");
  EXPECT_EQ(parts[1].name, "x");
  EXPECT_EQ(parts[1].data, "");
  EXPECT_FALSE(parts[1].is_file);
  EXPECT_EQ(parts[2].name, "a\\b");
  EXPECT_EQ(parts[2].data, "1\r\n2");
  EXPECT_TRUE(parse_form("--b--", "b").empty());
  // The empty line of a part without a byte, and the boundary behind it, may share a new line.
  EXPECT_EQ(parse_form("--b\r\nContent-Disposition: form-data; name=x\r\n\r\n--b--", "b")[0].data,
            "");
}

TEST(Form, WhatIsNone) {
  for (const auto& [body, says] : {
           std::pair<std::string, std::string>("", "boundary isn't there"),
           {"a--b--", "boundary isn't there"},
           {"--bc\r\n", "followed by more"},
           {"--b", "followed by more"},
           {"--b\r\n", "headers don't end"},
           {"--b\r\n\r\nx\r\n--b--", "no name"},
           {"--b\r\nname\r\n\r\nx\r\n--b--", "without a colon"},
           {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "'attachment'"},
           {part("filename=a", "x") + "--b--", "no name"},
           {part("name=a; name=b", "x") + "--b--", "two names"},
           {part("name=\"a", "x") + "--b--", "doesn't end"},
           {part("name=\"\xff\"", "x") + "--b--", "no UTF-8"},
           {part("name=a\r\nContent-Disposition: form-data", "x") + "--b--", "two dispositions"},
           {part("name=a\r\nContent-Transfer-Encoding: base64", "x") + "--b--", "'base64'"},
           {part("name=a", "x"), "ends within a part"},
           {part("name=a", "x") + "--b", "followed by more"},
       })
    EXPECT_THAT(parse_message(body), HasSubstr(says)) << body;
  EXPECT_THAT(parse_message(part("name=a", "x") + part("name=b", "x") + "--b--", {.max_parts = 1}),
              HasSubstr("more than 1 parts"));
  EXPECT_THAT(parse_message(part("name=a", "x") + "--b--", {.max_head_bytes = 40}),
              HasSubstr("within 40 bytes"));
}

RC_GTEST_PROP(Form, WhatIsSentIsRead, (const std::vector<std::string>& datas)) {
  RC_PRE(datas.size() <= 20);
  std::string body;
  for (const std::string& data : datas) body += part("name=a", data);
  body += "--b--\r\n";
  for (const std::string& data : datas)
    RC_PRE(("\r\n" + data).find("\r\n--b") == std::string::npos);
  const std::vector<FormPart> parts = parse_form(body, "b");
  RC_ASSERT(parts.size() == datas.size());
  for (std::size_t i = 0; i < parts.size(); ++i) RC_ASSERT(parts[i].data == datas[i]);
}

TEST(Form, FieldsBecomeMembers) {
  static constexpr json::Expected kNumber = json::Number{};
  static constexpr json::Expected kWhole = json::Integer{};
  static constexpr json::Expected kBoolean = json::Boolean{};
  const auto object = [](std::string_view body) {
    return form_object(parse_form(body, "b"), [](std::string_view name) -> const json::Expected* {
      return name == "number"  ? &kNumber
             : name == "whole" ? &kWhole
             : name == "flag"  ? &kBoolean
                               : nullptr;
    });
  };
  EXPECT_EQ(
      object(part("name=number", "0.25") + part("name=whole", "-3") + part("name=flag", "True") +
             part("name=text", "1") + part("name=empty", "") + part("name=\"list[]\"", "a") +
             part("name=file; filename=a", "x") + part("name=\"list[]\"", "b") + "--b--"),
      json::parse(R"({"list": ["a", "b"], "number": 0.25, "whole": -3, "flag": true,
                            "text": "1"})"));
  // What can't be what is expected stays a text, of which the reader of the members speaks.
  for (const char* text : {"1.5x", "nan", "inf", "1e999", " 1"})
    EXPECT_EQ(object(part("name=number", text) + "--b--"),
              json::parse(R"({"number": ")" + std::string(text) + "\"}"));
  for (const char* text : {"1.5", "99999999999999999999", "0x1"})
    EXPECT_EQ(object(part("name=whole", text) + "--b--"),
              json::parse(R"({"whole": ")" + std::string(text) + "\"}"));
  EXPECT_THAT(message_of([&] { object(part("name=a", "1") + part("name=a", "1") + "--b--"); }),
              HasSubstr("twice"));
  EXPECT_THAT(
      message_of([&] { object(part("name=\"a[]\"", "1") + part("name=a", "1") + "--b--"); }),
      HasSubstr("a: the form has it twice"));
  EXPECT_THAT(message_of([&] { object(part("name=a", "\xff") + "--b--"); }),
              HasSubstr("a: the text isn't UTF-8"));
}

}  // namespace
}  // namespace sirocco
