#include "sirocco/checkpoint/passed_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

/// Which part of a name tells: its beginning behind a folder's prefix, or its end, in whole words
/// between dots. A mask may have the name of a bias, but never its one axis.
enum class At : std::uint8_t { kFront, kBack, kMask };

/// What only layers have that guess further tokens.
constexpr std::array<std::string_view, 5> kGuessingParts = {"eh_proj", "enorm", "hnorm",
                                                            "shared_head", "nextn"};
constexpr std::array<std::string_view, 2> kLayers = {"blk.#.", "layers.#."};

bool has_words_in_front(std::string_view name, std::string_view words) {
  return name.starts_with(words) && (name.size() == words.size() || name[words.size()] == '.');
}

bool has_words_behind(std::string_view name, std::string_view words) {
  return name.ends_with(words) &&
         (name.size() == words.size() || name[name.size() - words.size() - 1] == '.');
}

/// The name without a prefix, for each that it has.
template <class F>
bool any_own_name(std::string_view name, const F& f) {
  return std::ranges::any_of(kFolderPrefixes, [&](std::string_view prefix) {
    return name.starts_with(prefix) && f(name.substr(prefix.size()));
  });
}

/// Calls f(number, rest) for a name of a layer.
template <class F>
bool in_layer(std::string_view name, const F& f) {
  return any_own_name(name, [&](std::string_view own) {
    const NamePattern pattern = pattern_of(own);
    return std::ranges::any_of(kLayers, [&](std::string_view layer) {
      return pattern.text.starts_with(layer) &&
             f(pattern.numbers.front(), std::string_view(pattern.text).substr(layer.size()));
    });
  });
}

}  // namespace

struct PassedTensors::Row {
  Kind kind;
  At at;
  std::string_view words;
};

std::span<const PassedTensors::Row> PassedTensors::table() {
  static constexpr auto kRows = std::to_array<Row>({
      // The frequencies of rotary encoding and what follows from them.
      {Kind::kComputed, At::kBack, "inv_freq"},
      {Kind::kComputed, At::kBack, "original_inv_freq"},
      {Kind::kComputed, At::kBack, "cos_cached"},
      {Kind::kComputed, At::kBack, "sin_cached"},
      {Kind::kComputed, At::kBack, "attn_rot_embd.weight"},
      // Masks, and the numbers 0, 1, 2, …
      {Kind::kComputed, At::kMask, "attn.bias"},
      {Kind::kComputed, At::kMask, "attention.bias"},
      {Kind::kComputed, At::kBack, "masked_bias"},
      {Kind::kComputed, At::kBack, "causal_mask"},
      {Kind::kComputed, At::kBack, "position_ids"},
      {Kind::kComputed, At::kBack, "token_type_ids"},
      // What a framework keeps of its own.
      {Kind::kComputed, At::kBack, "_extra_state"},
      // Of a cache in fewer bits, and of inputs and outputs that are rounded to fewer bits.
      {Kind::kScale, At::kBack, "q_scale"},
      {Kind::kScale, At::kBack, "k_scale"},
      {Kind::kScale, At::kBack, "v_scale"},
      {Kind::kScale, At::kBack, "kv_scale"},
      {Kind::kScale, At::kBack, "prob_scale"},
      {Kind::kScale, At::kBack, "k_zero_point"},
      {Kind::kScale, At::kBack, "v_zero_point"},
      {Kind::kScale, At::kBack, "input_scale"},
      {Kind::kScale, At::kBack, "input_global_scale"},
      {Kind::kScale, At::kBack, "output_scale"},
      // Classes, rewards, sentences, masked words.
      {Kind::kHead, At::kFront, "score"},
      {Kind::kHead, At::kFront, "classifier"},
      {Kind::kHead, At::kFront, "qa_outputs"},
      {Kind::kHead, At::kFront, "v_head"},
      {Kind::kHead, At::kFront, "value_head"},
      {Kind::kHead, At::kFront, "reward_head"},
      {Kind::kHead, At::kFront, "multiple_choice_head"},
      {Kind::kHead, At::kFront, "pooler"},
      {Kind::kHead, At::kFront, "cls.predictions.bias"},
      {Kind::kHead, At::kFront, "cls.predictions.decoder.bias"},
      {Kind::kHead, At::kFront, "cls.predictions.transform"},
      {Kind::kHead, At::kFront, "cls.seq_relationship"},
      {Kind::kHead, At::kFront, "cls.weight"},
      {Kind::kHead, At::kFront, "cls.bias"},
      {Kind::kHead, At::kFront, "cls.output"},
      {Kind::kHead, At::kFront, "cls.norm"},
      {Kind::kGuessing, At::kFront, "mtp"},
      {Kind::kGuessing, At::kFront, "mtp_layers"},
      {Kind::kSenses, At::kFront, "vision_tower"},
      {Kind::kSenses, At::kFront, "vision_model"},
      {Kind::kSenses, At::kFront, "visual"},
      {Kind::kSenses, At::kFront, "visual_projection"},
      {Kind::kScale, At::kFront, "logit_scale"},
      {Kind::kScale, At::kFront, "logit_bias"},
      {Kind::kSenses, At::kFront, "multi_modal_projector"},
      {Kind::kSenses, At::kFront, "connector"},
      {Kind::kSenses, At::kFront, "mm_projector"},
      {Kind::kSenses, At::kFront, "embed_vision"},
      {Kind::kSenses, At::kFront, "image_newline"},
      {Kind::kSenses, At::kFront, "audio_tower"},
      {Kind::kSenses, At::kFront, "embed_audio"},
      {Kind::kSenses, At::kFront, "v"},
      {Kind::kSenses, At::kFront, "mm"},
      {Kind::kSenses, At::kFront, "resampler"},
      {Kind::kSenses, At::kFront, "a"},
  });
  return kRows;
}

