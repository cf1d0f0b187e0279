// The numeric contract (pure means bitwise): the logits of a sequence are the same bits whatever
// else is in a step, however its prompt is cut, whatever the number of threads, the order of cache
// blocks and the places where the model is cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "tests/models/random_llama_testing.hpp"
#include "tests/models/step_runner.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<float>>;

constexpr int kSequences = 8;
constexpr int kLongest = 80;

/// A golden model, opened once.
const Checkpoint& model(const std::string& name) {
  static std::map<std::string, Checkpoint> opened;
  const auto found = opened.find(name);
  if (found != opened.end()) return found->second;
  const fs::path folder = made_golden_path("models");
  return opened.emplace(name, open_checkpoint(folder / (name + ".gguf"))).first->second;
}

/// The tiers to run. Whether bits are the same is the release build's to say; a sanitizer looks at
/// one tier's way through a model, and at the others' kernels in kernels_test.
std::vector<Isa> contract_tiers() {
  std::vector<Isa> tiers = kernels_testing::runnable_tiers();
#ifdef SIROCCO_SANITIZED
  tiers.erase(tiers.begin(), tiers.end() - 1);
#endif
  return tiers;
}

std::vector<std::vector<std::int32_t>> random_prompts(std::mt19937& random,
                                                      std::int64_t vocabulary) {
  std::vector<std::vector<std::int32_t>> out(kSequences);
  for (auto& prompt : out) {
    prompt.resize(1 + random() % kLongest);
    for (auto& token : prompt)
      token = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(vocabulary));
  }
  return out;
}

/// Each sequence by itself, whole, in one step, by one thread.
template <class Model>
std::vector<Rows> alone(const Model& model, StepRunner::Options options,
                        const std::vector<std::vector<std::int32_t>>& prompts) {
  options.threads = 1;
  options.sequences = kSequences;
  StepRunner runner(model, options);
  std::vector<Rows> out;
  for (int s = 0; s < kSequences; ++s)
    out.push_back(runner.step({{s, prompts[static_cast<std::size_t>(s)]}}));
  return out;
}

/// The same sequences in random mixtures of random chunks.
template <class Model>
std::vector<Rows> mixed(const Model& model, const StepRunner::Options& options,
                        const std::vector<std::vector<std::int32_t>>& prompts,
                        std::mt19937& random) {
  StepRunner runner(model, options);
  std::vector<Rows> out(kSequences);
  std::vector<std::size_t> done(kSequences, 0);
  for (;;) {
    std::vector<int> unfinished;
    for (int s = 0; s < kSequences; ++s) {
      if (done[static_cast<std::size_t>(s)] < prompts[static_cast<std::size_t>(s)].size())
        unfinished.push_back(s);
    }
    if (unfinished.empty()) return out;
    std::shuffle(unfinished.begin(), unfinished.end(), random);
    unfinished.resize(1 + random() % unfinished.size());
    std::vector<StepRunner::Chunk> chunks;
    for (const int s : unfinished) {
      const auto i = static_cast<std::size_t>(s);
      const std::size_t left = prompts[i].size() - done[i];
      const std::size_t size = random() % 2 == 0 ? 1 : 1 + random() % left;
      chunks.push_back({s, std::span(prompts[i]).subspan(done[i], size)});
      done[i] += size;
    }
    const Rows rows = runner.step(chunks);
    std::size_t row = 0;
    for (const StepRunner::Chunk& chunk : chunks) {
      for (std::size_t k = 0; k < chunk.tokens.size(); ++k)
        out[static_cast<std::size_t>(chunk.sequence)].push_back(rows[row++]);
    }
  }
}

void expect_same_bits(const std::vector<Rows>& a, const std::vector<Rows>& b) {
  for (std::size_t s = 0; s < a.size(); ++s) {
    ASSERT_EQ(a[s].size(), b[s].size());
    for (std::size_t t = 0; t < a[s].size(); ++t) {
      ASSERT_EQ(std::memcmp(a[s][t].data(), b[s][t].data(), a[s][t].size() * sizeof(float)), 0)
          << "sequence " << s << ", position " << t;
    }
  }
}

