// Autoencoders of pictures against diffusers, and against themselves.
#include "sirocco/models/autoencoder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/safetensors.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

using kernels_testing::TestBackend;

constexpr double kTolerance = 5e-6;  // of the largest number

/// A pipeline's autoencoder, and what diffusers made with it.
struct Recorded {
  explicit Recorded(const std::string& name)
      : description(
            parse_json(read_text(source_path("tests/golden/diffusion/" + name + ".json")), name)),
        values(source_path("tests/golden/diffusion/" + name + ".npy")),
        folder(made_golden_path("diffusion/" + name + "/vae/")) {}

  const JsonValue& part(std::string_view half) const {
    return member(member(description, "vae"), half);
  }

  JsonValue description;
  RecordedValues values;
  std::string folder;
};

/// The description of an autoencoder, of which members may be changed.
JsonMetadata described(const std::string& folder,
                       const std::function<void(JsonValue::Object&)>& change = {}) {
  JsonValue config = parse_json(read_text(folder + "config.json"), "config.json");
  auto members = as<JsonValue::Object>(config);
  if (change) change(members);
  JsonMetadata metadata("autoencoder");
  metadata.add("config", JsonValue(std::move(members)));
  metadata.finish();
  return metadata;
}

void set(JsonValue::Object& members, const std::string& name, JsonValue value) {
  std::erase_if(members, [&](const JsonValue::Member& m) { return m.name == name; });
  members.push_back({name, std::move(value)});
}

/// Its weights, of which entries may be changed.
std::shared_ptr<const WeightSource> weights_of(
    const std::string& folder,
    const std::function<void(std::vector<SafetensorsEntry>&)>& change = {}) {
  std::vector<MappedFile> files;
  files.emplace_back(folder + "diffusion_pytorch_model.safetensors");
  std::vector<SafetensorsEntry> entries = parse_safetensors(files.front().bytes(), "weights");
  if (change) change(entries);
  return make_safetensors_weights(entries, std::move(files), "weights");
}

/// Rows [h · w, C] of what is recorded as [C, h, w], or the reverse.
std::vector<float> turned(std::span<const float> from, std::int64_t rows) {
  const auto height = static_cast<std::size_t>(rows);
  const std::size_t width = from.size() / height;
  std::vector<float> to(from.size());
  for (std::size_t row = 0; row < height; ++row)
    for (std::size_t column = 0; column < width; ++column)
      to[column * height + row] = from[row * width + column];
  return to;
}

/// Numbers that are made, [C, h, w], as rows of C.
struct MadeRows {
  explicit MadeRows(const JsonValue& entry) {
    const Shape shape = whole_numbers(array(entry, "shape"));
    channels = shape[0];
    extent = {static_cast<std::int32_t>(shape[1]), static_cast<std::int32_t>(shape[2])};
    rows = turned(made_values(entry), channels);
  }
  Tensor tensor() { return kernels_testing::tensor_of(rows, {extent.pixels(), channels}); }

  std::int64_t channels = 0;
  PictureExtent extent;
  std::vector<float> rows;
};

std::vector<float> copied(Backend& backend, const Tensor& x) {
  const std::span<const float> values = backend.read(x);
  return {values.begin(), values.end()};
}

/// A step with one picture.
class PictureStep {
 public:
  PictureStep(Backend& backend, PictureExtent latents, ByteLedger* ledger = nullptr)
      : memory_(ledger),
        rows_{{VaeDecoder::sequence(SequenceId(0), latents)}, {}},
        context_(backend, memory_, rows_, none_) {}
  TransformContext& context() { return context_; }

 private:
  StepMemory memory_;
  StepRows rows_;
  CacheViews none_;
  TransformContext context_;
};

class Autoencoder : public ::testing::TestWithParam<const char*> {
 protected:
  /// The recorded latents as a denoiser has them.
  MadeRows denoised() const {
    MadeRows latents(member(recorded_.part("decode"), "latents"));
    const AutoencoderConfig config(described(recorded_.folder));
    for (float& x : latents.rows) x = (x - config.shift_factor) * config.scaling_factor;
    return latents;
  }
  PictureExtent latents_of(const MadeRows& pixels, const VaeEncoder& encoder) const {
    return {pixels.extent.height / encoder.scale(), pixels.extent.width / encoder.scale()};
  }
  double difference(std::string_view half, std::string_view name, Backend& backend,
                    const Tensor& x) const {
    return largest_difference(recorded_.values.read(recorded_.part(half), name),
                              turned(copied(backend, x), x.rows()));
  }

