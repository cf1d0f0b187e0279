#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/npy.hpp"
#include "sirocco/cli/progress_bar.hpp"
#include "sirocco/engine/engine.hpp"
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
  std::optional<std::uint64_t> seed;
  int count = 1;
  std::string noise;
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

/// The file of a picture, counted from 1: "fox-2.png" of "fox.png" where there are several.
std::filesystem::path file_of(const Options& o, int number) {
  const std::filesystem::path path(o.output);
  if (o.count == 1) return path;
  return path.parent_path() /
         fmt::format("{}-{}{}", path.stem().native(), number, path.extension().native());
}

/// What made the picture, as programs that draw write it into their files.
PictureNote parameters(const ImageRequest& asked, const DiffusionJob& job, bool guided,
                       const std::string& model) {
  std::string text = fmt::format("{}\nSteps: {}, Sampler: Euler", asked.prompt, job.steps);
  if (guided) text += fmt::format(", Guidance: {}", job.guidance);
  text += fmt::format(", Seed: {}", job.seed);
  if (job.number > 0) text += fmt::format(", Number: {}", job.number + 1);
  text += fmt::format(", Size: {}x{}, Model: {}, Version: sirocco {}", job.size.width,
                      job.size.height, model, SIROCCO_VERSION);
  return {"parameters", std::move(text)};
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
  while (auto event = drawing.request.try_next()) {
    if (const auto* step = std::get_if<DenoisedStep>(&*event))
      drawing.steps = step->step;
    else
      drawing.pixels = std::get<DrawnPixels>(std::move(*event));
  }
}

/// "step 12 of 28, 1.43 steps/s, 11 s left".
std::string figures(std::int64_t done, std::int64_t all, double steps_a_second) {
  std::string out = fmt::format("step {} of {}", done, all);
  if (!(steps_a_second > 0)) return out;
  return out + fmt::format(", {:.2f} steps/s, {:.0f} s left", steps_a_second,
                           static_cast<double>(all - done) / steps_a_second);
}

/// Drives the engine until all are saved.
void draw(Engine& engine, std::vector<Drawing>& drawings, std::int64_t steps, bool shown) {
  ProgressBar bar("drawing", shown);
  const std::int64_t all = steps * std::ssize(drawings);
  bar.draw(0, figures(0, all, 0));
  // Reading the text isn't a step; time begins where the first of these does.
  std::optional<Clock::time_point> begin;
  std::int64_t first = 0;
  std::int64_t before = 0;
  for (std::size_t saved = 0; saved < drawings.size();) {
    const bool more = engine.step();
    std::int64_t done = 0;
    for (Drawing& drawing : drawings) {
      take_events(drawing);
      done += drawing.steps;
      const auto finished = drawing.request.finished();
      if (!finished) continue;
      if (finished->error == ErrorKind::kNotANumber) throw NotANumber("{}", finished->message);
      if (finished->reason != FinishReason::kStop) throw ResourceExhausted("{}", finished->message);
      if (!drawing.pixels) continue;
      save(drawing);
      drawing.pixels.reset();
      ++saved;
    }
    if (done > before) {
      if (!begin) {
        begin = Clock::now();
        first = done;
      }
      before = done;
      const std::chrono::duration<double> took = Clock::now() - *begin;
      bar.draw(static_cast<double>(done) / static_cast<double>(all),
               figures(done, all, static_cast<double>(done - first) / took.count()));
    }
    SIROCCO_CHECK(more || saved == drawings.size());
  }
}

void imagine(const Options& o) {
  ImageRequest request{.prompt = o.prompt, .steps = o.steps, .guidance = o.guidance};
  if (!o.size.empty()) request.size = parse_size(o.size);
  request.seed = o.seed.value_or(std::random_device{}());
  if (!o.noise.empty()) {
    if (o.count > 1) throw InvalidArgument("--noise: of one picture; --count is {}", o.count);
    request.noise = read_npy(o.noise).values;
  }
  Machine machine;
  const LoadedImageModel model = load_image_model(machine, *o.common);
  if (o.guidance && !model.defaults().guided)
    log_warning("--guidance {}: the model doesn't read it", *o.guidance);
  Engine engine(machine);
  const auto handle = engine.add(model.shared_pipeline());
  std::vector<Drawing> drawings;
  std::int64_t steps = 0;
  for (int i = 0; i < o.count; ++i) {
    request.number = static_cast<std::uint32_t>(i);
    LoadedImageModel::Prepared made = model.prepare(request);
    if (i == 0 && !made.left_out.empty())
      log_warning("the prompt is too long; its end isn't read: {}", quoted(made.left_out, 200));
    steps = made.job.steps;
    PictureNote note =
        parameters(request, made.job, model.defaults().guided, model.pipeline().info().name);
    const PictureSize size{made.job.size.width, made.job.size.height};
    drawings.push_back({.request = engine.submit(handle, std::move(made.job)),
                        .file = file_of(o, i + 1),
                        .note = std::move(note),
                        .size = size});
  }
  const auto begin = Clock::now();
  draw(engine, drawings, steps, !o.common->quiet && shows_progress());
  if (o.common->quiet) return;
  const std::chrono::duration<double> took = Clock::now() - begin;
  const PictureSize size = drawings.front().size;
  log_line(LogLevel::kInfo,
           fmt::format("{} of {} x {} pixels in {:.1f} s; seed {}",
                       o.count == 1 ? "a picture" : fmt::format("{} pictures", o.count), size.width,
                       size.height, took.count(), request.seed));
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
  app.callback([options] { imagine(*options); });
}

}  // namespace sirocco
