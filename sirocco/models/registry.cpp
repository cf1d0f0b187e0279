#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/models/bert.hpp"
#include "sirocco/models/deepseek2.hpp"
#include "sirocco/models/gemma.hpp"
#include "sirocco/models/gpt2.hpp"
#include "sirocco/models/gpt_oss.hpp"
#include "sirocco/models/llama.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/models/phi2.hpp"
#include "sirocco/models/qwen3.hpp"

namespace sirocco {
namespace {

struct Family {
  std::string_view architecture;
  std::unique_ptr<ModelBuilder> (*make_builder)(const Metadata&, const WeightSource&, Backend&,
                                                LoadProgress);
};

constexpr std::array kFamilies = {
    Family{"llama", make_llama_builder},
    Family{"gemma2", make_gemma2_builder},
    Family{"gemma3", make_gemma3_builder},
    Family{"qwen2", make_qwen3_builder},
    Family{"qwen3", make_qwen3_builder},
    Family{"qwen3moe", make_qwen3_builder},
    Family{"gpt2", make_gpt2_builder},
    Family{"phi2", make_phi2_builder},
    Family{"gpt-oss", make_gpt_oss_builder},
    Family{"bert", make_bert_builder},
    Family{"gemma-embedding", make_embedding_gemma_builder},
    Family{"deepseek2", make_deepseek2_builder},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kFamilies.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFamilies[i].architecture;
  return names;
}();

/// Levenshtein's distance.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

std::span<const std::string_view> known_architectures() { return kNames; }

std::unique_ptr<ModelBuilder> make_model_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  const auto name = metadata.require<std::string_view>("general.architecture");
  for (const Family& family : kFamilies) {
    if (family.architecture == name)
      return family.make_builder(metadata, weights, backend, std::move(progress));
  }
  std::string known;
  for (const std::string_view n : kNames) known += (known.empty() ? "" : ", ") + std::string(n);
  // A name as long as a page has no near neighbour.
  const std::string_view compared = name.substr(0, 64);
  const std::string_view nearest =
      *std::min_element(kNames.begin(), kNames.end(),
                        [&](auto a, auto b) { return edits(a, compared) < edits(b, compared); });
  throw UnsupportedError(
      "{}: architecture {} isn't supported; known are {} (the nearest name is {})",
      metadata.origin(), quoted(name), known, nearest);
}

}  // namespace sirocco