PassedTensors::PassedTensors(const WeightSource& source, std::int64_t layers, std::int64_t guessing,
                             std::span<const std::string_view> writer)
    : layers_(layers), guessing_(guessing), writer_(writer) {
  const auto note = [&](std::string_view name) {
    in_layer(name, [&](std::int64_t number, std::string_view rest) {
      if (number >= layers_ && std::ranges::any_of(kGuessingParts, [&](std::string_view part) {
            return has_words_in_front(rest, part);
          }))
        found_guessing_.insert(number);
      return true;
    });
  };
  for (const StoredTensor& tensor : source.tensors()) note(tensor.name);
  for (const LackingTensor& tensor : source.lacking()) note(tensor.name);
}

bool PassedTensors::is_guessing(std::string_view name) const {
  return in_layer(name, [&](std::int64_t number, std::string_view /*rest*/) {
    return number >= layers_ && (number - layers_ < guessing_ || found_guessing_.contains(number));
  });
}

bool PassedTensors::pass(const StoredTensor& tensor) {
  return pass(tensor.name, &tensor.shape, /*counts=*/true);
}

bool PassedTensors::pass(const LackingTensor& tensor) {
  return pass(tensor.name, nullptr, tensor.stored);
}

bool PassedTensors::pass(std::string_view name, const Shape* shape, bool counts) {
  const auto fits = [&](const Row& row) {
    switch (row.at) {
      case At::kFront:
        return any_own_name(
            name, [&](std::string_view own) { return has_words_in_front(own, row.words); });
      case At::kBack:
        return has_words_behind(name, row.words);
      case At::kMask:
        return has_words_behind(name, row.words) && (shape == nullptr || shape->rank() > 1);
    }
    return false;
  };
  const auto kind = [&]() -> std::optional<Kind> {
    if (is_guessing(name)) return Kind::kGuessing;
    if (std::ranges::any_of(writer_, [&](std::string_view part) { return name.starts_with(part); }))
      return Kind::kWriter;
    const auto row = std::ranges::find_if(table(), fits);
    return row == table().end() ? std::nullopt : std::optional(row->kind);
  }();
  if (kind && counts) ++counts_[static_cast<std::size_t>(*kind)];
  return kind.has_value();
}

std::vector<PassedCount> PassedTensors::counts() const {
  constexpr std::array<PassedCount, kKinds> kWhat = {{
      {"of buffers that are computed here", 0, false},
      {"of scales for values that stay in float", 0, false},
      {"of heads for other tasks", 0, true},
      {"of layers that guess further tokens", 0, true},
      {"of parts for pictures and sound", 0, true, true},
      {"of the half that writes", 0, true},
  }};
  std::vector<PassedCount> out;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (counts_[i] == 0) continue;
    out.push_back(kWhat[i]);
    out.back().tensors = counts_[i];
  }
  return out;
}

GgufLayers gguf_layers(const Metadata& metadata) {
  const auto architecture = metadata.require<std::string_view>("general.architecture");
  const auto path = [&](std::string_view key) { return fmt::format("{}.{}", architecture, key); };
  const auto all = metadata.require<std::int64_t>(path("block_count"));
  const std::string guessing_path = path("nextn_predict_layers");
  const auto guessing = metadata.get_or<std::int64_t>(guessing_path, 0);
  if (guessing < 0 || (guessing > 0 && guessing >= all)) {
    throw FormatError("{}: {} is {}, but there are {} layers", metadata.origin(),
                      quoted(guessing_path), guessing, all);
  }
  return {all - guessing, guessing};
}

void log_passed(std::string_view origin, std::span<const PassedCount> counts) {
  if (counts.empty()) return;
  std::int64_t all = 0;
  std::string list;
  for (const PassedCount& count : counts) {
    all += count.tensors;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count.tensors, count.what);
  }
  const bool has_parts = std::ranges::any_of(counts, &PassedCount::is_part);
  log_line(has_parts ? LogLevel::kInfo : LogLevel::kDebug,
           fmt::format("{}: {} {} run: {}", origin, all,
                       all == 1 ? "tensor isn't" : "tensors aren't", list));
}

void refuse_unknown_tensor(std::string_view origin, std::string_view tensor,
                           std::string_view architecture) {
  throw UnsupportedError(
      "{}: tensor {} isn't known to architecture {}: without it the model's answers would be wrong",
      origin, tensor, architecture);
}

}  // namespace sirocco
