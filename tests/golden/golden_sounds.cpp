#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/golden/golden_sounds_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

fs::path recorded_path(const std::string& file) {
  return fs::path(source_path("tests/golden/hearing")) / file;
}

SoundPrompt read_prompt(const JsonValue& entry, const JsonValue& model,
                        const RecordedValues& values) {
  SoundPrompt out;
  out.name = text(entry, "name");
  for (const JsonValue& message : array(entry, "messages")) {
    for (const JsonValue& part : array(message, "content")) {
      HeardPart& added = out.contents.emplace_back();
      if (text(part, "type") == "text") {
        added.text = text(part, "text");
      } else {
        added.sound = out.sounds.size();
        out.sounds.push_back(make_sound(model, text(part, "sound")));
      }
    }
  }
  out.rendered = text(entry, "prompt");
  out.ids = ids_member(entry, "ids");
  for (const JsonValue& frames : array(entry, "frames")) out.frames.push_back(values.read(frames));
  out.rows_of = places_member(entry, "rows_of");
  out.rows = values.read(entry, "rows");
  out.logits_at = places_member(entry, "logits_at");
  out.logits = values.read(member(entry, "logits"));
  out.all_logits = values.read(member(entry, "all_logits"));
  out.continuation = ids_member(entry, "continuation");
  return out;
}

}  // namespace

MadeSound make_sound(const JsonValue& model, std::string_view name) {
  for (const JsonValue& entry : array(model, "sounds")) {
    if (text(entry, "name") != name) continue;
    MadeSound out{std::string(name), std::vector<float>(count_member(entry, "samples"))};
    CountedValues(1, out.name).fill(0.0f, 0.5f, out.samples);
    for (std::size_t i = 0; i < out.samples.size(); ++i)
      out.samples[i] = std::ldexp(out.samples[i], -static_cast<int>(i / 2000 % 6));
    const std::uint64_t digest = CountedValues::digest(std::as_bytes(std::span(out.samples)));
    if (fmt::format("{:016x}", digest) != text(entry, "digest"))
      throw std::runtime_error(fmt::format("sound '{}' has other samples than recorded", name));
    return out;
  }
  throw std::runtime_error(fmt::format("no sound '{}'", name));
}

std::vector<std::string> sound_models() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(recorded_path("")))
    if (entry.path().extension() == ".json") out.push_back(entry.path().stem());
  std::ranges::sort(out);
  return out;
}

SoundModel read_sound_model(const std::string& name) {
  const fs::path path = recorded_path(name + ".json");
  const JsonValue model = parse_json(read_text(path), path.native());
  SoundModel out;
  out.name = name;
  out.folder = made_golden_path("hearing/" + text(model, "folder"));
  out.placeholder = text(model, "placeholder");
  out.sound_token_id = static_cast<std::int32_t>(as<std::int64_t>(member(model, "sound_token_id")));
  const RecordedValues values(recorded_path(text(model, "values")));
  for (const JsonValue& entry : array(model, "cases"))
    out.prompts.push_back(read_prompt(entry, model, values));
  return out;
}

}  // namespace sirocco::testing
