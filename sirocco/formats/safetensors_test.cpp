#include "sirocco/formats/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <memory>
#include <random>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/float64.hpp"
#include "sirocco/formats/float8.hpp"
#include "sirocco/formats/safetensors_file_testing.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Opens `bytes` from a block of just that size, so that a sanitizer sees the first byte beyond.
struct Opened {
  std::unique_ptr<std::byte[]> block;
  std::shared_ptr<const WeightSource> weights;
};
Opened open(const std::string& bytes, ScaleBlock scales = {}) {
  Opened opened{std::make_unique<std::byte[]>(bytes.size()), {}};
  std::memcpy(opened.block.get(), bytes.data(), bytes.size());
  opened.weights = make_safetensors_weights(
      parse_safetensors({opened.block.get(), bytes.size()}, "m.safetensors"), {}, "m.safetensors",
      scales);
  return opened;
}

template <class E>
std::string message(const std::string& bytes) {
  try {
    open(bytes);
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another kind: ") + e.what();
  }
  return "opened";
}
std::string format_error(const std::string& bytes) { return message<FormatError>(bytes); }

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<std::byte> encoded(tensor.size_bytes());
  tensor.read_rows(0, tensor.rows(), encoded.data());
  std::vector<float> out(static_cast<std::size_t>(tensor.shape.elements()));
  tensor.format->decode(encoded.data(), out.size() / tensor.format->block_elements, out.data());
  return out;
}

constexpr std::string_view kEntry = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";

TEST(Safetensors, TensorsAreWhereTheHeaderSays) {
  SafetensorsTestFile file;
  file.entry(R"("__metadata__":{"format":"pt"})")
      .tensor<float>("b", "F32", "[2,3]", {1, 2, 3, 4, 5, 6})
      .tensor<std::uint16_t>("a", "F16", "[2]", {f32_to_f16(0.5f), f32_to_f16(-2.0f)})
      .tensor<std::uint16_t>("scalar", "BF16", "[]", {f32_to_bf16(3.0f)})
      .tensor<std::int64_t>("embeddings.position_ids", "I64", "[1,2]", {0, 1})
      .tensor<float>("conv", "F32", "[1,2,1,1,2]", {1, 2, 3, 4});
  const Opened opened = open(file.bytes());
  ASSERT_EQ(opened.weights->tensors().size(), 4u);
  EXPECT_EQ(opened.weights->find("embeddings.position_ids"), nullptr);
  ASSERT_EQ(opened.weights->lacking().size(), 1u);
  EXPECT_EQ(opened.weights->lacking()[0].name, "embeddings.position_ids");
  EXPECT_TRUE(opened.weights->lacking()[0].stored);
  const StoredTensor* b = opened.weights->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shape, Shape({2, 3}));
  EXPECT_EQ(b->format->id, FormatId::kF32);
  EXPECT_THAT(values_of(*b), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(values_of(*opened.weights->find("a")), ElementsAre(0.5f, -2.0f));
  EXPECT_EQ(opened.weights->find("scalar")->shape, Shape({1}));
  EXPECT_EQ(opened.weights->find("conv")->shape, Shape({1, 2, 1, 2}));
  EXPECT_EQ(opened.weights->find("c"), nullptr);
}

TEST(Safetensors, TheHeaderFitsItsFile) {
  EXPECT_THAT(format_error(""), HasSubstr("the file has 0"));
  EXPECT_THAT(format_error("1234567"), HasSubstr("cut short"));
  EXPECT_THAT(format_error(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)),
              HasSubstr("the header takes 18446744073709551615 bytes"));
  EXPECT_THAT(format_error(std::string("\x03\0\0\0\0\0\0\0{}", 10)), HasSubstr("cut short"));
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header("[]")), HasSubstr("begins with"));
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header("{\"a\":")), HasSubstr("no JSON"));
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header("{\"a\xff\":1}")),
              HasSubstr("no JSON"));
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header("{} x")), HasSubstr("no JSON"));
  // Padded with spaces, without tensors: odd, but right.
  EXPECT_EQ(format_error(SafetensorsTestFile().with_header("{}   ")), "opened");
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100000; ++i) deep += '[';
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header(deep)), HasSubstr("nested deeper"));
}

