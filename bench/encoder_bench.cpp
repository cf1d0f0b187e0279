// How long an encoder takes for a picture, or for a window of sound, of random numbers.
//
//   encoder_bench MODEL THREADS WIDTHxHEIGHT   pixels of the encoder's own size: whole patches
//   encoder_bench MODEL THREADS sound          a whole window
//
// MODEL is an mmproj file, or a folder whose model sees or hears.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/opened_model.hpp"
#include "sirocco/pipeline/encoder_pass.hpp"

namespace sirocco {
namespace {

std::vector<float> random_floats(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  std::ranges::generate(out, [&] { return normal(random); });
  return out;
}

std::shared_ptr<const EncoderInput> picture(const Encoders& encoders, const std::string& size) {
  if (encoders.pictures() == nullptr) throw InvalidArgument("the model doesn't see");
  const PictureEncoderInfo& info = encoders.pictures()->info();
  int width = 0;
  int height = 0;
  if (std::sscanf(size.c_str(), "%dx%d", &width, &height) != 2)
    throw InvalidArgument("{}: expected 896x896 or the like", size);
  EncoderTile tile{{height / info.patch, width / info.patch}, {}};
  tile.patches = random_floats(tile.grid.patches() * info.inputs());
  return std::make_shared<const EncoderInput>(*encoders.pictures(), std::vector{std::move(tile)});
}

std::shared_ptr<const EncoderInput> sound(const Encoders& encoders) {
  if (encoders.sounds() == nullptr) throw InvalidArgument("the model doesn't hear");
  const SoundEncoderInfo& info = encoders.sounds()->info();
  EncoderWindow window{{info.positions}, random_floats(info.window_frames() * info.bins)};
  return std::make_shared<const EncoderInput>(*encoders.sounds(), std::vector{std::move(window)});
}

std::int64_t width_of(const Metadata& metadata) {
  for (const char* key : {"clip.vision.projection_dim", "clip.audio.projection_dim",
                          "config.text_config.hidden_size", "config.hidden_size"})
    if (const auto width = metadata.get<std::int64_t>(key)) return *width;
  throw FormatError("{}: nothing says how wide the language model is", metadata.origin());
}

void run(const char* path, int threads, const std::string& what) {
  Machine machine;
  OpenOptions options;
  options.placement.threads = threads;
  OpenedModel model(machine, path, options);
  const std::optional<Encoders> encoders =
      model.load_encoders(model.checkpoint(), width_of(model.metadata()), options);
  if (!encoders) throw UnsupportedError("{}: there is no encoder", path);
  const auto input = what == "sound" ? sound(*encoders) : picture(*encoders, what);
  StepMemory memory(&machine.ledger());
  constexpr int kTimes = 5;
  std::vector<double> seconds;
  double products = 0;
  for (int i = 0; i < kTimes; ++i) {
    EncoderPass pass(input, &machine.ledger());
    products = pass.left();
    const auto begin = std::chrono::steady_clock::now();
    while (!pass.ended()) pass.advance(products, model.backend(), memory);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::sort(seconds);
  fmt::print("{} rows of {}: {:.3f} s at best, {:.3f} s in the middle; {:.0f} GFLOP/s\n",
             input->rows(), input->width(), seconds.front(), seconds[kTimes / 2],
             2e-9 * products / seconds.front());
}

}  // namespace
}  // namespace sirocco

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: encoder_bench MODEL THREADS WIDTHxHEIGHT|sound\n");
    return 2;
  }
  try {
    sirocco::run(argv[1], std::atoi(argv[2]), argv[3]);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}
