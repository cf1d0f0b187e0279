#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/progress_bar.hpp"
#include "sirocco/cli/transcript_writer.hpp"
#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/transcript_text.hpp"
#include "sirocco/media/sound_file.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::vector<std::string> files;
  std::string language;
  bool translate = false;
  bool timestamps = false;
  std::string format = "text";
};

Sound read_sound(const std::string& path, int rate) {
  const MappedFile file(path);
  return decode_sound(file.bytes(), rate, printable(file.path()));
}

void transcribe_file(const Options& o, const LoadedTranscriber& model, Engine& engine,
                     const Handle<TranscriptionPipeline>& handle, const std::string& path) {
  TranscriptionOptions options;
  if (!o.language.empty()) options.language = model.tokens().language(o.language).token;
  options.translate = o.translate;
  double seconds = 0.0;
  // The samples go when their frames are there.
  TranscriptionJob job = [&] {
    const Sound sound = read_sound(path, model.rate());
    seconds = sound.seconds();
    return model.job(sound, std::move(options));
  }();
  TranscriptWriter writer(parse_transcript_format(o.format), o.timestamps, path);
  write_output(writer.begin());

  ProgressBar bar("writing down", !o.common->quiet && shows_progress());
  const auto draw = [&](double done) {
    bar.draw(done / seconds,
             fmt::format("{} of {}", time_text(done, '.', false), time_text(seconds, '.', false)));
  };
  std::optional<std::string> language;
  if (job.frames == 0) return write_output(writer.end(language, seconds));
  const auto request = engine.submit(handle, std::move(job));
  draw(0.0);
  while (true) {
    const bool over = request.finished().has_value();
    while (const auto event = request.try_next()) {
      bar.wipe();
      for (const TranscriptionSegment& segment : event->segments)
        write_output(writer.add(segment, model.text(segment)));
      if (event->language) language = model.tokens().find_language(*event->language)->code;
      if (!over) draw(event->seconds);
    }
    if (over) break;
    if (!engine.step()) request.cancel();
  }
  bar.wipe();
  const Finished finished = *request.finished();
  if (finished.error == ErrorKind::kNotANumber) throw NotANumber("{}: {}", path, finished.message);
  if (finished.reason != FinishReason::kStop)
    throw ResourceExhausted("{}: {}", path, finished.message);
  write_output(writer.end(language, seconds));
}

void transcribe(const Options& o) {
  const TranscriptFormat format = parse_transcript_format(o.format);
  if (o.files.size() > 1 && (format == TranscriptFormat::kSrt || format == TranscriptFormat::kVtt))
    throw InvalidArgument("--format {}: subtitles are of one file at a time", o.format);
  Machine machine;
  const LoadedTranscriber model = load_transcriber(machine, *o.common);
  if (!o.language.empty()) (void)model.tokens().language(o.language);  // before a file is read
  Engine engine(machine);
  const auto handle = engine.add(model.shared_pipeline());
  for (const std::string& file : o.files) {
    if (o.files.size() > 1 && format == TranscriptFormat::kText)
      write_output(fmt::format("{}:\n", file));
    transcribe_file(o, model, engine, handle, file);
  }
}

}  // namespace

void declare_transcribe(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  app.add_option("--language", options->language,
                 "what is spoken, as in en; what the model hears without");
  app.add_flag("--translate", options->translate, "write it in English");
  app.add_flag("--timestamps", options->timestamps,
               "put before each line of text when it was said");
  app.add_option("--format", options->format,
                 "text, srt or vtt (subtitles), or json (a line a file, with segments)")
      .capture_default_str();
  app.add_option("file", options->files, "sound files: WAV, FLAC, Ogg, MP3").required();
  app.callback([options] { transcribe(*options); });
}

}  // namespace sirocco