TEST(Safetensors, AHeaderThatWouldFillTheMemoryIsRefused) {
  std::string header = R"({"a":{"dtype":"F32","data_offsets":[0,0],"shape":[)";
  for (int i = 0; i < 8'000'000; ++i) header += "0,";
  EXPECT_THAT(format_error(SafetensorsTestFile().with_header(header)), HasSubstr("256 MiB"));
}

TEST(Safetensors, DescriptionsAreChecked) {
  const auto with = [](std::string_view entry) {
    return format_error(SafetensorsTestFile().entry(entry).data("12345678").bytes());
  };
  EXPECT_EQ(with(kEntry), "opened");
  EXPECT_THAT(with(R"("a":1)"), HasSubstr("isn't dtype, shape and data_offsets"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[2]})"), HasSubstr("isn't dtype"));
  EXPECT_THAT(with(R"("a":{"dtype":3,"shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("'dtype' is no string"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
              HasSubstr("'shape' is no list of natural numbers"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
              HasSubstr("'shape' is no list"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":2,"data_offsets":[0,8]})"),
              HasSubstr("'shape' is no list"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0]})"),
              HasSubstr("no begin and end"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              HasSubstr("no begin and end"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
              HasSubstr("make 12 bytes, but it is given 8"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]})"),
              HasSubstr("make too many bytes"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"),
              HasSubstr("no list of natural numbers"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[2,1,1,1,1,1,1,1,1],"data_offsets":[0,8]})"),
              HasSubstr("9 dimensions"));
  EXPECT_THAT(with(R"("":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("has 0 bytes"));
  EXPECT_THAT(with(fmt::format("\"{}\":{}", std::string(1025, 'x'), kEntry.substr(4))),
              HasSubstr("has 1025 bytes"));
  EXPECT_THAT(with(fmt::format("{},{}", kEntry, kEntry)), HasSubstr("'a' occurs twice"));
  EXPECT_THAT(with(fmt::format(R"("__metadata__":{{"a":1}},{})", kEntry)),
              HasSubstr("no object of strings"));
  EXPECT_THAT(with(R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})"),
              HasSubstr("8 bytes of data"));
}

TEST(Safetensors, BytesAreUsedOnceAndWholly) {
  const auto with = [](std::string_view first, std::string_view second, std::size_t bytes) {
    const auto entry = [](std::string_view name, std::string_view offsets) {
      return fmt::format(R"("{}":{{"dtype":"F32","shape":[2],"data_offsets":[{}]}})", name,
                         offsets);
    };
    return format_error(SafetensorsTestFile()
                            .entry(entry("a", first))
                            .entry(entry("b", second))
                            .data(std::string(bytes, 'x'))
                            .bytes());
  };
  EXPECT_EQ(with("0,8", "8,16", 16), "opened");
  EXPECT_EQ(with("8,16", "0,8", 16), "opened");
  EXPECT_THAT(with("0,8", "4,12", 12), HasSubstr("tensors that overlap"));
  EXPECT_THAT(with("0,8", "0,8", 8), HasSubstr("tensors that overlap"));
  EXPECT_THAT(with("0,8", "12,20", 20), HasSubstr("a hole"));
  EXPECT_THAT(with("4,12", "12,20", 20), HasSubstr("a hole"));
  EXPECT_THAT(with("0,8", "8,16", 12), HasSubstr("take 16 bytes, but the file has 12"));
  EXPECT_THAT(with("0,8", "8,16", 20), HasSubstr("take 16 bytes, but the file has 20"));
}

/// Whether they are needed is for the model to say.
TEST(Safetensors, WhatCantBeReadIsLacking) {
  const auto with = [](std::string_view dtype, std::size_t bytes) {
    const Opened opened = open(SafetensorsTestFile()
                                   .tensor<char>("x.weight", dtype, "[1]", std::vector<char>(bytes))
                                   .bytes());
    EXPECT_TRUE(opened.weights->tensors().empty());
    return std::string(opened.weights->lacking()[0].why);
  };
  EXPECT_THAT(with("I64", 8), HasSubstr("tensor 'x.weight' is of element type I64"));
  EXPECT_THAT(with("C64", 8), HasSubstr("C64"));
  EXPECT_THAT(with("I8", 1), HasSubstr("it reads F32, F16, BF16, F64, F8_E4M3, F8_E5M2: use"));
  EXPECT_THAT(with("F8_E8M0", 1), HasSubstr("F8_E8M0"));
  EXPECT_THAT(message<UnsupportedError>(
                  SafetensorsTestFile().tensor<char>("x", "Q9", "[1]", {'x'}).bytes()),
              HasSubstr("'Q9', which sirocco doesn't know"));
  const Opened opened = open(SafetensorsTestFile().tensor<float>("e", "F32", "[0,4]", {}).bytes());
  EXPECT_THAT(std::string(opened.weights->lacking()[0].why), HasSubstr("'e' is empty"));
}

/// Random files with a few bytes changed open or are refused, and what opens can be read.
TEST(Safetensors, BrokenBytesAreRefusedOrHarmless) {
  SafetensorsTestFile file;
  file.entry(R"("__metadata__":{"format":"pt"})")
      .tensor<float>("b", "F32", "[2,3]", {1, 2, 3, 4, 5, 6})
      .tensor<std::uint8_t>("w.weight", "F8_E4M3", "[2,2]", {1, 2, 3, 4})
      .tensor<float>("w.weight_scale", "F32", "[2,1]", {1, 2});
  const std::string good = file.bytes();
  std::mt19937 random(3);
  int opened = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    for (auto n = 1 + random() % 3; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    try {
      const Opened o = open(bytes);
      for (const StoredTensor& tensor : o.weights->tensors()) values_of(tensor);
      ++opened;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(opened, 100);
}

TEST(Float8, EveryValueIsThatOfItsBits) {
  for (int bits = 0; bits < 256; ++bits) {
    const int exponent = (bits >> 3) & 15;
    const int fraction = bits & 7;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
    const float value = f8_e4m3_to_f32(static_cast<std::uint8_t>(bits));
    if ((bits & 127) == 127) {
      EXPECT_TRUE(std::isnan(value));
    } else {
      EXPECT_EQ(value, static_cast<float>(bits < 128 ? magnitude : -magnitude)) << bits;
      EXPECT_EQ(std::signbit(value), bits >= 128);
    }
  }
  EXPECT_EQ(f8_e4m3_to_f32(0x7E), 448.0f);
}

TEST(Float8, OfTwoBitsOfFractionIsThatOfItsBits) {
  for (int bits = 0; bits < 256; ++bits) {
    const int exponent = (bits >> 2) & 31;
    const int fraction = bits & 3;
    const float value = f8_e5m2_to_f32(static_cast<std::uint8_t>(bits));
    EXPECT_EQ(std::signbit(value), bits >= 128);
    if (exponent == 31) {
      EXPECT_EQ(std::isinf(value), fraction == 0) << bits;
      EXPECT_EQ(std::isnan(value), fraction != 0) << bits;
      continue;
    }
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -16) : std::ldexp(4 + fraction, exponent - 17);
    EXPECT_EQ(std::abs(value), static_cast<float>(magnitude)) << bits;
  }
  SafetensorsTestFile file;
  file.tensor<std::uint8_t>("w.weight", "F8_E5M2", "[2,2]", {0x3D, 0xFC, 0x01, 0x7B})
      .tensor<double>("w.weight_scale_inv", "F64", "[2,1]", {1, 2})
      .tensor<std::uint8_t>("plain", "F8_E5M2", "[1]", {0x7C});
  const Opened opened = open(file.bytes());
  ASSERT_EQ(opened.weights->tensors().size(), 2u);
  EXPECT_THAT(values_of(*opened.weights->find("w.weight")),
              ElementsAre(1.25f, -INFINITY, std::ldexp(1.0f, -15), 114688.0f));
  EXPECT_THAT(values_of(*opened.weights->find("plain")), ElementsAre(INFINITY));
}

TEST(Float64, IsRoundedToTheNearestFloat) {
  // The processor's own conversion, in the mode that programs begin in.
  const auto expect_near = [](double value) {
    const float narrow = f64_to_f32(value);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(narrow),
              std::bit_cast<std::uint32_t>(static_cast<float>(value)))
        << std::hexfloat << value;
  };
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    // Exponents around all that floats have, and fractions that are often ties.
    const std::uint64_t exponent = 1023 - 160 + random() % 320;
    const std::uint64_t fraction = random() & (i % 2 == 0 ? ~std::uint64_t{0} : 0x7FFFFull << 33);
    const std::uint64_t sign = random() & std::uint64_t{1} << 63;
    expect_near(std::bit_cast<double>(sign | exponent << 52 | fraction >> 12));
  }
  for (const double value : {0.0, -0.0, 1.0, 0x1p-149, 0x1p-150, 0x1.8p-150, 0x1.0000000000001p-150,
                             0x1p-126, 0x1.fffffep-127, 0x1.fffffffp127, 0x1.fffffefffffffp127,
                             0x1.ffffffp127, 5e-324, 1e308, double{INFINITY}, -double{INFINITY}})
    expect_near(value);
  EXPECT_TRUE(std::isnan(f64_to_f32(std::bit_cast<double>(0x7FF0000000000001u))));
  SafetensorsTestFile file;
  file.tensor<double>("w", "F64", "[3,2]", {1.0, 0.1, -2.0, 1e300, 5.0, 1.0 / 3.0});
  const Opened opened = open(file.bytes());
  const StoredTensor& tensor = *opened.weights->find("w");
  EXPECT_EQ(tensor.format->id, FormatId::kF32);
  EXPECT_THAT(values_of(tensor), ElementsAre(1.0f, 0.1f, -2.0f, INFINITY, 5.0f, 1.0f / 3.0f));
  EXPECT_THAT(values_of(tensor.row_range(2, 1)), ElementsAre(5.0f, 1.0f / 3.0f));
  opened.weights->release(tensor.row_range(1, 2));
}

/// A matrix of ones and its scales.
std::vector<float> scaled(std::string_view scale_name, std::string_view shape,
                          std::string_view scale_shape, std::size_t elements,
                          const std::vector<float>& scales, ScaleBlock block = {}) {
  SafetensorsTestFile file;
  file.tensor<std::uint8_t>("w.weight", "F8_E4M3", shape, std::vector<std::uint8_t>(elements, 0x38))
      .tensor<float>(scale_name, "F32", scale_shape, scales);
  const Opened opened = open(file.bytes(), block);
  EXPECT_EQ(opened.weights->tensors().size(), 1u);
  const StoredTensor& tensor = opened.weights->tensors()[0];
  EXPECT_EQ(tensor.format->id, FormatId::kBF16);
  opened.weights->release(tensor);
  return values_of(tensor);
}

TEST(Float8, ScalesAreForAllForARowOrForABlock) {
  EXPECT_THAT(scaled("w.weight_scale", "[2,2]", "[]", 4, {3}), ElementsAre(3, 3, 3, 3));
  EXPECT_THAT(scaled("w.weight_scale", "[2,2]", "[1]", 4, {3}), ElementsAre(3, 3, 3, 3));
  EXPECT_THAT(scaled("w.weight_scale", "[2,3]", "[2,1]", 6, {3, 5}), ElementsAre(3, 3, 3, 5, 5, 5));
  EXPECT_THAT(scaled("w.weight_scale", "[2,3]", "[2]", 6, {3, 5}), ElementsAre(3, 3, 3, 5, 5, 5));
  EXPECT_THAT(scaled("w.weight_scale", "[2,1,2]", "[2,1,1]", 4, {3, 5}), ElementsAre(3, 3, 5, 5));
  const std::vector<float> squares =
      scaled("w.weight_scale_inv", "[130,300]", "[2,3]", 39000, {1, 2, 3, 4, 5, 6});
  for (std::size_t row = 0; row < 130; ++row) {
    for (std::size_t column = 0; column < 300; ++column) {
      ASSERT_EQ(squares[row * 300 + column], static_cast<float>(1 + row / 128 * 3 + column / 128));
    }
  }
  // As many blocks as squares of 128 would be, but others.
  const std::vector<float> blocks =
      scaled("w.weight_scale_inv", "[150,300]", "[2,3]", 45000, {1, 2, 3, 4, 5, 6}, {90, 110});
  for (std::size_t row = 0; row < 150; ++row) {
    for (std::size_t column = 0; column < 300; ++column) {
      ASSERT_EQ(blocks[row * 300 + column], static_cast<float>(1 + row / 90 * 3 + column / 110));
    }
  }
}

TEST(MxFp4, BlocksAndScalesAreOneTensor) {
  // Elements 0 and 1 stand in one byte; a scale of 128 is 1 for twice the value.
  std::vector<std::uint8_t> blocks(2 * 2 * 16, 0);
  blocks[0] = 0x21;   // row 0: 0.5, 1
  blocks[15] = 0xF7;  // … its first block's last two: 6, -6
  blocks[16] = 0x03;  // element 32: 1.5, of scale 4
  blocks[48] = 0x09;  // row 1, element 32: -0.5
  SafetensorsTestFile file;
  file.tensor<std::uint8_t>("w_blocks", "U8", "[2,2,16]", blocks)
      .tensor<std::uint8_t>("w_scales", "U8", "[2,2]", {127, 129, 127, 126});
  const Opened opened = open(file.bytes());
  ASSERT_EQ(opened.weights->tensors().size(), 1u);
  const StoredTensor& tensor = *opened.weights->find("w");
  EXPECT_EQ(tensor.format->id, FormatId::kMXFP4);
  EXPECT_EQ(tensor.shape, (Shape{2, 64}));
  const std::vector<float> values = values_of(tensor);
  std::vector<float> expected(128);
  expected[0] = 0.5f;
  expected[1] = 1.0f;
  expected[30] = 6.0f;
  expected[31] = -6.0f;
  expected[32] = 6.0f;
  expected[64 + 32] = -0.25f;
  EXPECT_EQ(values, expected);
  opened.weights->release(tensor);
}

TEST(MxFp4, BlocksThatDoNotFitTheirScalesAreRefused) {
  for (const auto& [blocks, scales] : std::vector<std::pair<std::string, std::string>>{
           {"[2,1,16]", "[1,2]"}, {"[1,4,8]", "[1,4]"}, {"[2,16]", "[2]"}}) {
    SafetensorsTestFile file;
    file.tensor<std::uint8_t>("w_blocks", "U8", blocks, std::vector<std::uint8_t>(32))
        .tensor<std::uint8_t>("w_scales", "U8", scales,
                              std::vector<std::uint8_t>(scales == "[1,4]" ? 4 : 2));
    EXPECT_THROW(open(file.bytes()), FormatError) << blocks;
  }
}

TEST(Float8, TheProductIsRoundedOnce) {
  // 1.125 * 1.0078125 = 1.1337890625, between the bf16 neighbours 1.1328125 and 1.140625.
  SafetensorsTestFile file;
  file.tensor<std::uint8_t>("w", "F8_E4M3", "[1,1]", {0x39})
      .tensor<std::uint16_t>("w_scale", "BF16", "[1]", {f32_to_bf16(1.0078125f)});
  EXPECT_THAT(values_of(*open(file.bytes()).weights->find("w")), ElementsAre(1.1328125f));
}

TEST(Float8, WithoutScalesItIsItself) {
  SafetensorsTestFile file;
  file.tensor<std::uint8_t>("w", "F8_E4M3", "[2]", {0x39, 0xB8});
  EXPECT_THAT(values_of(*open(file.bytes()).weights->find("w")), ElementsAre(1.125f, -1.0f));
}

TEST(Float8, ScalesThatDontFitAreRefused) {
  const auto with = [](std::string_view dtype, std::string_view shape, std::size_t bytes) {
    return SafetensorsTestFile()
        .tensor<std::uint8_t>("w", "F8_E4M3", "[3,200]", std::vector<std::uint8_t>(600))
        .tensor<char>("w_scale", dtype, shape, std::vector<char>(bytes))
        .bytes();
  };
  EXPECT_THAT(format_error(with("F32", "[2]", 8)), HasSubstr("of shape [2] don't fit"));
  EXPECT_THAT(format_error(with("F32", "[3,3]", 36)), HasSubstr("[3, 3]"));
  EXPECT_THAT(format_error(with("F32", "[1,3,1]", 12)), HasSubstr("[1, 3, 1]"));
  EXPECT_THAT(format_error(with("F32", "[200,3]", 2400)), HasSubstr("[3, 200]"));
  EXPECT_EQ(format_error(with("F32", "[1,2]", 8)), "opened");
  EXPECT_EQ(format_error(with("F64", "[3,1]", 24)), "opened");
  EXPECT_THAT(message<UnsupportedError>(with("I32", "[3,1]", 12)), HasSubstr("are I32"));
}

}  // namespace
}  // namespace sirocco
