#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/npy.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::vector<std::string> texts;
  std::vector<std::string> images;
  std::string out;
  std::optional<std::string> prompt;
  std::int64_t dimensions = 0;
  std::string pooling;
  std::optional<bool> normalize;
  bool special = false;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void append_pictures(const Options& o, const LoadedEmbedder& model,
                     std::vector<EmbeddingJob>& jobs) {
  if (o.images.empty()) return;
  const PictureInputs* const pictures = model.pictures();
  if (pictures == nullptr)
    throw UnsupportedError("{} makes vectors of texts only", o.common->model);
  for (const std::string& image : o.images) {
    const std::string bytes = read_file(image);
    try {
      jobs.push_back({pictures->read(std::as_bytes(std::span(bytes))).input});
    } catch (const Error& e) {
      throw FormatError("{}: {}", sirocco::quoted(image, 400), e.what());
    }
  }
}

void embed(const Options& o) {
  EmbeddingPipelineOptions options;
  options.dimensions = o.dimensions;
  options.normalize = o.normalize;
  if (!o.pooling.empty()) options.pooling = parse_pooling(o.pooling);
  Machine machine;
  const LoadedEmbedder model = load_embedder(machine, *o.common, std::move(options));

  const std::vector<std::string> texts =
      o.texts.empty() && o.images.empty() ? lines_of(read_standard_input()) : o.texts;
  if (texts.empty() && o.images.empty())
    throw InvalidArgument("there is no text: neither an argument nor a line of standard input");
  std::vector<EmbeddingJob> jobs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    LoadedEmbedder::Tokenized text =
        model.tokenize(texts[i], {.prompt = o.prompt, .parse_special = o.special});
    if (text.left_out > 0 && !o.common->quiet) {
      fmt::print(stderr, "text {}: {} tokens fit; the last {} are left out\n", i + 1,
                 model.max_tokens(), text.left_out);
    }
    if (text.tokens.empty() && !o.common->quiet)
      fmt::print(stderr, "text {}: makes no token, so its vector tells nothing\n", i + 1);
    jobs.push_back({std::move(text.tokens)});
  }
  append_pictures(o, model, jobs);
  Engine engine(machine);
  const auto pipeline = engine.add(model.shared_pipeline());
  const std::vector<EmbeddingEvent> embeddings = embed_all(engine, pipeline, std::move(jobs));

  if (o.out.empty()) {
    std::string json;
    for (std::size_t i = 0; i < embeddings.size(); ++i) {
      fmt::format_to(std::back_inserter(json), "{}[{}]{}", i == 0 ? "[" : " ",
                     fmt::join(embeddings[i], ", "), i + 1 < embeddings.size() ? ",\n" : "]\n");
    }
    write_output(json);
    return;
  }
  AtomicFile file(o.out);
  file.write(npy_header(embeddings.size(), model.pipeline().width()));
  for (const EmbeddingEvent& embedding : embeddings)
    file.write(std::as_bytes(std::span(embedding)));
  file.commit();
}

}  // namespace

void declare_embed(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  app.add_option("--out", options->out,
                 "file to write: float32 [N, D], .npy; JSON on standard output without");
  app.add_option("--prompt-name", options->prompt,
                 "which of the model's prompts is put before each text; its default without");
  app.add_option("--dimensions", options->dimensions, "leading elements to keep; all without")
      .in_range(1, 1 << 24);
  app.add_option("--pooling", options->pooling,
                 "how rows become one vector: mean, cls or last; as the model says without");
  const Option normalize = app.add_flag_callback(
      "--normalize", [options] { options->normalize = true; },
      "make the length of each vector 1; as the model says without");
  app.add_flag_callback(
         "--no-normalize", [options] { options->normalize = false; },
         "leave the lengths of the vectors")
      .excludes(normalize);
  app.add_flag("--special", options->special,
               "parse special tokens in the texts; they are text without");
  app.add_option("--image", options->images,
                 "file of a picture, whose vector stands behind those of the texts, for models of "
                 "texts and pictures (CLIP, SigLIP); repeatable")
      .allow_extra_args(false);
  app.add_option("text", options->texts,
                 "the texts; without any, and pictures, the lines of standard input");
  app.callback([options] { embed(*options); });
}

}  // namespace sirocco
