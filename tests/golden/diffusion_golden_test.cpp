// Whole pictures against those of diffusers' FluxPipeline, on an engine as programs make them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/image_model.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_values.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/support/paths_testing.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr double kClose = 5e-5;

std::string recorded_path(const std::string& name) {
  return source_path("tests/golden/diffusion/" + name);
}

std::vector<TokenId> tokens_of(const JsonValue& object, std::string_view name) {
  std::vector<TokenId> out;
  for (const std::int32_t id : ids_member(object, name)) out.emplace_back(id);
  return out;
}

Picture recorded_picture(const std::string& name) {
  const std::string file = read_text(recorded_path(name));
  return decode_picture(std::as_bytes(std::span(file)));
}

/// As planes, [3, h, w].
std::vector<float> planes_of(const DrawnPixels& drawn) {
  const auto count = static_cast<std::size_t>(drawn.size.pixels());
  std::vector<float> out(drawn.values.size());
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) out[c * count + i] = drawn.values[3 * i + c];
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double distance(const DrawnPixels& a, const DrawnPixels& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(double{a.values[i]} - double{b.values.at(i)}));
  return largest;
}

/// A golden pipeline on an engine, and what is recorded of it.
class Drawing : public ::testing::TestWithParam<std::string> {
 protected:
  explicit Drawing(int threads = 2)
      : record_(parse_json(read_text(recorded_path(name() + ".json")), name())),
        recorded_(recorded_path(text(record_, "values"))),
        model_(load(threads)) {}

  static std::string name() {
    const std::string& folder = GetParam();
    return folder.ends_with("-old") ? folder.substr(0, folder.size() - 4) : folder;
  }
  LoadedImageModel load(int threads) {
    return load_image_model(machine_, made_golden_path("diffusion/" + GetParam()),
                            {.placement = {.threads = threads}});
  }

  std::vector<const JsonValue*> cases() const {
    std::vector<const JsonValue*> out;
    for (const JsonValue& each : array(record_, "cases")) out.push_back(&each);
    return out;
  }
  /// The first that is painted into a picture.
  const JsonValue& painted_case() const {
    return *std::ranges::find(array(record_, "cases"), "FluxInpaintPipeline",
                              [](const JsonValue& each) { return text(each, "pipeline"); });
  }
  Picture picture(const std::string& name) const {
    const MadePicture made = make_picture(record_, name);
    Picture out({static_cast<int>(made.width), static_cast<int>(made.height)});
    for (int y = 0; y < out.height(); ++y) {
      const auto row =
          std::span(made.rgb).subspan(static_cast<std::size_t>(y) * made.width * 3, made.width * 3);
      std::ranges::copy(row, out.row(y).begin());
    }
    return out;
  }
  std::optional<ImageSource> source(const JsonValue& of) const {
    if (text(of, "pipeline") == "FluxPipeline") return std::nullopt;
    ImageSource out{.picture = picture(text(of, "picture")),
                    .strength = number(member(of, "strength"))};
    if (text(of, "pipeline") == "FluxInpaintPipeline") out.mask = picture(text(of, "mask"));
    return out;
  }
  DiffusionJob job(const JsonValue& of) const {
    const std::vector<std::int64_t> size = whole_numbers(array(of, "result_size"));
    DiffusionJob out =
        model_
            .prepare({.prompt = text(of, "prompt"),
                      .size = PictureSize{static_cast<int>(size[0]), static_cast<int>(size[1])},
                      .steps = as<std::int64_t>(member(of, "steps")),
                      .guidance = real(of, "guidance"),
                      .noise = made_values(member(of, "noise")),
                      .source = source(of)})
            .job;
    if (out.source) {
      const JsonValue& noise = member(of, "picture_noise");
      // Without noise it is the mean of what could be drawn.
      out.source->noise = std::holds_alternative<std::nullptr_t>(noise.value)
                              ? std::vector<float>(out.noise.size())
                              : made_values(noise);
    }
    EXPECT_EQ(out.pooled_text, tokens_of(of, "clip_ids"));
    // Cut at another length than programs cut.
    out.text = tokens_of(of, "t5_ids");
    return out;
  }

