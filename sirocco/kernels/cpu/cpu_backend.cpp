#include "sirocco/kernels/cpu/cpu_backend.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/attention_runner.hpp"
#include "sirocco/kernels/cpu/expert_routing.hpp"
#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/linear_runner.hpp"
#include "sirocco/kernels/cpu/packed_matrix.hpp"
#include "sirocco/kernels/cpu/picture_runner.hpp"
#include "sirocco/kernels/cpu/q8.hpp"
#include "sirocco/kernels/cpu/row_sink.hpp"
#include "sirocco/platform/float_environment.hpp"
#include "sirocco/platform/memory_pool.hpp"

namespace sirocco {
namespace {

// Below this many elements of a cheap op, one thread is done before others would have begun.
constexpr std::int64_t kMinForkedWork = 8192;
constexpr std::int64_t kColumnStep = 512;  // of ops that work within a row; whole q8 blocks

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuKernels& kernels, ThreadGroup& threads, ByteLedger* ledger)
      : kernels_(kernels),
        threads_(threads),
        ledger_(ledger),
        attention_(kernels, threads),
        linear_(kernels, threads),
        pictures_(kernels, threads, ledger) {}

  std::string_view name() const override { return kernels_.name; }
  PictureOps& picture_ops() override { return pictures_; }
  PictureProducts& picture_products() override { return pictures_; }
  ThreadGroup& host_threads() override { return threads_; }

  std::shared_ptr<const WeightMatrix> pack(const StoredTensor& stored,
                                           std::span<const std::int32_t> source_rows,
                                           const WeightSource* source) override {
    return std::make_shared<PackedMatrix>(stored, source_rows, packing(source));
  }

  std::shared_ptr<const WeightMatrix> rows_of(const std::shared_ptr<const WeightMatrix>& whole,
                                              std::int64_t begin, std::int64_t end) override {
    SIROCCO_CHECK(begin % kPanelRows == 0 && begin < end && end <= whole->rows());
    return std::make_shared<PackedMatrix>(static_cast<const PackedMatrix&>(*whole), begin, end);
  }

  std::shared_ptr<const WeightStack> pack_stack(std::span<const StoredTensor> matrices,
                                                std::span<const std::int32_t> source_rows,
                                                const WeightSource* source) override {
    return std::make_shared<PackedStack>(matrices, source_rows, packing(source));
  }

  std::size_t q8_row_bytes(std::int64_t columns) const override {
    constexpr std::size_t kCacheLine = 64;
    return ceil_div(q8_bytes(columns), kCacheLine) * kCacheLine;
  }

  std::size_t fine_row_bytes(std::int64_t columns, FineBlocks which) const override {
    const std::int64_t blocks = std::min(q8_blocks(columns), static_cast<std::int64_t>(which));
    return static_cast<std::size_t>(blocks) * sizeof(FineBlock);
  }

  Tensor upload(Arena& arena, std::span<const std::int32_t> values, const Shape& shape) override {
    return upload_as(arena, DType::kI32, std::as_bytes(values), shape);
  }
  Tensor upload(Arena& arena, std::span<const float> values, const Shape& shape) override {
    return upload_as(arena, DType::kF32, std::as_bytes(values), shape);
  }

  std::span<const float> read(const Tensor& tensor) override {
    return {tensor.as<float>(), static_cast<std::size_t>(tensor.shape().elements())};
  }

