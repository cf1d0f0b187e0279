#include "sirocco/models/sound_marks.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::array kMarks = {
    SoundMarks{"qwen2a", "<|AUDIO|>", "<|AUDIO|>", "<|audio_bos|><|AUDIO|><|audio_eos|>\n", "",
               WindowRule::kEach},
    SoundMarks{"voxtral", "[AUDIO]", "[AUDIO]", "[AUDIO]", "[BEGIN_AUDIO]", WindowRule::kFilled},
    SoundMarks{"ultravox", "<|audio|>", "", "<|audio|>\n", "", WindowRule::kEnding, false},
};

}  // namespace

std::vector<PromptMark> marks_of_sound(const SoundMarks& marks, std::int64_t rows) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  std::vector<PromptMark> out;
  if (!marks.before.empty()) out.emplace_back(std::string(marks.before));
  out.emplace_back(std::move(all));
  return out;
}

const SoundMarks& sound_marks(std::string_view projector) {
  const auto* const found = std::ranges::find(kMarks, projector, &SoundMarks::projector);
  if (found == kMarks.end())
    throw UnsupportedError("it isn't known how prompts let sound be heard that projector {} makes",
                           quoted(projector));
  return *found;
}

}  // namespace sirocco
