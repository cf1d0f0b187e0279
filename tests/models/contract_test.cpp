// The numeric contract (pure means bitwise) over LanguagePipeline: the logits of a sequence are the
// same bits whatever else is in a step, however its prompt is cut, whether its rows come as tokens
// or as embeddings, whatever the number of threads, the order of cache blocks and the places where
// the model is cut; and those of the scalar code.
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
#include "tests/models/golden_testing.hpp"
#include "tests/models/random_llama_testing.hpp"
#include "tests/models/step_runner_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr std::int32_t kLongest = 80;
constexpr std::int32_t kForkedAt = 21;
// Sequences by what they are made of.
enum : int { kPlain, kForked, kFork, kEmbedded, kMutual, kPlaced, kSequences };

// Whether bits are the scalar code's is the release build's to say; a sanitizer looks at one tier's
// way through a model, and at the others' kernels in kernels_test.
#ifdef SIROCCO_SANITIZED
constexpr bool kOracle = false;
#else
constexpr bool kOracle = true;
#endif

std::vector<Isa> contract_tiers() {
  std::vector<Isa> tiers = kernels_testing::runnable_tiers();
  if (!kOracle) tiers.erase(tiers.begin(), tiers.end() - 1);
  return tiers;
}

/// A model and what it reads.
struct Subject {
  Checkpoint checkpoint;
  std::int32_t layers = 0;
  std::vector<Prompt> prompts;  // by sequence
};

std::vector<TokenId> random_tokens(std::mt19937& random, std::int64_t vocabulary,
                                   std::int32_t count) {
  std::vector<TokenId> out;
  for (std::int32_t i = 0; i < count; ++i)
    out.emplace_back(static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(vocabulary)));
  return out;
}

/// The rows of the token table that tokens have, as the family scales them.
std::shared_ptr<const EmbeddedRows> embedded(const Checkpoint& checkpoint, const ModelInfo& info,
                                             std::span<const TokenId> tokens) {
  const StoredTensor& table = *checkpoint.weights->find("token_embd.weight");
  const float scale =
      info.architecture.starts_with("gemma") ? std::sqrt(static_cast<float>(info.width)) : 1.0f;
  const auto width = static_cast<std::size_t>(info.width);
  std::vector<std::byte> row(row_bytes(*table.format, info.width));
  std::vector<float> out(tokens.size() * width);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    table.read_rows(tokens[i].value(), 1, row.data());
    table.format->decode(row.data(), width / static_cast<std::size_t>(table.format->block_elements),
                         out.data() + i * width);
  }
  for (float& x : out) x = x * scale;
  return std::make_shared<const EmbeddedRows>(info.width, std::move(out));
}

MutualSpan span_of(std::int64_t first, std::int64_t end) {
  return {Position(static_cast<std::int32_t>(first)), Position(static_cast<std::int32_t>(end))};
}

/// `tokens` in pieces that begin at `cuts`, every other one as embeddings.
std::vector<Prompt::Piece> pieces_of(const Checkpoint& checkpoint, const ModelInfo& info,
                                     std::span<const TokenId> tokens,
                                     std::vector<std::size_t> cuts) {
  std::vector<Prompt::Piece> out;
  cuts.push_back(tokens.size());
  std::size_t first = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const auto part = tokens.subspan(first, cuts[i] - first);
    if (i % 2 == 0)
      out.emplace_back(std::vector<TokenId>(part.begin(), part.end()));
    else
      out.emplace_back(embedded(checkpoint, info, part));
    first = cuts[i];
  }
  return out;
}

Subject subject_of(Checkpoint checkpoint, std::int32_t longest, std::mt19937& random) {
  StepRunner::Options options;
  options.longest = longest;
  const ModelInfo info = StepRunner(checkpoint, options).info();
  if (info.position_limit != 0) longest = std::min(longest, info.position_limit);
  const auto tokens = [&](std::int32_t least) {
    const auto more =
        static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(longest - least + 1));
    return random_tokens(random, info.vocabulary, least + more);
  };
  Subject out{std::move(checkpoint), info.layers, {}};
  const auto size = [](const std::vector<TokenId>& of) { return std::ssize(of); };

  const auto plain = random_tokens(random, info.vocabulary, longest);
  out.prompts.emplace_back(plain);
  const std::int32_t forked_at = std::min(kForkedAt, longest / 2);
  auto forked = tokens(forked_at + 1);
  out.prompts.emplace_back(forked);
  auto fork = tokens(forked_at + 1);
  std::copy_n(forked.begin(), forked_at, fork.begin());
  out.prompts.emplace_back(fork);

  const auto n = static_cast<std::size_t>(longest);
  out.prompts.emplace_back(
      pieces_of(out.checkpoint, info, plain, {n / 16, n / 4, n / 4 + 1, n - 2, n - 1}));

  // A picture's rows, and ones that are partly tokens.
  const auto mutual = tokens(std::max(longest / 2, 6));
  const std::int64_t m = size(mutual);
  out.prompts.emplace_back(
      pieces_of(out.checkpoint, info, mutual,
                {static_cast<std::size_t>(m / 4), static_cast<std::size_t>(m / 2)}),
      PromptLayout{
          .mutual = {span_of(m / 4, m / 2), span_of(m / 2, m / 2 + 1), span_of(m - 2, m)}});

  const auto placed = tokens(std::max(longest / 2, 6));
  const std::int64_t p = size(placed);
  PromptLayout layout{.mutual = {span_of(0, p / 3)}};
  std::vector<std::int32_t> numbers;
  for (std::int64_t i = 0; i < p; ++i)
    numbers.push_back(static_cast<std::int32_t>(i < p / 3 ? 5 : 2 * i));
  if (info.rotary_axes > 0) layout.rotary.emplace(1, std::move(numbers));
  out.prompts.emplace_back(
      pieces_of(out.checkpoint, info, placed, {1, static_cast<std::size_t>(p / 3)}),
      std::move(layout));
  return out;
}