  /// The picture, made in steps of so much work as `next_rows` tells.
  template <class NextRows>
  DrawnPixels draw(DiffusionPipeline& pipeline, DiffusionJob job, NextRows next_rows,
                   std::vector<PartialPicture>* partials = nullptr) {
    CheckedDiffusionJob checked = DiffusionPipeline::check(*pipeline.limits(), std::move(job));
    std::optional<DiffusionWork> work = pipeline.begin(checked);
    if (!work) throw ResourceExhausted("no room");
    while (!work->ending()) {
      const Share<DiffusionWork> share{&*work,
                                       std::min<std::int64_t>(next_rows(), work->demand().rows)};
      pipeline.wait(pipeline.submit({&share, 1}));
    }
    EXPECT_EQ(work->ending()->reason, FinishReason::kStop) << work->ending()->message;
    DrawnPixels out;
    while (auto event = work->next_event())
      if (auto* pixels = std::get_if<DrawnPixels>(&*event)) {
        out = std::move(*pixels);
      } else if (auto* partial = std::get_if<PartialPicture>(&*event)) {
        if (partials != nullptr) partials->push_back(std::move(*partial));
      }
    return out;
  }

  void expect_same_bits(const JsonValue& of);

  Machine machine_;
  JsonValue record_;
  RecordedValues recorded_;
  LoadedImageModel model_;
};

TEST_P(Drawing, PicturesAreThoseOfDiffusers) {
  Engine engine(machine_);
  const auto handle = engine.add(model_.shared_pipeline());
  std::vector<Request<DiffusionPipeline>> requests;
  for (const JsonValue* each : cases()) requests.push_back(engine.submit(handle, job(*each)));
  engine.run();
  ASSERT_GE(requests.size(), 3u);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const JsonValue& of = *cases()[i];
    SCOPED_TRACE(text(of, "name"));
    const auto steps =
        as<std::int64_t>(member(of, "steps")) - as<std::int64_t>(member(of, "first_step"));
    std::int64_t told = 0;
    std::optional<DrawnPixels> drawn;
    while (auto event = requests[i].try_next()) {
      if (const auto* step = std::get_if<DenoisedStep>(&*event)) {
        EXPECT_EQ(step->step, ++told);
      } else {
        drawn = std::get<DrawnPixels>(std::move(*event));
      }
    }
    ASSERT_TRUE(requests[i].finished());
    EXPECT_EQ(requests[i].finished()->reason, FinishReason::kStop);
    EXPECT_EQ(requests[i].finished()->usage.generated, steps);
    EXPECT_EQ(told, steps);
    ASSERT_TRUE(drawn);
    EXPECT_LT(largest_difference(recorded_.read(of, "decoded"), planes_of(*drawn)), kClose);

    const Picture expected = recorded_picture(text(of, "result"));
    const Picture made = picture_of_values(drawn->values, {drawn->size.width, drawn->size.height});
    ASSERT_EQ(made.size(), expected.size());
    std::int64_t others = 0;
    for (int y = 0; y < made.height(); ++y) {
      for (std::size_t x = 0; x < made.row(y).size(); ++x) {
        const int far = std::abs(int{made.row(y)[x]} - int{expected.row(y)[x]});
        ASSERT_LE(far, 1);
        others += far;
      }
    }
    // What lies between two numbers may be rounded to either.
    EXPECT_LE(others, drawn->size.pixels() * 3 / 100);
  }
}

TEST_P(Drawing, BitsDependOnNothingElse) { expect_same_bits(*cases().front()); }
TEST_P(Drawing, BitsOfWhatIsPaintedIntoAPictureDependOnNothingElse) {
  expect_same_bits(painted_case());
}

