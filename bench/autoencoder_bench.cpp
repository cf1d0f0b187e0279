// How long the decoder of an autoencoder takes for latents of random numbers, layer by layer, and
// what memory it has at most.
//
//   autoencoder_bench FOLDER THREADS WIDTHxHEIGHT [TIMES] [--layers]   pixels of the picture
//
// FOLDER is that of an AutoencoderKL of diffusers; tools/make_random_autoencoder.py makes one.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/safetensors.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/autoencoder.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

void run(const std::string& folder, int threads, const std::string& size, int times, bool layers) {
  int width = 0;
  int height = 0;
  if (std::sscanf(size.c_str(), "%dx%d", &width, &height) != 2)
    throw InvalidArgument("{}: expected 512x512 or the like", size);
  JsonMetadata metadata(folder);
  const MappedFile config(folder + "/config.json");
  metadata.add("config", parse_json(text_of(config), "config.json"));
  metadata.finish();
  std::vector<MappedFile> files;
  files.emplace_back(folder + "/diffusion_pytorch_model.safetensors");
  const std::vector<SafetensorsEntry> entries = parse_safetensors(files[0].bytes(), folder);

  ThreadGroup group(threads);
  const std::unique_ptr<Backend> backend =
      make_cpu_backend(best_isa(CpuFeatures::detect()), group, nullptr);
  Clock::time_point begin = Clock::now();
  const auto decoder = make_vae_decoder(
      metadata, make_safetensors_weights(entries, std::move(files), folder), *backend);
  fmt::print("loaded in {:.2f} s, {:.0f} MiB at most\n", seconds_since(begin), peak_mib());

  const PictureExtent extent{height / decoder->scale(), width / decoder->scale()};
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> latents(
      static_cast<std::size_t>(extent.pixels() * decoder->latent_channels()));
  std::ranges::generate(latents, [&] { return normal(random); });
  const Tensor rows(DType::kF32, {extent.pixels(), decoder->latent_channels()}, latents.data());
  const StepRows step{{VaeDecoder::sequence(SequenceId(0), extent)}, {}};
  const CacheViews none;
  StepMemory memory;
  double products = 0;
  for (std::int32_t i = 0; i < decoder->layers(); ++i)
    products += decoder->products(extent, LayerIndex(i));
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    TransformContext context(*backend, memory, step, none);
    begin = Clock::now();
    PictureStream stream = decoder->embed(rows, context);
    for (std::int32_t layer = 0; layer < decoder->layers(); ++layer) {
      const Clock::time_point start = Clock::now();
      stream =
          decoder->transform(std::move(stream), LayerIndex(layer), LayerIndex(layer + 1), context);
      if (!layers) continue;
      const double took = seconds_since(start);
      fmt::print("layer {:2}: {:.3f} s, {:.0f} GFLOP/s\n", layer, took,
                 2e-9 * decoder->products(extent, LayerIndex(layer)) / took);
    }
    const Hidden pixels = decoder->project(std::move(stream), context);
    seconds.push_back(seconds_since(begin));
  }
  std::ranges::sort(seconds);
  fmt::print("{}: {:.3f} s at best, {:.3f} s in the middle; {:.0f} GFLOP/s; {:.0f} MiB at most\n",
             size, seconds.front(), seconds[seconds.size() / 2], 2e-9 * products / seconds.front(),
             peak_mib());
}

}  // namespace
}  // namespace sirocco

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    fmt::print(stderr, "usage: autoencoder_bench FOLDER THREADS WIDTHxHEIGHT [TIMES] [--layers]\n");
    return 2;
  }
  try {
    const bool layers = std::string_view(argv[argc - 1]) == "--layers";
    sirocco::run(argv[1], std::atoi(argv[2]), argv[3], argc > 4 + layers ? std::atoi(argv[4]) : 3,
                 layers);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}