  void embed(const WeightMatrix& table, const Tensor& ids, float scale,
             const Out<Tensor>& out) override {
    const auto& packed = static_cast<const PackedMatrix&>(table);
    const auto* id = ids.as<std::int32_t>();
    auto* rows = out->as<float>();
    const std::int64_t columns = packed.columns();
    for_rows(ids.rows(), columns, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        float* row = rows + t * columns;
        const std::byte* panel =
            packed.panels().data() +
            static_cast<std::size_t>(id[t] / kPanelRows) * packed.panels().stride();
        decode_panel_row(packed.panels().format(), panel, id[t] % kPanelRows, columns, row);
        for (std::int64_t i = 0; i < columns; ++i) row[i] = row[i] * scale;
      }
    });
  }

  void gather_rows(const Tensor& x, const Tensor& rows, const Out<Tensor>& out) override {
    const auto* index = rows.as<std::int32_t>();
    const std::size_t width = row_stride(x);
    const std::byte* from = bytes_of(x);
    std::byte* to = bytes_of(*out);
    for_rows(rows.rows(), x.columns(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::memcpy(to + static_cast<std::size_t>(i) * width,
                    from + static_cast<std::size_t>(index[i]) * width, width);
    });
  }

  void mean_rows(const Tensor& x, const Tensor& begin, const Out<Tensor>& out) override {
    const auto* first = begin.as<std::int32_t>();
    const auto* from = x.as<float>();
    auto* to = out->as<float>();
    const std::int64_t columns = x.columns();
    for_rows(out->rows(), columns, 1, [&](std::int64_t s_begin, std::int64_t s_end) {
      for (std::int64_t s = s_begin; s < s_end; ++s) {
        float* sum = to + s * columns;
        std::copy_n(from + first[s] * columns, columns, sum);
        for (std::int64_t row = first[s] + 1; row < first[s + 1]; ++row)
          for (std::int64_t k = 0; k < columns; ++k) sum[k] = sum[k] + from[row * columns + k];
        const auto count = static_cast<float>(first[s + 1] - first[s]);
        for (std::int64_t k = 0; k < columns; ++k) sum[k] = sum[k] / count;
      }
    });
  }

  void rms_norm(const Tensor& x, const Tensor& weight, float epsilon,
                const Out<Activations>& out) override {
    const RmsNormTask task{x.as<float>(), weight.as<float>(), x.columns(), epsilon, row_sink(out)};
    for_rows(x.rows(), x.columns(), 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.rms_norm(task, begin, end); });
  }

  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon,
                  const Out<Activations>& out) override {
    const LayerNormTask task{x.as<float>(), weight.as<float>(), bias.as<float>(), x.columns(),
                             epsilon,       row_sink(out)};
    for_rows(x.rows(), x.columns(), 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.layer_norm(task, begin, end); });
  }

  void quantize(const Tensor& x, const Out<Tensor>& q8, const Out<Tensor>& fine) override {
    const QuantizeTask task{x.as<float>(), x.columns(),
                            row_sink(Out(Activations{.f32 = {}, .q8 = *q8, .fine = *fine}))};
    if (*fine) {
      for_rows(x.rows(), x.columns() * 4, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
          kernels_.quantize(task, row, 0, task.columns);
      });
      return;
    }
    for_columns(x.rows(), x.columns(), [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
      kernels_.quantize(task, row, begin, end);
    });
  }

  void linear(const Activations& input, std::span<const LinearTarget> targets) override {
    linear_.linear(input, targets);
  }

  void gated_linear(const Activations& input, const GatedTarget& target) override {
    linear_.gated_linear(input, target);
  }

  void route(const RouterSpec& spec, const Out<Tensor>& logits, const Tensor& bias,
             const Out<ExpertRows>& rows) override {
    const std::int64_t tokens = logits->rows();
    const std::int64_t experts = logits->columns();
    SIROCCO_CHECK(experts <= RouterSpec::kMaxExperts && spec.chosen <= experts);
    const std::int64_t slots = spec.chosen;
    auto* scores = logits->as<float>();
    auto* weights = rows->weights.as<float>();
    auto* chosen = rows->places.as<std::int32_t>();
    const std::span<const float> added =
        bias ? std::span<const float>(bias.as<float>(), static_cast<std::size_t>(experts))
             : std::span<const float>();
    for_rows(tokens, 4 * experts, 1, [&](std::int64_t begin, std::int64_t end) {
      float* first = scores + begin * experts;
      if (spec.scoring == RouterScoring::kSoftmax)
        kernels_.softmax(first, end - begin, experts);
      else if (spec.scoring == RouterScoring::kSigmoid)
        kernels_.sigmoid(first, (end - begin) * experts);
      for (std::int64_t t = begin; t < end; ++t) {
        const float* score = scores + t * experts;
        choose_experts(spec, {score, static_cast<std::size_t>(experts)}, added, chosen + t * slots);
        for (std::int64_t s = t * slots; s < (t + 1) * slots; ++s) weights[s] = score[chosen[s]];
      }
      if (spec.scoring == RouterScoring::kSoftmaxOfChosen)
        kernels_.softmax(weights + begin * slots, end - begin, slots);
      for (std::int64_t t = begin; t < end; ++t)
        finish_weights(spec, {weights + t * slots, static_cast<std::size_t>(slots)});
    });
    group_by_expert(rows);
  }

  void expert_linear(const Activations& input, const Tensor& begin,
                     std::span<const StackTarget> targets) override {
    linear_.expert_linear(input, begin, targets);
  }

  void gated_expert_linear(const Activations& input, const Tensor& begin,
                           const GatedStackTarget& target) override {
    linear_.gated_expert_linear(input, begin, target);
  }

  void head_linear(const Activations& input, const StackTarget& target,
                   std::int64_t first_column) override {
    linear_.head_linear(input, target, first_column);
  }

  void copy_columns(const Tensor& x, std::int64_t column, std::int64_t count,
                    const Out<Tensor>& out, std::int64_t out_column) override {
    const std::int64_t width = x.columns();
    const std::int64_t out_width = out->columns();
    const float* from = x.as<float>() + column;
    float* to = out->as<float>() + out_column;
    for_rows(x.rows(), count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::copy_n(from + i * width, count, to + i * out_width);
    });
  }

  void combine_experts(const Tensor& x, const ExpertRows& rows, const Out<Tensor>& out) override {
    const CombineTask task{x.as<float>(),
                           rows.weights.as<float>(),
                           rows.places.as<std::int32_t>(),
                           rows.places.columns(),
                           x.columns(),
                           out->as<float>()};
    for_rows(out->rows(), task.slots * task.columns, 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.combine(task, begin, end); });
  }

  void gate(GateActivation activation, const Tensor& gate, const Tensor& up,
            const Out<Activations>& out) override {
    SIROCCO_CHECK(!out->fine);
    const GateTask task{gate.as<float>(), up.as<float>(), gate.columns(), row_sink(out)};
    const auto kernel = kernels_.gate[static_cast<std::size_t>(activation)];
    for_columns(gate.rows(), gate.columns(),
                [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
                  kernel(task, row, begin, end);
                });
  }

  void activate(PlainActivation activation, const Tensor& x, const Out<Activations>& out) override {
    SIROCCO_CHECK(!out->fine);
    const ActivateTask task{x.as<float>(), x.columns(), row_sink(out)};
    const auto kernel = kernels_.activate[static_cast<std::size_t>(activation)];
    for_columns(x.rows(), x.columns(), [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
      kernel(task, row, begin, end);
    });
  }

  void add(const Out<Tensor>& x, const Tensor& y, float scale) override {
    auto* to = x->as<float>();
    const auto* from = y.as<float>();
    for_elements(*x, [&](std::int64_t begin, std::int64_t end) {
      kernels_.add(to + begin, from + begin, scale, end - begin);
    });
  }

  void add_gated(const Out<Tensor>& x, const Tensor& y, const Tensor& gate) override {
    auto* to = x->as<float>();
    const auto* from = y.as<float>();
    const auto* factors = gate.as<float>();
    const std::int64_t columns = x->columns();
    for_columns(x->rows(), columns, [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = row * columns + begin;
      kernels_.add_gated(to + at, from + at, factors + begin, end - begin);
    });
  }

  void soft_cap(const Out<Tensor>& x, float cap) override {
    auto* values = x->as<float>();
    for_elements(*x, [&](std::int64_t begin, std::int64_t end) {
      kernels_.soft_cap(values + begin, cap, end - begin);
    });
  }

  void rotary_table(const Tensor& positions, const Tensor& frequencies, const Tensor& axes,
                    float magnitude, const Out<Tensor>& table) override {
    const RotaryTableTask task{.positions = positions.as<std::int32_t>(),
                               .numbers = positions.columns(),
                               .frequencies = frequencies.as<float>(),
                               .axes = axes ? axes.as<std::int32_t>() : nullptr,
                               .pairs = frequencies.rows(),
                               .magnitude = magnitude,
                               .table = table->as<float>()};
    for_rows(positions.rows(), 8 * task.pairs, 1, [&](std::int64_t begin, std::int64_t end) {
      kernels_.rotary_table(task, begin, end);
    });
  }

  void rotate(const Out<Tensor>& x, const Tensor& table) override {
    const RotateTask task{x->as<float>(), table.as<float>(), x->shape()[1], x->shape()[2],
                          table.columns() / 2};
    for_rows(x->rows(), x->columns(), 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.rotate(task, begin, end); });
  }

  void copy_block(std::byte* pool, std::size_t block_bytes, BlockId from,
                  const Out<BlockId>& to) override {
    const auto place = [&](BlockId id) {
      return pool + static_cast<std::size_t>(id.value()) * block_bytes;
    };
    if (from != *to) std::memcpy(place(*to), place(from), block_bytes);
  }

  void write_cache(const BatchTensors& batch, const Tensor& keys, const Tensor& values,
                   const Out<KvCacheView>& cache) override {
    const auto kernel = kernels_.write_cache[static_cast<std::size_t>(cache->type)];
    const auto* row_begin = batch.row_begin.as<std::int32_t>();
    const auto* positions = batch.positions.as<std::int32_t>();
    // Sixteen positions share the cache lines of a panel of keys.
    for_rows(batch.rows(), keys.columns() + values.columns(), kPanelRows,
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t s = 0; s < batch.sequences(); ++s) {
                 const std::int64_t first = row_begin[s];
                 const std::int64_t from = std::max(begin, first);
                 const std::int64_t to = std::min<std::int64_t>(end, row_begin[s + 1]);
                 if (from >= to) continue;
                 const WriteCacheTask task{
                     cache_slice(*cache, s), keys.as<float>() + first * keys.columns(),
                     values.as<float>() + first * values.columns(), positions[first]};
                 kernel(task, from - first, to - first);
               }
             });
  }

  void attention(const BatchTensors& batch, const AttentionArgs& args) override {
    attention_.run(batch, args);
  }

 private:
  Packing packing(const WeightSource* source) { return {threads_, panels_, ledger_, source}; }

  static Tensor upload_as(Arena& arena, DType dtype, std::span<const std::byte> bytes,
                          const Shape& shape) {
    const Tensor tensor = arena.tensor(dtype, shape);
    SIROCCO_CHECK(bytes.size() == static_cast<std::size_t>(shape.elements()) * dtype_bytes(dtype));
    if (!bytes.empty()) {
      void* to = dtype == DType::kF32 ? static_cast<void*>(tensor.as<float>())
                                      : static_cast<void*>(tensor.as<std::int32_t>());
      std::memcpy(to, bytes.data(), bytes.size());
    }
    return tensor;
  }

  /// body(begin, end) over [0, count): on this thread alone unless `work` elements are worth it.
  template <class Body>
  void split(std::int64_t count, std::int64_t grain, std::int64_t work, Body body) {
    if (work < kMinForkedWork || threads_.size() == 1) {
      const ScopedFloatEnvironment defaults;
      if (count > 0) body(0, count);
    } else {
      threads_.for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
        body(begin, end);
      });
    }
  }

  template <class Body>
  void for_rows(std::int64_t rows, std::int64_t columns, std::int64_t grain, Body body) {
    split(rows, grain, rows * columns, body);
  }

  template <class Body>
  void for_elements(const Tensor& x, Body body) {
    const std::int64_t count = x.shape().elements();
    split(count, kMinForkedWork / 4, count, body);
  }

  /// body(row, begin, end) over ranges of columns, which begin at multiples of 32.
  template <class Body>
  void for_columns(std::int64_t rows, std::int64_t columns, Body body) {
    const std::int64_t steps = ceil_div(columns, kColumnStep);
    split(rows * steps, 1, rows * columns * 4, [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const std::int64_t step = begin % steps;
        const std::int64_t count = std::min(steps - step, end - begin);
        body(begin / steps, step * kColumnStep, std::min(columns, (step + count) * kColumnStep));
        begin += count;
      }
    });
  }

  const CpuKernels& kernels_;
  ThreadGroup& threads_;
  ByteLedger* ledger_;
  MemoryPool panels_;
  AttentionRunner attention_;
  LinearRunner linear_;
  PictureRunner pictures_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(Isa isa, ThreadGroup& threads, ByteLedger* ledger) {
  require_isa(isa, CpuFeatures::detect());
  return std::make_unique<CpuBackend>(kernels_of(isa), threads, ledger);
}

std::unique_ptr<Backend> make_oracle_backend(Isa isa, ThreadGroup& threads) {
  return std::make_unique<CpuBackend>(oracle_of(isa), threads, nullptr);
}

}  // namespace sirocco