void Drawing::expect_same_bits(const JsonValue& of) {
  const DrawnPixels whole = draw(model_.pipeline(), job(of), [] { return INT64_MAX; });
  for (const int threads : {1, 3}) {
    LoadedImageModel other = load(threads);
    std::minstd_rand random(static_cast<unsigned>(threads));
    // A row is a million products, of which the whole picture takes a few.
    const DrawnPixels cut = draw(other.pipeline(), job(of),
                                 [&] { return 1 + static_cast<std::int64_t>(random() % 3); });
    EXPECT_TRUE(same_bits(cut.values, whole.values)) << threads;
  }
  // Several at once, one of which nobody wants any more.
  DiffusionPipeline& pipeline = model_.pipeline();
  std::vector<DiffusionWork> works;
  for (int i = 0; i < 3; ++i) {
    CheckedDiffusionJob checked = DiffusionPipeline::check(*pipeline.limits(), job(of));
    works.push_back(*pipeline.begin(checked));
  }
  for (int step = 0; !works.back().ending(); ++step) {
    if (step == 2) works.erase(works.begin());
    std::vector<Share<DiffusionWork>> shares;
    for (std::size_t i = 0; i < works.size(); ++i)
      if (!works[i].ending()) shares.push_back({&works[i], 1 + static_cast<std::int64_t>(i)});
    pipeline.wait(pipeline.submit(shares));
  }
  while (auto event = works.back().next_event()) {
    if (const auto* drawn = std::get_if<DrawnPixels>(&*event)) {
      EXPECT_TRUE(same_bits(drawn->values, whole.values));
    }
  }
}

TEST_P(Drawing, PartialPicturesShowWhatIsExpected) {
  const auto job_with = [&](std::int64_t steps, std::int64_t partials) {
    DiffusionJob out = job(*cases().front());
    out.steps = steps;
    out.partials = partials;
    return out;
  };
  const auto all_at_once = [] { return INT64_MAX; };
  std::vector<PartialPicture> partials;
  const DrawnPixels whole = draw(model_.pipeline(), job_with(5, 2), all_at_once, &partials);
  EXPECT_TRUE(same_bits(whole.values, draw(model_.pipeline(), job_with(5, 0), all_at_once).values));
  ASSERT_EQ(partials.size(), 2u);
  EXPECT_EQ(partials[1].number, 2);
  EXPECT_EQ(partials[1].pixels.size.pixels(), whole.size.pixels());
  // Nearer to the end is nearer to the picture.
  const auto far = [&](const PartialPicture& from) { return distance(whole, from.pixels); };
  EXPECT_LT(far(partials[1]), far(partials[0]));
  EXPECT_GT(far(partials[1]), 0);

  // Behind the first step it is where a step to the end would lead.
  partials.clear();
  draw(model_.pipeline(), job_with(2, 1), all_at_once, &partials);
  ASSERT_EQ(partials.size(), 1u);
  const DrawnPixels once = draw(model_.pipeline(), job_with(1, 0), all_at_once);
  EXPECT_LT(distance(once, partials[0].pixels), kClose);
  // As many as there are steps between.
  partials.clear();
  draw(model_.pipeline(), job_with(2, 2), all_at_once, &partials);
  EXPECT_EQ(partials.size(), 1u);
}

TEST_P(Drawing, SeedsMakePicturesOfTheirOwn) {
  const auto of_seed = [&](std::uint64_t seed, std::uint32_t number) {
    DiffusionJob job = model_.prepare({.prompt = "the red fox", .steps = 1}).job;
    job.seed = seed;
    job.number = number;
    return draw(model_.pipeline(), std::move(job), [] { return INT64_MAX; }).values;
  };
  const std::vector<float> first = of_seed(1, 0);
  EXPECT_TRUE(same_bits(first, of_seed(1, 0)));
  EXPECT_FALSE(same_bits(first, of_seed(2, 0)));
  EXPECT_FALSE(same_bits(first, of_seed(1, 1)));
}

TEST_P(Drawing, MemoryIsGivenBack) {
  DiffusionPipeline& pipeline = model_.pipeline();
  const std::uint64_t before = machine_.ledger().free();
  {
    CheckedDiffusionJob checked =
        DiffusionPipeline::check(*pipeline.limits(), job(*cases().front()));
    std::optional<DiffusionWork> work = pipeline.begin(checked);
    EXPECT_LE(machine_.ledger().free() + checked.terms().bytes, before);
    const Share<DiffusionWork> share{&*work, 3};
    for (int i = 0; i < 2; ++i) pipeline.wait(pipeline.submit({&share, 1}));
  }
  const std::uint64_t left = machine_.ledger().free();
  for (int i = 0; i < 3; ++i) draw(pipeline, job(*cases().front()), [] { return INT64_MAX; });
  const std::uint64_t once = machine_.ledger().free();
  draw(pipeline, job(*cases().front()), [] { return INT64_MAX; });
  EXPECT_EQ(machine_.ledger().free(), once);
  EXPECT_LE(once, left);
}

