#include "sirocco/text/special_tokens.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace sirocco {
namespace {

enum class Role : std::uint8_t {
  kEndOfTurn,  // may also serve as eot
  kEnd,
};

struct EndName {
  std::string_view text;
  Role role;
  // Plain words in some vocabularies: counts only where the file says control.
  bool only_control = false;
  // Where both of these exist, the token separates messages within an answer instead.
  std::string_view unless = {};
  std::string_view and_unless = {};
};

constexpr EndName kEndNames[] = {
    {"<|im_end|>", Role::kEndOfTurn},     // ChatML
    {"<|eot_id|>", Role::kEndOfTurn},     // Llama 3
    {"<|eot|>", Role::kEndOfTurn},        // Llama 4
    {"<end_of_turn>", Role::kEndOfTurn},  // Gemma
    {"<turn|>", Role::kEndOfTurn},        // Gemma 4
    {"<|end|>", Role::kEndOfTurn, false, "<|return|>",
     "<|call|>"},                                 // Phi-3; a part of o200k_harmony
    {"<|end_of_text|>", Role::kEndOfTurn},        // Granite, Llama 3
    {"<|endoftext|>", Role::kEndOfTurn},          // GPT-2
    {"<|END_OF_TURN_TOKEN|>", Role::kEndOfTurn},  // Command R
    {"<end_of_utterance>", Role::kEndOfTurn},     // SmolVLM
    {"<EOT>", Role::kEndOfTurn, true},
    {"_<EOT>", Role::kEndOfTurn, true},
    {"▁<EOT>", Role::kEndOfTurn, true},           // Code Llama, behind what it filled in
    {"[EOT]", Role::kEndOfTurn, true},            // Kimi K2
    {"<｜end▁of▁sentence｜>", Role::kEndOfTurn},  // DeepSeek
    {"<|return|>", Role::kEnd},                   // o200k_harmony
    {"<|call|>", Role::kEnd},
    {"<|eom_id|>", Role::kEnd},  // Llama 3 tools
    {"<|eom|>", Role::kEnd},
    {"</s>", Role::kEnd, true},
    {"<eos>", Role::kEnd, true},
    {"[EOS]", Role::kEnd, true},
    {"[e~[", Role::kEnd, true},   // MiniMax M2
    {"<|fim_pad|>", Role::kEnd},  // after a filled-in middle
    {"<|repo_name|>", Role::kEnd},
    {"<|file_sep|>", Role::kEnd},
};

struct InfillNames {
  std::string_view prefix;
  std::string_view suffix;
  std::string_view middle;
};

constexpr InfillNames kInfillNames[] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},     // Qwen, CodeGemma
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},           // StarCoder, Granite
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},           // SantaCoder
    {"▁<PRE>", "▁<SUF>", "▁<MID>"},                             // Code Llama
    {"<PRE>", "<SUF>", "<MID>"},                                // Refact
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},     // DeepSeek
    {"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"},  // GLM
};

}  // namespace

std::optional<InfillTokens> SpecialTokens::infill() const {
  if (!infill_prefix || !infill_suffix || !infill_middle) return std::nullopt;
  return InfillTokens{*infill_prefix, *infill_suffix, *infill_middle};
}

void find_infill(SpecialTokens& special, const Vocabulary& vocabulary) {
  for (const InfillNames& names : kInfillNames) {
    const auto prefix = vocabulary.find(names.prefix);
    const auto suffix = vocabulary.find(names.suffix);
    const auto middle = vocabulary.find(names.middle);
    if (!prefix || !suffix || !middle) continue;
    if (!special.infill_prefix) special.infill_prefix = prefix;
    if (!special.infill_suffix) special.infill_suffix = suffix;
    if (!special.infill_middle) special.infill_middle = middle;
    return;
  }
}

bool SpecialTokens::ends_generation(TokenId id) const noexcept {
  return std::binary_search(end_of_generation.begin(), end_of_generation.end(), id);
}

void find_end_of_generation(SpecialTokens& special, Vocabulary& vocabulary) {
  std::vector<TokenId>& ends = special.end_of_generation;
  const bool eot_named = special.eot.has_value();
  for (const EndName& name : kEndNames) {
    const auto id = vocabulary.find(name.text);
    if (!id) continue;
    if (name.only_control && vocabulary.kind(*id) != TokenKind::kControl) continue;
    if (!name.unless.empty() && vocabulary.find(name.unless) && vocabulary.find(name.and_unless)) {
      continue;
    }
    vocabulary.relabel(*id, TokenKind::kControl);
    ends.push_back(*id);
    if (!eot_named && !special.eot && name.role == Role::kEndOfTurn) special.eot = *id;
  }
  for (const auto& id : {special.eos, special.eot, special.eom}) {
    if (id) ends.push_back(*id);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

}  // namespace sirocco