/// The rows of the token table that tokens have, [T, D], as the family scales them.
std::vector<float> embeddings_of(const Checkpoint& checkpoint, const ModelInfo& info,
                                 std::span<const std::int32_t> tokens) {
  const StoredTensor& table = *checkpoint.weights->find("token_embd.weight");
  const float scale =
      info.architecture.starts_with("gemma") ? std::sqrt(static_cast<float>(info.width)) : 1.0f;
  const auto width = static_cast<std::size_t>(info.width);
  const std::size_t stride = row_bytes(*table.format, info.width);
  std::vector<float> out(tokens.size() * width);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    table.format->decode(table.bytes.data() + static_cast<std::size_t>(tokens[i]) * stride,
                         width / static_cast<std::size_t>(table.format->block_elements),
                         out.data() + i * width);
  }
  for (float& x : out) x = x * scale;
  return out;
}

// What a picture's encoder gives is a row like those of the token table.
TEST(GivenRows, HaveTheBitsOfTheTokensThatTheyEqual) {
  for (const std::string name : {"gemma3", "gpt2", "llama-gqa", "qwen3moe"}) {
    SCOPED_TRACE(name);
    const Checkpoint& checkpoint = model(name);
    const ModelInfo info = StepRunner(checkpoint, {}).info();
    std::mt19937 random(8);
    std::vector<std::int32_t> tokens(40);
    for (auto& token : tokens)
      token = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(info.vocabulary));
    const std::vector<float> embeddings = embeddings_of(checkpoint, info, tokens);
    const auto width = static_cast<std::size_t>(info.width);
    StepRunner::Options options;
    options.isa = contract_tiers().back();
    options.sequences = 2;
    const Rows expected = StepRunner(checkpoint, options).step({{0, tokens}});
    if (info.layers > 1) options.cuts = {1};
    for (const std::vector<std::size_t>& ends :
         std::vector<std::vector<std::size_t>>{{40}, {6, 7, 19, 40}}) {
      StepRunner runner(checkpoint, options);
      std::vector<Rows> out(2);
      std::size_t first = 0;
      for (const std::size_t end : ends) {
        // Of one sequence rows 5 to 20 and the last two are given, of the other all but row 11.
        std::vector<std::vector<std::int32_t>> ids(2);
        std::vector<std::vector<float>> given(2);
        for (std::size_t i = first; i < end; ++i) {
          const bool is_given[] = {(i >= 5 && i < 21) || i >= 38, i != 11};
          for (std::size_t s = 0; s < 2; ++s) {
            ids[s].push_back(is_given[s] ? StepRunner::kGiven : tokens[i]);
            const auto row = embeddings.begin() + static_cast<std::ptrdiff_t>(i * width);
            if (is_given[s])
              given[s].insert(given[s].end(), row, row + static_cast<std::ptrdiff_t>(width));
          }
        }
        const Rows rows = runner.step({{0, ids[0], given[0]}, {1, ids[1], given[1]}});
        for (std::size_t i = 0; i < rows.size(); ++i) out[i / (end - first)].push_back(rows[i]);
        first = end;
      }
      expect_same_bits({expected, expected}, out);
    }
  }
}

class Contract : public ::testing::TestWithParam<std::tuple<std::string, Isa>> {};

TEST_P(Contract, LogitsOfASequenceAreItsOwn) {
  const Isa isa = std::get<Isa>(GetParam());
  const Checkpoint& checkpoint = model(std::get<std::string>(GetParam()));
  const ModelInfo info = StepRunner(checkpoint, {}).info();
  std::mt19937 random(7);
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    StepRunner::Options options;
    options.isa = isa;
    options.sequences = kSequences;
    options.longest = kLongest;
    options.kv_type = kv_types()[static_cast<std::size_t>(round) % kv_types().size()].type;
    const auto prompts = random_prompts(random, info.vocabulary);
    const std::vector<Rows> expected = alone(checkpoint, options, prompts);
    options.threads = 1 + round % 3;
    options.block_positions = 16 << (random() % 3);
    options.seed = static_cast<std::uint32_t>(random());
    for (std::int32_t layer = 1; layer < info.layers && options.cuts.size() < 3; ++layer) {
      if (random() % 2 == 0) options.cuts.push_back(layer);
    }
    expect_same_bits(expected, mixed(checkpoint, options, prompts, random));
  }
}