TEST_P(Drawing, RefusesByName) {
  const PipelineLimits& limits = *model_.pipeline().limits();
  const auto refused = [&](auto change, const std::string& part) {
    DiffusionJob bad = job(*cases().front());
    change(bad);
    try {
      static_cast<void>(DiffusionPipeline::check(limits, std::move(bad)));
      ADD_FAILURE() << "taken: " << part;
    } catch (const InvalidArgument& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  const auto with_source = [&](auto change, const std::string& part) {
    refused(
        [&](DiffusionJob& j) {
          j.source = job(painted_case()).source;
          j.size = job(painted_case()).size;
          j.noise.clear();
          change(*j.source);
        },
        part);
  };
  with_source([](SourcePicture& s) { s.strength = 0; }, "none of");
  with_source([](SourcePicture& s) { s.strength = NAN; }, "strength");
  with_source([](SourcePicture& s) { s.strength = 1.01; }, "strength");
  with_source([](SourcePicture& s) { s.pixels.pop_back(); }, "a source of");
  with_source([](SourcePicture& s) { s.pixels.front() = 1.5f; }, "colours");
  with_source([](SourcePicture& s) { s.pixels.front() = NAN; }, "colours");
  with_source([](SourcePicture& s) { s.mask.pop_back(); }, "a mask of");
  with_source([](SourcePicture& s) { s.noise.pop_back(); }, "noise of");
  refused([](DiffusionJob& j) { j.size.width += 1; }, "multiples of");
  refused([](DiffusionJob& j) { j.size.height = 0; }, "multiples of");
  refused([](DiffusionJob& j) { j.size = {-16, 16}; }, "multiples of");
  refused([](DiffusionJob& j) { j.size = {1 << 24, 1 << 24}; }, "larger than");
  refused([](DiffusionJob& j) { j.partials = -1; }, "partial");
  refused([](DiffusionJob& j) { j.partials = j.steps + 1; }, "partial");
  refused([](DiffusionJob& j) { j.steps = 0; }, "0 steps");
  refused([](DiffusionJob& j) { j.steps = INT64_MAX; }, "steps of denoising");
  refused([](DiffusionJob& j) { j.guidance = NAN; }, "guidance");
  refused([](DiffusionJob& j) { j.noise.front() = INFINITY; }, "finite");
  refused([](DiffusionJob& j) { j.noise.pop_back(); }, "noise of");
  refused([](DiffusionJob& j) { j.text.clear(); }, "0 tokens");
  refused([](DiffusionJob& j) { j.text.resize(600, j.text.front()); }, "600 tokens");
  refused([](DiffusionJob& j) { j.pooled_text.front() = TokenId(-1); }, "token");
}

TEST_P(Drawing, SaysWhatOfALongPromptIsLeftOut) {
  std::string prompt;
  for (int i = 0; i < 700; ++i) prompt += "the fox ";
  const auto made = model_.prepare({.prompt = prompt + "river"});
  EXPECT_NE(made.left_out.find("river"), std::string::npos);
  EXPECT_EQ(model_.prepare({.prompt = "the fox"}).left_out, "");
  static_cast<void>(DiffusionPipeline::check(*model_.pipeline().limits(), made.job));
}

INSTANTIATE_TEST_SUITE_P(Recorded, Drawing, ::testing::Values("dev", "dev-old", "schnell"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(Drawing, SourcesHaveAShapeThatCanBeDrawn) {
  const auto size_from = [&](PictureSize source, std::optional<PictureSize> size = {}) {
    return model_
        .prepare({.prompt = "x", .size = size, .source = ImageSource{.picture = Picture(source)}})
        .job.size;
  };
  const int side = model_.defaults().size.width;
  const auto patch = model_.pipeline().limits()->diffusion->patch;
  const auto expect = [](PictureExtent made, std::int64_t width, std::int64_t height) {
    EXPECT_EQ(made.width, width);
    EXPECT_EQ(made.height, height);
  };
  expect(size_from({patch * 2 + 3, patch}), patch * 2, patch);
  expect(size_from({3, 2}), patch, patch);
  expect(size_from({4 * side, side}), 2 * side, side / 2 / patch * patch);
  expect(size_from({4 * side, side}, PictureSize{patch, patch}), patch, patch);
}

TEST_P(Drawing, WithoutAnEncoderPicturesArentSources) {
  const LoadedImageModel other = load_image_model(
      machine_, made_golden_path("diffusion/" + GetParam()), {}, {.reads_pictures = false});
  EXPECT_THROW(
      static_cast<void>(DiffusionPipeline::check(*other.pipeline().limits(), job(painted_case()))),
      UnsupportedError);
}

/// 64 numbers of a picture of 64 x 64 pixels: how dark each cell of 8 x 8 is
/// (tools/digits_data.py).
std::vector<int> darkness(const Picture& picture) {
  constexpr int kCell = 6;
  constexpr int kMargin = (64 - 8 * kCell) / 2;
  std::vector<int> out;
  for (int cell = 0; cell < 64; ++cell) {
    int sum = 0;
    for (int y = 0; y < kCell; ++y) {
      const auto row = picture.row(kMargin + cell / 8 * kCell + y);
      const auto first = static_cast<std::size_t>(kMargin + cell % 8 * kCell) * 3;
      for (const std::uint8_t byte : row.subspan(first, std::size_t{kCell} * 3)) sum += 255 - byte;
    }
    out.push_back(static_cast<int>(std::lround(sum / (3.0 * kCell * kCell))));
  }
  return out;
}

/// The digit of the nearest of those that no training saw: rows of 64 numbers and a digit.
int read_digit(const Picture& picture, std::span<const std::uint8_t> known) {
  const std::vector<int> asked = darkness(picture);
  int nearest = std::numeric_limits<int>::max();
  int digit = -1;
  for (std::size_t at = 0; at < known.size(); at += 65) {
    int distance = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      const int apart = asked[i] - int{known[at + i]};
      distance += apart * apart;
    }
    if (distance >= nearest) continue;
    nearest = distance;
    digit = known[at + 64];
  }
  return digit;
}

TEST(Digits, AreReadAsWhatWasAskedFor) {
  const std::string file = read_text(source_path("tests/golden/digits/held_out.npy"));
  constexpr std::size_t kHeader = 128;
  ASSERT_EQ(file.size(), kHeader + 360 * 65);
  const std::vector<std::uint8_t> known(file.begin() + kHeader, file.end());
  Machine machine;
  const LoadedImageModel model = load_image_model(machine, source_path("examples/digits"));
  Engine engine(machine);
  const auto handle = engine.add(model.shared_pipeline());
  constexpr std::array kNames = {"zero", "one", "two",   "three", "four",
                                 "five", "six", "seven", "eight", "nine"};
  const int seeds = kSanitized ? 1 : 10;
  int right = 0;
  for (int digit = 0; digit < 10; ++digit) {
    for (int seed = 0; seed < seeds; ++seed) {
      const std::string name = kNames[static_cast<std::size_t>(digit)];
      const auto request =
          engine.submit(handle, model
                                    .prepare({.prompt = "a handwritten " + name,
                                              .seed = static_cast<std::uint64_t>(seed)})
                                    .job);
      engine.run();
      while (auto event = request.try_next()) {
        if (const auto* drawn = std::get_if<DrawnPixels>(&*event))
          right += read_digit(picture_of_values(drawn->values, {64, 64}), known) == digit ? 1 : 0;
      }
    }
  }
  EXPECT_GE(right, 10 * seeds * 95 / 100);
}

TEST(ImageModel, SaysWhichPartIsMissing) {
  Machine machine;
  const std::filesystem::path folder = ::testing::TempDir() + "image_model_without_parts";
  std::filesystem::remove_all(folder);
  std::filesystem::copy(made_golden_path("diffusion/dev"), folder,
                        std::filesystem::copy_options::recursive);
  for (const char* part : {"vae", "tokenizer_2", "scheduler"}) {
    std::filesystem::remove_all(folder / part);
    try {
      static_cast<void>(load_image_model(machine, folder));
      ADD_FAILURE() << "loaded without " << part;
    } catch (const NotFound& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sirocco::testing
