#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/recorded_values_testing.hpp"

/// What another implementation made of prompts with sounds; tests/golden/hearing/README.md says
/// what each member is. Functions throw std::runtime_error for a record that isn't as expected.
namespace sirocco::testing {

/// A sound whose samples are made (tools/golden_sounds.py has the formula).
struct MadeSound {
  std::string name;
  std::vector<float> samples;  ///< 16000 a second
};

/// Makes the sound that a description's member `sounds` has under `name`, and compares the digest
/// of its samples with the one recorded.
MadeSound make_sound(const JsonValue& model, std::string_view name);

/// A text, or a sound by its place in the prompt's sounds.
struct HeardPart {
  std::string text;
  std::optional<std::size_t> sound;
};

/// One prompt: a message of the user, and what came of it.
struct SoundPrompt {
  std::string name;
  std::vector<HeardPart> contents;
  std::vector<MadeSound> sounds;
  std::string rendered;  ///< by the template, a placeholder for each sound
  std::vector<std::int32_t> ids;
  std::vector<RecordedArray> frames;       ///< of each sound [windows, bins, frames]
  std::vector<std::size_t> rows_of;        ///< each sound's in the prompt
  RecordedArray rows;                      ///< [rows of all sounds, D of the text]
  std::vector<std::size_t> logits_at;      ///< tokens of which all logits are there
  RecordedArray logits;                    ///< [logits_at, V]
  RecordedArray all_logits;                ///< [T, V]
  std::vector<std::int32_t> continuation;  ///< greedy
};

/// A model that writes about sounds.
struct SoundModel {
  std::string name;
  std::filesystem::path folder;  ///< made by the build
  std::string placeholder;       ///< what a template writes for a sound
  std::int32_t sound_token_id = 0;
  std::vector<SoundPrompt> prompts;
};

/// The names of all models.
std::vector<std::string> sound_models();
/// What is recorded under that name.
SoundModel read_sound_model(const std::string& name);

}  // namespace sirocco::testing