#ifndef SIROCCO_SANITIZED
struct Scalar {
  std::vector<std::vector<std::int32_t>> prompts;
  std::vector<Rows> rows;
};

/// What the scalar code with the bits of `isa` makes of random prompts: once for all tiers that
/// share it.
const Scalar& scalar_rows(const std::string& name, StepRunner::Options options) {
  static std::map<std::pair<std::string, const CpuKernels*>, Scalar> known;
  const auto [entry, fresh] = known.try_emplace({name, &oracle_of(options.isa)});
  Scalar& scalar = entry->second;
  if (fresh) {
    std::mt19937 random(11);
    options.oracle = true;
    scalar.prompts = random_prompts(random, StepRunner(model(name), options).info().vocabulary);
    scalar.rows = alone(model(name), options, scalar.prompts);
  }
  return scalar;
}

TEST_P(Contract, EveryTierGivesTheBitsOfItsScalarCode) {
  const auto& [name, isa] = GetParam();
  StepRunner::Options options;
  options.kv_type = KvType::kF16;
  options.sequences = kSequences;
  options.longest = kLongest;
  options.isa = isa;
  const Scalar& scalar = scalar_rows(name, options);
  expect_same_bits(scalar.rows, alone(model(name), options, scalar.prompts));
}
#endif

INSTANTIATE_TEST_SUITE_P(
    Models, Contract,
    ::testing::Combine(
        ::testing::Values("llama-odd", "llama-gqa", "llama-bias", "llama-rope3-q4_0",
                          "llama-rope3-q4_1", "llama-rope3-q5_0", "llama-rope3-q5_1",
                          "llama-rope3-q8_0", "llama-rope3-f16", "llama-rope3-bf16", "mistral",
                          "qwen2", "qwen3", "qwen3-wide-q8_0", "qwen3-wide-q4_0", "mixtral",
                          "mixtral-wide-q4_0", "qwen3moe", "qwen3moe-plain-q8_0", "gpt-oss",
                          "gpt-oss-wide-mxfp4", "deepseek2", "deepseek2-old", "deepseek2-wide-q8_0",
                          "deepseek3", "deepseek2-old-wide-q8_0", "gemma2", "gemma3", "gemma3-q4_0",
                          "gemma3-q8_0", "gpt2", "phi2", "phi2-wide-q8_0", "phi2-wide-q4_1"),
        ::testing::ValuesIn(contract_tiers())),
    [](const auto& each) {
      std::string text =
          std::get<0>(each.param) + "_" + std::string(isa_name(std::get<1>(each.param)));
      std::replace(text.begin(), text.end(), '-', '_');
      return text;
    });

/// Every weight format by every tier, whether or not sirocco can encode it.
class FormatContract : public ::testing::TestWithParam<const Format*> {};

TEST_P(FormatContract, LogitsOfASequenceAreItsOwnInEveryTier) {
  std::mt19937 random(13);
  const Checkpoint model = random_llama(*GetParam(), random);
  StepRunner::Options options;
  options.sequences = kSequences;
  options.longest = 8;
  options.kv_type = KvType::kF16;
  auto prompts = random_prompts(random, StepRunner(model, options).info().vocabulary);
  for (auto& prompt : prompts) prompt.resize(std::min<std::size_t>(prompt.size(), 8));
  for (const Isa isa : contract_tiers()) {
    options.isa = isa;
    options.cuts.clear();
    options.oracle = true;
    const std::vector<Rows> scalar = alone(model, options, prompts);
    options.oracle = false;
    expect_same_bits(scalar, alone(model, options, prompts));
    for (int threads = 1; threads <= 3; ++threads) {
      SCOPED_TRACE(std::string(isa_name(isa)) + ", " + std::to_string(threads) + " threads");
      options.threads = threads;
      options.seed = static_cast<std::uint32_t>(random());
      if (threads > 1) options.cuts = {1};
      expect_same_bits(scalar, mixed(model, options, prompts, random));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatContract, ::testing::ValuesIn([] {
                           std::vector<const Format*> all;
                           for (const Format& format : formats()) all.push_back(&format);
                           return all;
                         }()),
                         [](const auto& each) { return std::string(each.param->name); });

}  // namespace
}  // namespace sirocco::testing
