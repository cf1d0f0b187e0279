#include "tests/models/step_runner.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <variant>

#include "sirocco/base/checked.hpp"
#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/models/registry.hpp"

namespace sirocco::testing {

struct StepRunner::Stage {
  std::variant<Whole, Head, Middle, Tail> parts;
  StepMemory memory;
  std::vector<std::vector<float>> pools;
  CacheViews caches;

  const CacheLayout& layout() const {
    return std::visit([](const auto& p) -> const CacheLayout& { return p.cache_layout(); }, parts);
  }
};

namespace {

/// Blocks in random order, and everything that nobody wrote is a NaN.
void allocate(const CacheLayout& layout, const StepRunner::Options& o, std::mt19937& random,
              std::vector<std::vector<float>>& pools, CacheViews& caches) {
  caches.layout = &layout;
  caches.type = o.kv_type;
  caches.block_positions = o.block_positions;
  const int blocks = ceil_div(o.longest, o.block_positions);
  for (std::size_t g = 0; g < layout.groups().size(); ++g) {
    const std::size_t bytes = layout.block_bytes(static_cast<int>(g), o.kv_type, o.block_positions);
    const auto total = static_cast<std::size_t>(blocks * o.sequences);
    pools.emplace_back(total * bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
    CacheGroupView view;
    view.pool = reinterpret_cast<std::byte*>(pools.back().data());
    // As halves, too, every element is a NaN.
    std::fill_n(reinterpret_cast<std::uint16_t*>(view.pool), total * bytes / 2,
                std::uint16_t{0x7FFF});
    view.blocks_a_sequence = blocks;
    view.block_table.resize(total);
    std::iota(view.block_table.begin(), view.block_table.end(), 0);
    std::shuffle(view.block_table.begin(), view.block_table.end(), random);
    caches.groups.push_back(std::move(view));
  }
}

}  // namespace

StepRunner::StepRunner(const std::filesystem::path& model, const Options& options)
    : StepRunner(open_checkpoint(model), options) {}

StepRunner::StepRunner(const Checkpoint& checkpoint, const Options& options)
    : options_(options),
      threads_(options.threads),
      backend_(options.oracle ? make_oracle_backend(options.isa, threads_)
                              : make_cpu_backend(options.isa, threads_)),
      lengths_(static_cast<std::size_t>(options.sequences), 0) {
  CanonicalCheckpoint canonical = canonical_checkpoint(checkpoint.metadata, checkpoint.weights);
  if (options.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *options.quantize);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *backend_);
  info_ = builder->info();
  std::vector<std::int32_t> begins = {0};
  begins.insert(begins.end(), options.cuts.begin(), options.cuts.end());
  begins.push_back(info_.layers);
  std::mt19937 random(options.seed);
  for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
    const LayerRange range{LayerIndex(begins[i]), LayerIndex(begins[i + 1])};
    const bool first = i == 0;
    const bool last = i + 2 == begins.size();
    auto parts = [&]() -> std::variant<Whole, Head, Middle, Tail> {
      if (first && last) return load_parts<Whole>(*builder, range);
      if (first) return load_parts<Head>(*builder, range);
      if (last) return load_parts<Tail>(*builder, range);
      return load_parts<Middle>(*builder, range);
    };
    auto stage = std::make_unique<Stage>(Stage{parts(), {}, {}, {}});
    allocate(stage->layout(), options, random, stage->pools, stage->caches);
    stages_.push_back(std::move(stage));
  }
}

StepRunner::~StepRunner() = default;

const ModelInfo& StepRunner::info() const { return info_; }

std::vector<std::vector<float>> StepRunner::step(const std::vector<Chunk>& chunks) {
  StepRows rows;
  std::vector<TokenId> tokens;
  for (const Chunk& chunk : chunks) {
    int& length = lengths_[static_cast<std::size_t>(chunk.sequence)];
    rows.sequences.push_back({SequenceId(static_cast<std::uint64_t>(chunk.sequence)),
                              Position(length), static_cast<int>(chunk.tokens.size())});
    for (const std::int32_t token : chunk.tokens)
      if (token != kGiven) tokens.emplace_back(token);
    length += static_cast<int>(chunk.tokens.size());
  }
  const auto count = static_cast<std::size_t>(rows.rows());
  rows.outputs.resize(count);
  std::iota(rows.outputs.begin(), rows.outputs.end(), 0);

  std::vector<float> carried;
  std::vector<float> logits;
  for (const auto& stage : stages_) {
    CacheViews caches = stage->caches;
    for (CacheGroupView& group : caches.groups) {
      std::vector<std::int32_t> table;
      for (const Chunk& chunk : chunks) {
        const auto begin = group.block_table.begin() + chunk.sequence * group.blocks_a_sequence;
        table.insert(table.end(), begin, begin + group.blocks_a_sequence);
      }
      group.block_table = std::move(table);
    }
    TransformContext context(*backend_, stage->memory, rows, caches);
    const auto keep = [&](const Tensor& values, std::vector<float>& out) {
      const auto read = backend_->read(values);
      out.assign(read.begin(), read.end());
    };
    const auto received = [&] {
      const Tensor x = backend_->upload(context.held(), std::span<const float>(carried),
                                        {rows.rows(), info_.width});
      return Hidden(context, {.f32 = x, .q8 = {}});
    };
    // Rows that stand together come together.
    const auto given = [&](TransformContext& step) {
      std::vector<GivenRows> out;
      std::int64_t row = 0;
      const auto width = static_cast<std::size_t>(info_.width);
      for (const Chunk& chunk : chunks) {
        std::size_t used = 0;
        for (std::size_t i = 0; i < chunk.tokens.size();) {
          std::size_t end = i;
          while (end < chunk.tokens.size() && chunk.tokens[end] == kGiven) ++end;
          if (end > i) {
            const std::size_t here = (end - i) * width;
            out.push_back(
                {row, backend_->upload(step.held(), chunk.embeddings.subspan(used, here),
                                       {static_cast<std::int64_t>(end - i), info_.width})});
            used += here;
          }
          const std::size_t next = std::max(end, i + 1);
          row += static_cast<std::int64_t>(next - i);
          i = next;
        }
      }
      return out;
    };
    std::visit(
        [&](const auto& parts) {
          using Role = std::decay_t<decltype(parts)>;
          Hidden hidden = [&] {
            if constexpr (Embeds<Role>) {
              return parts.embed(TokenBatch(tokens, given(context)), context);
            } else {
              return received();
            }
          }();
          hidden = parts.transform(std::move(hidden), context);
          if constexpr (HasLmHead<Role>) {
            keep(parts.lm_head(hidden, context).values(), logits);
          } else {
            keep(hidden.values(), carried);
          }
        },
        stage->parts);
  }
  std::vector<std::vector<float>> out;
  const auto width = static_cast<std::size_t>(info_.vocabulary);
  for (std::size_t t = 0; t < count; ++t)
    out.emplace_back(logits.begin() + t * width, logits.begin() + (t + 1) * width);
  return out;
}

}  // namespace sirocco::testing
