#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/npy.hpp"
#include "sirocco/cli/progress_bar.hpp"
#include "sirocco/engine/engine.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_values.hpp"
#include "sirocco/media/picture_writer.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::string prompt;
  std::string output;
  std::string size;
  std::optional<std::int64_t> steps;
  std::optional<float> guidance;
  std::string seed;
  int count = 1;
  std::string noise;
  std::string image;
  std::optional<double> strength;
  std::string mask;
};

PictureSize parse_size(std::string_view text) {
  const auto side = [&](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1)
      throw InvalidArgument("--size {}: expected pixels, as in 512x768", quoted(text));
    return value;
  };
  const std::size_t cross = text.find('x');
  if (cross == text.npos)
    throw InvalidArgument("--size {}: expected pixels, as in 512x768", quoted(text));
  return {side(text.substr(0, cross)), side(text.substr(cross + 1))};
}

std::uint64_t parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size())
    throw InvalidArgument("--seed {}: expected a whole number, 0 or more", quoted(text));
  return seed;
}

/// The file of a picture, counted from 1: "fox-2.png" of "fox.png" where there are several.
std::filesystem::path file_of(const Options& o, int number) {
  const std::filesystem::path path(o.output);
  if (o.count == 1) return path;
  return path.parent_path() /
         fmt::format("{}-{}{}", path.stem().native(), number, path.extension().native());
}

Picture read_picture(const std::string& path, Color background) {
  const std::string file = read_file(path);
  const std::string name = quoted(path, 400);
  try {
    return decode_picture(std::as_bytes(std::span(file)), {}, background);
  } catch (const FormatError& e) {
    throw FormatError("{}: {}", name, e.what());
  } catch (const UnsupportedError& e) {
    throw UnsupportedError("{}: {}", name, e.what());
  } catch (const ResourceExhausted& e) {
    throw ResourceExhausted("{}: {}", name, e.what());
  }
}

/// The picture that is drawn from, if one is.
std::optional<ImageSource> read_source(const Options& o) {
  if (o.image.empty()) {
    if (o.strength)
      throw InvalidArgument("--strength {}: how far from --image; name one", *o.strength);
    if (!o.mask.empty()) throw InvalidArgument("--mask: where --image is painted anew; name one");
    return std::nullopt;
  }
  ImageSource source{.picture = read_picture(o.image, kWhite)};
  // Where a mask is transparent nothing is painted.
  if (!o.mask.empty()) source.mask = read_picture(o.mask, kBlack);
  if (o.strength) source.strength = *o.strength;
  return source;
}

/// A picture in the making.
struct Drawing {
  Request<DiffusionPipeline> request;
  std::filesystem::path file;
  PictureNote note;
  PictureSize size;
  std::int64_t steps = 0;
  std::optional<DrawnPixels> pixels = std::nullopt;
};

void save(const Drawing& drawing) {
  const Picture picture = picture_of_values(drawing.pixels->values, drawing.size);
  AtomicFile file(drawing.file);
  file.write(encode_png(picture, {&drawing.note, 1}));
  file.commit();
}

void take_events(Drawing& drawing) {
  while (std::optional<DiffusionEvent> event = drawing.request.try_next()) {
    if (const auto* step = std::get_if<DenoisedStep>(&*event))
      drawing.steps = step->step;
    else if (auto* pixels = std::get_if<DrawnPixels>(&*event))
      drawing.pixels = std::move(*pixels);
  }
}

/// "step 12 of 28, 1.43 steps/s, 11 s left".
std::string figures(std::int64_t done, std::int64_t all, double steps_a_second) {
  std::string out = fmt::format("step {} of {}", done, all);
  if (!(steps_a_second > 0)) return out;
  return out + fmt::format(", {:.2f} steps/s, {:.0f} s left", steps_a_second,
                           static_cast<double>(all - done) / steps_a_second);
}

/// How far all of them are, as a line on standard error.
class Progress {
 public:
  Progress(std::int64_t steps, bool shown) : steps_(steps), bar_("drawing", shown) {
    bar_.draw(0, figures(0, steps_, 0));
  }
  void tell(std::int64_t done) {
    if (done == told_) return;
    // Reading the text isn't a step; time begins where the first of these ends.
    if (told_ == 0) {
      begin_ = Clock::now();
      first_ = done;
    }
    told_ = done;
    const std::chrono::duration<double> took = Clock::now() - begin_;
    bar_.draw(static_cast<double>(done) / static_cast<double>(steps_),
              figures(done, steps_, static_cast<double>(done - first_) / took.count()));
  }

 private:
  std::int64_t steps_;
  ProgressBar bar_;
  std::int64_t told_ = 0;
  std::int64_t first_ = 0;
  Clock::time_point begin_;
};

/// Drives the engine until `count` pictures are saved, of which `next(i)` begins each, some at a
/// time.
template <class Next>
void draw(Engine& engine, int count, std::int64_t steps, int at_a_time, bool shown, Next next) {
  Progress progress(steps * count, shown);
  std::vector<Drawing> drawings;
  int begun = 0;
  int saved = 0;
  while (saved < count) {
    while (begun < count && std::ssize(drawings) < at_a_time) drawings.push_back(next(begun++));
    engine.step();
    std::int64_t done = steps * saved;
    std::erase_if(drawings, [&](Drawing& drawing) {
      const auto finished = drawing.request.finished();
      take_events(drawing);
      done += drawing.steps;
      if (!finished) return false;
      if (finished->error == ErrorKind::kNotANumber) throw NotANumber("{}", finished->message);
      if (finished->reason != FinishReason::kStop) throw ResourceExhausted("{}", finished->message);
      save(drawing);
      ++saved;
      return true;
    });
    progress.tell(done);
  }
}