  Recorded recorded_{GetParam()};
};

TEST_P(Autoencoder, DecodesAsDiffusersDoes) {
  TestBackend backend(Isa::kRef);
  const auto decoder =
      make_vae_decoder(described(recorded_.folder), weights_of(recorded_.folder), *backend);
  MadeRows latents = denoised();
  PictureStep step(*backend, latents.extent);
  PictureStream stream = decoder->embed(latents.tensor(), step.context());
  // Two residual layers with an attention between.
  stream = decoder->transform(std::move(stream), LayerIndex(0), LayerIndex(3), step.context());
  EXPECT_LT(difference("decode", "mid", *backend, stream.values()), kTolerance);
  // The first level ends where the picture has become larger.
  std::int32_t layer = 3;
  while (stream.shape().extent == latents.extent) {
    stream = decoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(layer + 1),
                                step.context());
    ++layer;
  }
  EXPECT_LT(difference("decode", "up_0", *backend, stream.values()), kTolerance);
  stream = decoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(decoder->layers()),
                              step.context());
  const Hidden pixels = decoder->project(std::move(stream), step.context());
  EXPECT_EQ(pixels.values().rows(), latents.extent.pixels() * decoder->scale() * decoder->scale());
  EXPECT_LT(difference("decode", "output", *backend, pixels.values()), kTolerance);
}

TEST_P(Autoencoder, EncodesAsDiffusersDoes) {
  TestBackend backend(Isa::kRef);
  const auto encoder =
      make_vae_encoder(described(recorded_.folder), weights_of(recorded_.folder), *backend);
  MadeRows pixels(member(recorded_.part("encode"), "pixels"));
  PictureStep step(*backend, latents_of(pixels, *encoder));
  PictureStream stream = encoder->embed(pixels.tensor(), step.context());
  std::int32_t layer = 0;
  while (stream.shape().extent == pixels.extent) {
    stream = encoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(layer + 1),
                                step.context());
    ++layer;
  }
  EXPECT_LT(difference("encode", "down_0", *backend, stream.values()), kTolerance);
  stream = encoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(encoder->layers()),
                              step.context());
  EXPECT_LT(difference("encode", "mid", *backend, stream.values()), kTolerance);
  const Hidden moments = encoder->project(std::move(stream), step.context());
  EXPECT_LT(difference("encode", "moments", *backend, moments.values()), kTolerance);

  // The mean is drawn where there is no noise, and scaled back it is decoded.
  const std::vector<float> means = copied(*backend, moments.values());
  const AutoencoderConfig config(described(recorded_.folder));
  const Hidden latents = encoder->latents(moments.values(), {}, step.context());
  std::vector<float> noise(static_cast<std::size_t>(latents.values().shape().elements()), 2.0f);
  const Hidden drawn = encoder->latents(
      moments.values(),
      kernels_testing::tensor_of(noise, {latents.values().rows(), latents.values().columns()}),
      step.context());
  const auto channels = static_cast<std::size_t>(encoder->latent_channels());
  for (std::size_t i = 0; i < noise.size(); ++i) {
    const std::size_t at = i / channels * 2 * channels + i % channels;
    const double mean = means[at];
    const double deviation = std::exp(0.5 * double{means[at + channels]});
    EXPECT_NEAR(backend->read(latents.values())[i],
                (mean - config.shift_factor) * config.scaling_factor, 1e-6);
    EXPECT_NEAR(backend->read(drawn.values())[i],
                (mean + 2.0 * deviation - config.shift_factor) * config.scaling_factor, 1e-5);
  }
}

