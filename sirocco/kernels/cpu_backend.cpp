#include "sirocco/kernels/cpu_backend.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/kernels/attention_runner.hpp"
#include "sirocco/kernels/kernel_table.hpp"
#include "sirocco/kernels/packed_matrix.hpp"
#include "sirocco/kernels/q8.hpp"
#include "sirocco/platform/float_environment.hpp"
#include "sirocco/platform/memory.hpp"

namespace sirocco {
namespace {

// Below this many elements of a cheap op, one thread is done before others would have begun.
constexpr std::int64_t kWorthForking = 8192;
constexpr std::int64_t kColumnStep = 512;  // of ops that work within a row; whole q8 blocks
// The activations of a product are walked once a panel, so as many tokens as stay in a core's own
// cache go together.
constexpr std::size_t kTokenBytes = std::size_t{384} << 10;
constexpr std::int64_t kTokenStep = 48;                      // a common multiple of the tiles
constexpr std::size_t kStreamBytes = std::size_t{64} << 10;  // of weights, taken in one step

const CpuKernels& kernels_for(Isa isa) {
  switch (isa) {
    case Isa::kRef:
      break;
#if defined(SIROCCO_X86_TIERS)
    case Isa::kAvx2:
      return avx2_kernels();
    case Isa::kAvx512:
      return avx512_kernels();
    case Isa::kAvx512Vnni:
      return avx512vnni_kernels();
#else
    default:
      break;
#endif
  }
  return ref_kernels();
}

RowSink sink(const Activations& out) {
  RowSink rows{};
  if (out.f32) {
    rows.f32 = out.f32.as<float>();
    rows.f32_stride = out.f32.columns();
  }
  if (out.q8) {
    rows.q8 = reinterpret_cast<std::byte*>(out.q8.as<std::uint8_t>());
    rows.q8_stride = static_cast<std::size_t>(out.q8.columns());
  }
  return rows;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuKernels& kernels, ThreadGroup& threads)
      : kernels_(kernels), threads_(threads), attention_(kernels, threads) {}

  std::string_view name() const override { return kernels_.name; }

  std::shared_ptr<const WeightMatrix> pack(const StoredTensor& stored,
                                           std::span<const std::int32_t> source_rows) override {
    return std::make_shared<PackedMatrix>(stored, source_rows, threads_);
  }

