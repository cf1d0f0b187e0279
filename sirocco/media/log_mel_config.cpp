#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/media/log_mel.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kProcessor = "processor_config.json";
constexpr std::string_view kPreprocessor = "preprocessor_config.json";
constexpr std::string_view kMembers[] = {"feature_extractor", "audio_processor"};
constexpr std::string_view kPrefix = "feature_extractor";
constexpr std::string_view kExtractor = "WhisperFeatureExtractor";

LogMelConfig read(const JsonValue& document, std::string_view origin) {
  JsonMetadata settings{std::string(origin)};
  settings.add(kPrefix, document);
  settings.finish();
  return read_log_mel_config(settings, kPrefix);
}

}  // namespace

LogMelConfig read_log_mel_config(const Metadata& settings, std::string_view prefix) {
  const auto path = [&](std::string_view name) {
    return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
  };
  const auto count = [&](std::string_view name, int fallback, std::int64_t min, std::int64_t max) {
    const std::int64_t found = settings.get_or<std::int64_t>(path(name), fallback);
    if (found < min || found > max) {
      throw FormatError("{}: {} is {}; expected {} to {}", settings.origin(), quoted(path(name)),
                        found, min, max);
    }
    return static_cast<int>(found);
  };

  const auto type = settings.get_or<std::string_view>(path("feature_extractor_type"), kExtractor);
  if (type != kExtractor) {
    throw UnsupportedError("{}: sound is prepared by {}; only {} is known", settings.origin(),
                           quoted(type), kExtractor);
  }
  if (settings.get_or<double>(path("dither"), 0.0) != 0.0) {
    throw UnsupportedError("{}: {} asks for noise in the sound, which isn't added",
                           settings.origin(), quoted(path("dither")));
  }
  if (settings.get_or<std::string_view>(path("padding_side"), "right") != "right") {
    throw UnsupportedError("{}: {} asks for silence in front of the sound; only behind is possible",
                           settings.origin(), quoted(path("padding_side")));
  }

  LogMelConfig out;
  out.rate = count("sampling_rate", out.rate, 1000, 384000);
  out.bins = count("feature_size", out.bins, 1, 1024);
  out.frame = count("n_fft", out.frame, 4, 16384);
  out.hop = count("hop_length", out.hop, 1, out.frame);
  out.window_seconds = count("chunk_length", out.window_seconds, 1, 3600);
  out.padding_value = static_cast<float>(settings.get_or<double>(path("padding_value"), 0.0));
  return out;
}

LogMelConfig read_log_mel_config(const CompanionFiles& folder) {
  if (const auto text = folder.find(kProcessor)) {
    const JsonValue document = parse_json(*text, folder.origin(kProcessor));
    for (const std::string_view member : kMembers) {
      const JsonValue* const settings = document.member(member);
      if (settings != nullptr && settings->as<JsonValue::Object>() != nullptr)
        return read(*settings, folder.origin(kProcessor));
    }
  }
  if (const auto text = folder.find(kPreprocessor)) {
    const std::string origin = folder.origin(kPreprocessor);
    const JsonValue document = parse_json(*text, origin);
    if (document.as<JsonValue::Object>() == nullptr)
      throw FormatError("{}: is no JSON object", origin);
    return read(document, origin);
  }
  throw NotFound("{}: how sound is prepared stands neither there nor in {}",
                 folder.origin(kProcessor), kPreprocessor);
}

}  // namespace sirocco