TEST_P(Autoencoder, BitsAreTheSameHoweverItIsRun) {
  MadeRows latents = denoised();
  MadeRows pixels(member(recorded_.part("encode"), "pixels"));
  std::vector<float> picture;
  std::vector<float> moments;
  for (const Isa isa : kernels_testing::runnable_tiers()) {
    for (const int threads : {1, 3}) {
      TestBackend backend(isa, threads);
      const auto decoder =
          make_vae_decoder(described(recorded_.folder), weights_of(recorded_.folder), *backend);
      const auto encoder =
          make_vae_encoder(described(recorded_.folder), weights_of(recorded_.folder), *backend);
      PictureStep step(*backend, latents.extent);
      const std::vector<float> whole =
          copied(*backend, decoder->decode(latents.tensor(), step.context()).values());
      if (picture.empty()) picture = whole;
      EXPECT_TRUE(kernels_testing::same_bits(whole, picture)) << isa_name(isa) << ", " << threads;
      // A layer a step.
      PictureStream stream = decoder->embed(latents.tensor(), step.context());
      for (std::int32_t layer = 0; layer < decoder->layers(); ++layer) {
        PictureStep own(*backend, latents.extent);
        stream = decoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(layer + 1),
                                    own.context());
      }
      EXPECT_TRUE(kernels_testing::same_bits(
          copied(*backend, decoder->project(std::move(stream), step.context()).values()), picture));

      PictureStep encoding(*backend, latents_of(pixels, *encoder));
      const std::vector<float> made =
          copied(*backend, encoder->moments(pixels.tensor(), encoding.context()).values());
      if (moments.empty()) moments = made;
      EXPECT_TRUE(kernels_testing::same_bits(made, moments)) << isa_name(isa) << ", " << threads;
    }
  }
}

TEST_P(Autoencoder, FoldersOfOldAreTheSame) {
  TestBackend backend(kernels_testing::runnable_tiers().back());
  MadeRows latents = denoised();
  const auto decoded = [&](const std::shared_ptr<const WeightSource>& weights) {
    const auto decoder = make_vae_decoder(described(recorded_.folder), weights, *backend);
    PictureStep step(*backend, latents.extent);
    return copied(*backend, decoder->decode(latents.tensor(), step.context()).values());
  };
  int renamed = 0;
  const auto old = weights_of(recorded_.folder, [&](std::vector<SafetensorsEntry>& entries) {
    constexpr std::array<std::array<std::string_view, 2>, 4> kNames = {
        {{".to_q.", ".query."},
         {".to_k.", ".key."},
         {".to_v.", ".value."},
         {".to_out.0.", ".proj_attn."}}};
    for (SafetensorsEntry& entry : entries)
      for (const auto& [today, before] : kNames)
        if (const std::size_t at = entry.name.find(today); at != std::string::npos) {
          entry.name.replace(at, today.size(), before);
          if (entry.shape.size() == 2) entry.shape.insert(entry.shape.end(), {1, 1});
          ++renamed;
        }
  });
  EXPECT_EQ(renamed, 16);
  EXPECT_TRUE(kernels_testing::same_bits(decoded(old), decoded(weights_of(recorded_.folder))));
}

/// Weights of eight significant bits, stored as F32 or as BF16.
std::shared_ptr<const WeightSource> short_weights(const std::string& folder, bool as_bf16,
                                                  std::deque<std::vector<std::byte>>& kept) {
  return weights_of(folder, [&](std::vector<SafetensorsEntry>& entries) {
    for (SafetensorsEntry& entry : entries) {
      std::vector<std::byte>& made = kept.emplace_back();
      for (std::size_t i = 0; i < entry.bytes.size(); i += sizeof(float)) {
        // The upper half of a float is a BF16.
        if (!as_bf16) made.resize(made.size() + 2);
        made.insert(made.end(), {entry.bytes[i + 2], entry.bytes[i + 3]});
      }
      entry.bytes = made;
      if (as_bf16) entry.dtype = "BF16";
    }
  });
}

TEST_P(Autoencoder, ShortWeightsAreMultipliedInFloat) {
  MadeRows latents = denoised();
  for (const Isa isa : kernels_testing::runnable_tiers()) {
    TestBackend backend(isa);
    const auto decoded = [&](bool as_bf16) {
      std::deque<std::vector<std::byte>> kept;
      const auto decoder = make_vae_decoder(
          described(recorded_.folder), short_weights(recorded_.folder, as_bf16, kept), *backend);
      PictureStep step(*backend, latents.extent);
      return copied(*backend, decoder->decode(latents.tensor(), step.context()).values());
    };
    EXPECT_TRUE(kernels_testing::same_bits(decoded(true), decoded(false))) << isa_name(isa);
  }
}