/// Each sequence by itself, whole, in one step, by one thread.
std::vector<Rows> alone(const Subject& subject, StepRunner::Options options) {
  options.threads = 1;
  options.sequences = kSequences;
  StepRunner runner(subject.checkpoint, options);
  std::vector<Rows> out;
  for (int s = 0; s < kSequences; ++s) {
    // These rows are what the tokens are.
    out.push_back(s == kEmbedded
                      ? out[kPlain]
                      : runner.step({{s, subject.prompts[static_cast<std::size_t>(s)]}}));
    for (const std::vector<float>& row : out.back())
      for (const float x : row)
        if (!std::isfinite(x)) ADD_FAILURE() << "sequence " << s << " has the score " << x;
  }
  return out;
}

/// The same sequences in random mixtures of random chunks, one of them a fork of another, which
/// then takes some rows back.
class Mixture {
 public:
  Mixture(const Subject& subject, const StepRunner::Options& options, std::mt19937& random)
      : subject_(subject), runner_(subject.checkpoint, options), random_(random) {}

  std::vector<Rows> run() {
    for (;;) {
      std::vector<int> unfinished;
      for (int s = 0; s < kSequences; ++s)
        if (done(s) < rows(s).size() && (s != kFork || fork_or_wait())) unfinished.push_back(s);
      if (unfinished.empty()) return std::move(out_);
      std::shuffle(unfinished.begin(), unfinished.end(), random_);
      unfinished.resize(1 + random_() % unfinished.size());
      step(unfinished);
    }
  }

 private:
  TextRows rows(int s) const { return subject_.prompts[static_cast<std::size_t>(s)]; }
  Rows& out(int s) { return out_[static_cast<std::size_t>(s)]; }
  std::int64_t done(int s) { return std::ssize(out(s)); }
  std::int64_t forked_at() const {
    return std::min<std::int64_t>(kForkedAt, rows(kPlain).size() / 2);
  }

  bool fork_or_wait() {
    if (done(kFork) > 0) return true;
    if (done(kForked) != forked_at()) return false;
    runner_.fork(kForked, kFork);
    out(kFork) = out(kForked);
    SequenceCache& cache = runner_.cache(kForked);
    cache.truncate(std::max(cache.min_length(), cache.length() - 3));
    out(kForked).resize(static_cast<std::size_t>(cache.length()));
    return true;
  }

  std::int64_t chunk_of(int s) {
    const TextRows rest = rows(s).part(done(s), rows(s).size() - done(s));
    std::int64_t most = rest.size();
    if (s == kForked && done(kFork) == 0) most = forked_at() - done(s);
    switch (random_() % 4) {
      case 0:
        return rest.without_cut(most);
      case 1:
        return rest.without_cut(
            1 + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most)));
      default:
        return rest.without_cut(
            1 + static_cast<std::int64_t>(
                    random_() % static_cast<std::uint64_t>(std::min<std::int64_t>(most, 4))));
    }
  }

  void step(const std::vector<int>& sequences) {
    std::vector<StepRunner::Chunk> chunks;
    for (const int s : sequences) chunks.push_back({s, rows(s).part(done(s), chunk_of(s))});
    Rows logits = runner_.step(chunks);
    auto row = logits.begin();
    for (const StepRunner::Chunk& chunk : chunks)
      for (std::int64_t i = 0; i < chunk.rows.size(); ++i)
        out(chunk.sequence).push_back(std::move(*row++));
  }

  const Subject& subject_;
  StepRunner runner_;
  std::mt19937& random_;
  std::vector<Rows> out_{kSequences};
};

std::vector<Rows> mixed(const Subject& subject, const StepRunner::Options& options,
                        std::mt19937& random) {
  return Mixture(subject, options, random).run();
}