  std::size_t q8_row_bytes(std::int64_t columns) const override {
    constexpr std::size_t kCacheLine = 64;
    return ceil_div(q8_bytes(columns), kCacheLine) * kCacheLine;
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
             const Tensor& out) override {
    const auto& packed = static_cast<const PackedMatrix&>(table);
    const auto* id = ids.as<std::int32_t>();
    auto* rows = out.as<float>();
    const std::int64_t columns = packed.columns();
    for_rows(ids.rows(), columns, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        float* row = rows + t * columns;
        const std::byte* panel =
            packed.data() + static_cast<std::size_t>(id[t] / kPanelRows) * packed.panel_stride();
        decode_panel_row(packed.panel_format(), panel, id[t] % kPanelRows, columns, row);
        for (std::int64_t i = 0; i < columns; ++i) row[i] = row[i] * scale;
      }
    });
  }

  void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override {
    const auto* index = rows.as<std::int32_t>();
    const auto* from = x.as<float>();
    auto* to = out.as<float>();
    const std::int64_t columns = x.columns();
    for_rows(rows.rows(), columns, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::copy_n(from + index[i] * columns, columns, to + i * columns);
    });
  }

  void rms_norm(const Tensor& x, const Tensor& weight, float epsilon,
                const Activations& out) override {
    const RmsNormTask task{x.as<float>(), weight.as<float>(), x.columns(), epsilon, sink(out)};
    for_rows(x.rows(), x.columns(), 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.rms_norm(task, begin, end); });
  }

  void quantize(const Tensor& x, const Tensor& q8) override {
    const QuantizeTask task{x.as<float>(), x.columns(), sink({.f32 = {}, .q8 = q8})};
    for_columns(x.rows(), x.columns(), [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
      kernels_.quantize(task, row, begin, end);
    });
  }

  void linear(const Activations& input, std::span<const LinearTarget> targets) override {
    tasks_.clear();
    std::int64_t panels = 0;
    std::size_t largest_panel = 1;
    std::size_t largest_row = 1;
    std::int64_t tokens = 0;
    for (const LinearTarget& target : targets) {
      const auto& weight = static_cast<const PackedMatrix&>(*target.weight);
      const bool q8 = weight.wants_q8();
      const Tensor& rows = q8 ? input.q8 : input.f32;
      SIROCCO_CHECK(rows);
      const LinearTask task{
          .panels = weight.data(),
          .panel_stride = weight.panel_stride(),
          .rows = weight.rows(),
          .columns = weight.columns(),
          .input = q8 ? reinterpret_cast<const std::byte*>(rows.as<std::uint8_t>())
                      : reinterpret_cast<const std::byte*>(rows.as<float>()),
          .input_stride = static_cast<std::size_t>(rows.columns()) * dtype_bytes(rows.dtype()),
          .bias = target.bias ? target.bias.as<float>() : nullptr,
          .out = target.out.as<float>(),
          .out_stride = target.out.columns(),
      };
      tokens = rows.rows();
      tasks_.push_back({task, kernels_.linear[static_cast<std::size_t>(weight.panel_format())],
                        panels, panels + weight.panels()});
      panels += weight.panels();
      largest_panel = std::max(largest_panel, task.panel_stride);
      largest_row = std::max(largest_row, task.input_stride);
    }
    const std::int64_t chunk =
        std::max<std::int64_t>(1,
                               static_cast<std::int64_t>(kTokenBytes / largest_row) / kTokenStep) *
        kTokenStep;
    const std::int64_t count = panels * ceil_div(tokens, chunk);
    const std::int64_t most = count / (std::int64_t{8} * threads_.size());
    const std::int64_t grain =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(kStreamBytes / largest_panel), 1,
                                 std::max<std::int64_t>(1, most));
    threads_.for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
      while (begin < end) {
        const std::int64_t first_token = begin / panels * chunk;
        const std::int64_t first_panel = begin % panels;
        const std::int64_t end_panel = std::min(panels, first_panel + (end - begin));
        run_panels(first_panel, end_panel, first_token, std::min(tokens, first_token + chunk));
        begin += end_panel - first_panel;
      }
    });
  }

  void gate(GateActivation activation, const Tensor& gate, const Tensor& up,
            const Activations& out) override {
    const GateTask task{gate.as<float>(), up.as<float>(), gate.columns(), sink(out)};
    const auto kernel = kernels_.gate[static_cast<std::size_t>(activation)];
    for_columns(gate.rows(), gate.columns(),
                [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
                  kernel(task, row, begin, end);
                });
  }

  void add(const Tensor& x, const Tensor& y, float scale) override {
    auto* to = x.as<float>();
    const auto* from = y.as<float>();
    for_elements(x, [&](std::int64_t begin, std::int64_t end) {
      kernels_.add(to + begin, from + begin, scale, end - begin);
    });
  }

  void soft_cap(const Tensor& x, float cap) override {
    auto* values = x.as<float>();
    for_elements(x, [&](std::int64_t begin, std::int64_t end) {
      kernels_.soft_cap(values + begin, cap, end - begin);
    });
  }

  void rotary_table(const Tensor& positions, const Tensor& frequencies, float magnitude,
                    const Tensor& table) override {
    const RotaryTableTask task{positions.as<std::int32_t>(), frequencies.as<float>(),
                               frequencies.rows(), magnitude, table.as<float>()};
    for_rows(positions.rows(), 8 * task.pairs, 1, [&](std::int64_t begin, std::int64_t end) {
      kernels_.rotary_table(task, begin, end);
    });
  }

  void rotate(const Tensor& x, const Tensor& table) override {
    const RotateTask task{x.as<float>(), table.as<float>(), x.shape()[1], x.shape()[2],
                          table.columns() / 2};
    for_rows(x.rows(), x.columns(), 1,
             [&](std::int64_t begin, std::int64_t end) { kernels_.rotate(task, begin, end); });
  }

  void write_cache(const BatchTensors& batch, const Tensor& keys, const Tensor& values,
                   const KvCacheView& cache) override {
    const auto kernel = kernels_.write_cache[cache.dtype == DType::kF16 ? 1 : 0];
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
                     cache_slice(cache, s), keys.as<float>() + first * keys.columns(),
                     values.as<float>() + first * values.columns(), positions[first]};
                 kernel(task, from - first, to - first);
               }
             });
  }

  void attention(const BatchTensors& batch, const AttentionArgs& args) override {
    attention_.run(batch, args);
  }

 private:
  struct Target {
    LinearTask task;
    LinearKernel kernel;
    std::int64_t panel_begin;  // in the numbering of the whole group
    std::int64_t panel_end;
  };

  void run_panels(std::int64_t begin, std::int64_t end, std::int64_t token_begin,
                  std::int64_t token_end) {
    for (const Target& target : tasks_) {
      const std::int64_t from = std::max(begin, target.panel_begin);
      const std::int64_t to = std::min(end, target.panel_end);
      if (from < to)
        target.kernel(target.task, from - target.panel_begin, to - target.panel_begin, token_begin,
                      token_end);
    }
  }

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
    if (work < kWorthForking || threads_.size() == 1) {
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
    split(count, kWorthForking / 4, count, body);
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
  AttentionRunner attention_;
  std::vector<Target> tasks_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(Isa isa, ThreadGroup& threads) {
  require_isa(isa, CpuFeatures::detect());
  return std::make_unique<CpuBackend>(kernels_for(isa), threads);
}

}  // namespace sirocco