TEST_P(Autoencoder, CostsAreThoseOfItsProducts) {
  TestBackend backend(Isa::kRef);
  const auto decoder =
      make_vae_decoder(described(recorded_.folder), weights_of(recorded_.folder), *backend);
  const AutoencoderConfig config(described(recorded_.folder));
  const auto channels = static_cast<double>(config.channels.back());
  // A residual layer: two convolutions of nine pixels each, over 4 x 5 of them.
  EXPECT_EQ(decoder->products({4, 5}, LayerIndex(0)), 2 * 20 * 9 * channels * channels);
  EXPECT_EQ(decoder->products({4, 5}, LayerIndex(1)), 20 * channels * (4 * channels + 2 * 20));
  // What enlarges the picture makes four times as many.
  const LayerIndex enlarges(3 + config.layers_per_level + 1);
  EXPECT_EQ(decoder->products({4, 5}, enlarges), 4 * 20 * 9 * channels * channels);
  ByteLedger ledger(decoder->stream_bytes({4, 5}) - 1);
  std::vector<float> latents(static_cast<std::size_t>(20 * config.latent_channels));
  PictureStep step(*backend, {4, 5}, &ledger);
  EXPECT_THROW(decoder->decode(kernels_testing::tensor_of(latents, {20, config.latent_channels}),
                               step.context()),
               ResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(Recorded, Autoencoder, ::testing::Values("dev", "schnell"));

/// What making a decoder says of a changed autoencoder.
std::string complaint(const std::function<void(JsonValue::Object&)>& members,
                      const std::function<void(std::vector<SafetensorsEntry>&)>& weights = {}) {
  const std::string folder = made_golden_path("diffusion/dev/vae/");
  TestBackend backend(Isa::kRef);
  try {
    make_vae_decoder(described(folder, members), weights_of(folder, weights), *backend);
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing";
}
std::string complaint_of(const std::string& name, JsonValue::Value value) {
  return complaint([&](JsonValue::Object& members) { set(members, name, JsonValue(value)); });
}

JsonValue::Value numbers(std::initializer_list<std::int64_t> values) {
  JsonValue::Array array;
  for (const std::int64_t value : values) array.emplace_back(JsonValue::Value(value));
  return array;
}

TEST(Autoencoders, WhatCannotBeRunIsNamed) {
  const auto says = [](const std::string& found, std::string_view text) {
    EXPECT_NE(found.find(text), std::string::npos) << found << "\n  without  " << text;
  };
  says(complaint_of("act_fn", std::string("gelu")), "'gelu', but only 'silu'");
  says(complaint_of("block_out_channels", numbers({8, 12, 16, -20})), "block_out_channels");
  says(complaint_of("block_out_channels", numbers({8, 12, 16, std::int64_t{1} << 40})),
       "block_out_channels");
  says(complaint_of("block_out_channels", numbers({8, 12, 16})), "names 4 levels");
  says(complaint_of("block_out_channels", numbers({8, 12, 16, 24})), "decoder.conv_in.weight");
  says(complaint_of("norm_num_groups", std::int64_t{3}), "no 3 groups");
  says(complaint_of("layers_per_block", std::int64_t{0}), "layers_per_block");
  says(complaint_of("layers_per_block", std::int64_t{1}), "resnets.2");
  says(complaint_of("scaling_factor", 1e300), "scaling_factor");
  says(complaint_of("latents_mean", numbers({1, 2})), "latents_mean");
  says(complaint_of("in_channels", std::int64_t{4}), "channels");
  says(complaint_of("use_post_quant_conv", true), "post_quant_conv.weight");
  says(complaint_of("mid_block_add_attention", false), "mid_block.attentions.0");
  const auto renamed = [](std::string_view from, std::string_view to) {
    return [=](std::vector<SafetensorsEntry>& entries) {
      for (SafetensorsEntry& entry : entries)
        if (entry.name == from) entry.name = to;
    };
  };
  says(complaint({}, renamed("decoder.conv_in.weight", "decoder.conv_out.more")),
       "decoder.conv_in.weight");
  says(complaint({}, renamed("encoder.conv_in.weight", "other.weight")), "other.weight");
  says(complaint({},
                 [](std::vector<SafetensorsEntry>& entries) {
                   for (SafetensorsEntry& entry : entries)
                     if (entry.name == "decoder.conv_in.weight")
                       std::swap(entry.shape[0], entry.shape[1]);
                 }),
       "decoder.conv_in.weight");
}

TEST(Autoencoders, NoShiftIsNone) {
  const std::string folder = made_golden_path("diffusion/dev/vae/");
  const AutoencoderConfig config(described(folder, [](JsonValue::Object& members) {
    set(members, "shift_factor", JsonValue());
    std::erase_if(members, [](const JsonValue::Member& m) { return m.name == "scaling_factor"; });
  }));
  EXPECT_EQ(config.shift_factor, 0.0f);
  EXPECT_EQ(config.scaling_factor, 0.18215f);
  EXPECT_EQ(config.scale(), 8);
}

}  // namespace
}  // namespace sirocco::testing