void expect_all_same_bits(const std::vector<Rows>& a, const std::vector<Rows>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t s = 0; s < a.size(); ++s) {
    SCOPED_TRACE("sequence " + std::to_string(s));
    expect_same_bits(a[s], b[s]);
  }
}

/// The files that the folder of golden models describes.
std::vector<std::string> golden_files() {
  std::vector<std::string> out;
  for (const std::string& name : golden_models()) {
    const Json d = description(name);
    out.push_back(file_of(d).filename());
    for (const Json& variant : d.value("variants", Json::array())) out.push_back(variant["file"]);
  }
  return out;
}

/// A golden model, opened once.
const Subject& golden_subject(const std::string& file) {
  static std::map<std::string, Subject> known;
  const auto found = known.find(file);
  if (found != known.end()) return found->second;
  std::mt19937 random(7);
  return known.emplace(file, subject_of(open_checkpoint(kModels / file), kLongest, random))
      .first->second;
}

/// The tier whose scalar code gives the bits of `isa`: but for weights in BF16 all tiers' are the
/// same.
Isa oracle_tier(const Subject& subject, Isa isa) {
  const auto tensors = subject.checkpoint.weights->tensors();
  const bool bf16 = std::ranges::any_of(
      tensors, [](const StoredTensor& tensor) { return tensor.format->id == FormatId::kBF16; });
  return !bf16 || &oracle_of(isa) == &oracle_of(Isa::kRef) ? Isa::kRef : isa;
}

/// What the scalar code with the bits of the tier makes of them: once for all tiers that share it.
const std::vector<Rows>& golden_rows(const std::string& file, StepRunner::Options options) {
  static std::map<std::tuple<std::string, Isa, KvType>, std::vector<Rows>> known;
  const Subject& subject = golden_subject(file);
  if (kOracle) options.isa = oracle_tier(subject, options.isa);
  options.oracle = kOracle;
  const auto [entry, fresh] = known.try_emplace({file, options.isa, options.kv_type});
  if (fresh) entry->second = alone(subject, options);
  return entry->second;
}

StepRunner::Options options_of(Isa isa, std::int32_t longest) {
  StepRunner::Options options;
  options.isa = isa;
  options.sequences = kSequences;
  options.longest = longest;
  return options;
}

class Contract : public ::testing::TestWithParam<std::tuple<std::string, Isa>> {};

TEST_P(Contract, LogitsOfASequenceAreItsOwnAndTheScalarCodes) {
  const auto& [file, isa] = GetParam();
  const Subject& subject = golden_subject(file);
  std::mt19937 random(static_cast<std::uint32_t>(isa) + 17);
  int threads = 1 + static_cast<int>(isa) % 3;
  for (const KvTypeTraits& type : kv_types()) {
    SCOPED_TRACE(std::string(type.name) + ", " + std::to_string(threads) + " threads");
    StepRunner::Options options = options_of(isa, kLongest);
    options.kv_type = type.type;
    const std::vector<Rows>& expected = golden_rows(file, options);
    options.threads = threads;
    options.block_positions = 16 << (random() % 3);
    options.seed = static_cast<std::uint32_t>(random());
    for (std::int32_t layer = 1; layer < subject.layers && options.cuts.size() < 3; ++layer)
      if (random() % 2 == 0) options.cuts.push_back(layer);
    expect_all_same_bits(expected, mixed(subject, options, random));
    threads = threads % 3 + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Contract,
                         ::testing::Combine(::testing::ValuesIn(golden_files()),
                                            ::testing::ValuesIn(contract_tiers())),
                         [](const auto& each) {
                           const fs::path file = std::get<0>(each.param);
                           return case_name(file.stem().string() + "_" +
                                            std::string(isa_name(std::get<1>(each.param))));
                         });

/// Every weight format by every tier, whether or not sirocco can encode it.
class FormatContract : public ::testing::TestWithParam<const Format*> {};

TEST_P(FormatContract, LogitsOfASequenceAreItsOwnInEveryTier) {
  constexpr std::int32_t kShort = 8;
  std::mt19937 random(13);
  const Subject model = subject_of(random_llama(*GetParam(), random), kShort, random);
  std::map<Isa, std::vector<Rows>> scalar;
  for (const Isa isa : contract_tiers()) {
    StepRunner::Options options = options_of(oracle_tier(model, isa), kShort);
    options.kv_type = KvType::kF16;
    options.oracle = true;
    const auto [expected, fresh] = scalar.try_emplace(options.isa);
    if (fresh) expected->second = alone(model, options);
    options.isa = isa;
    options.oracle = false;
    for (int threads = 1; threads <= 3; ++threads) {
      SCOPED_TRACE(std::string(isa_name(isa)) + ", " + std::to_string(threads) + " threads");
      options.threads = threads;
      options.seed = static_cast<std::uint32_t>(random());
      if (threads > 1) options.cuts = {1};
      expect_all_same_bits(expected->second, mixed(model, options, random));
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