/// Throws what would be found out when the picture is drawn and can't be written.
void check_output(const Options& o) {
  const std::filesystem::path path(o.output);
  const std::string ending = path.extension().native();
  constexpr std::array<std::string_view, 6> kOthers = {".jpg", ".jpeg", ".webp",
                                                       ".gif", ".bmp",  ".tif"};
  if (std::ranges::find(kOthers, ending) != kOthers.end())
    throw UnsupportedError("-o {}: PNG files are written; name one .png",
                           sirocco::quoted(o.output));
  std::error_code error;
  const std::filesystem::path folder = path.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error))
    throw NotFound("-o {}: there is no folder {}", sirocco::quoted(o.output),
                   sirocco::quoted(folder.native()));
}

/// Throws InvalidArgument unless the noise is that of the latents of such a picture, [L, h, w], or
/// the same with a 1 before it.
void check_noise(std::vector<std::int64_t> shape, const DiffusionJob& job,
                 const DiffusionLimits& limits) {
  if (shape.size() == 4 && shape.front() == 1) shape.erase(shape.begin());
  const std::int64_t pixels = limits.patch / limits.latents_a_side;
  const std::vector<std::int64_t> expected = {limits.latent_channels, job.size.height / pixels,
                                              job.size.width / pixels};
  if (shape == expected) return;
  throw InvalidArgument("--noise: of shape [{}]; a picture of {} x {} pixels begins with [{}]",
                        fmt::join(shape, ", "), job.size.width, job.size.height,
                        fmt::join(expected, ", "));
}

void imagine(const Options& o) {
  check_output(o);
  ImageRequest request{.prompt = o.prompt, .steps = o.steps, .guidance = o.guidance};
  if (!o.size.empty()) request.size = parse_size(o.size);
  request.seed = o.seed.empty() ? std::random_device{}() : parse_seed(o.seed);
  std::optional<NpyArray> noise;
  if (!o.noise.empty()) {
    if (o.count > 1) throw InvalidArgument("--noise: of one picture; --count is {}", o.count);
    noise = read_npy(o.noise);
  }
  request.source = read_source(o);
  if (o.common->model.empty() && !o.common->quiet)
    fmt::print(stderr, "drawing with a model of digits; -m names another one\n");
  Machine machine;
  const LoadedImageModel model =
      load_image_model(machine, *o.common, {.reads_pictures = request.source.has_value()});
  if (o.guidance && !model.defaults().guided)
    log_warning("--guidance {}: the model doesn't read it", *o.guidance);
  LoadedImageModel::Prepared made = model.prepare(request);
  if (!made.left_out.empty())
    log_warning("the prompt is too long; its end isn't read: {}", quoted(made.left_out, 200));
  const PipelineLimits& limits = *model.pipeline().limits();
  // Says what can't be drawn before the noise is held against it.
  const DiffusionTerms terms = DiffusionPipeline::check(limits, made.job).terms();
  if (noise) {
    check_noise(noise->shape, made.job, *limits.diffusion);
    made.job.noise = std::move(noise->values);
  }

  Engine engine(machine);
  const auto handle = engine.add(model.shared_pipeline());
  const PictureSize size{made.job.size.width, made.job.size.height};
  const auto next = [&](int i) {
    DiffusionJob job = made.job;
    job.number = static_cast<std::uint32_t>(i);
    PictureNote note = model.note_of(request.prompt, job);
    return Drawing{.request = engine.submit(handle, std::move(job)),
                   .file = file_of(o, i + 1),
                   .note = std::move(note),
                   .size = size};
  };
  const auto begin = Clock::now();
  draw(engine, o.count, terms.steps, limits.max_sequences, !o.common->quiet && shows_progress(),
       next);
  if (o.common->quiet) return;
  const std::chrono::duration<double> took = Clock::now() - begin;
  fmt::print(stderr, "{} of {} x {} pixels in {:.1f} s; seed {}\n",
             o.count == 1 ? "a picture" : fmt::format("{} pictures", o.count), size.width,
             size.height, took.count(), request.seed);
}

}  // namespace

void declare_imagine(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  app.add_option("-p,--prompt", options->prompt, "what the picture shows").required();
  app.add_option("-o,--output", options->output,
                 "the file that is written, a PNG; of several pictures -1, -2, … is put before "
                 "its ending")
      .required();
  app.add_option("--size", options->size, "width and height in pixels, as in 512x768");
  app.add_option("--steps", options->steps, "steps of denoising; more take longer");
  app.add_option("--guidance", options->guidance,
                 "how closely to follow the prompt, of models that read it");
  app.add_option("--seed", options->seed, "the same seed draws the same picture");
  app.add_option("--count", options->count, "pictures").in_range(1, 1000).capture_default_str();
  app.add_option("--noise", options->noise,
                 "begin with this noise in place of the seed's: a NumPy file, f32 [channels, "
                 "height / 8, width / 8]");
  app.add_option("--image", options->image,
                 "draw from this picture (JPEG, PNG, WebP, GIF, BMP) in place of noise alone");
  app.add_option("--strength", options->strength,
                 "how far from --image: 0 to 1, which is the part of the steps that is done; 0.6 "
                 "without");
  app.add_option("--mask", options->mask,
                 "paint anew only where this picture is bright; elsewhere --image stays");
  app.callback([options] { imagine(*options); });
}

}  // namespace sirocco
