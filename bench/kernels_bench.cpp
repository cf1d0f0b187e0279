// Speed of the kernels beside what the machine can do: GOP/s for prompts, GB/s for single tokens.
// Two operations a product and sum; bytes are those of the packed weights, or of the keys and
// values.
//
//   kernels_bench --benchmark_filter='linear/avx512vnni/q4_1'

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "peaks.hpp"
#include "sirocco/base/checked.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kRows = 1536;
constexpr std::int64_t kColumns = 1536;
constexpr std::size_t kStreamed = std::size_t{160} << 20;  // of weights: more than caches hold

std::vector<float> random_floats(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

Tensor tensor_of(std::vector<float>& values, const Shape& shape) {
  return {DType::kF32, shape, values.data()};
}
Tensor tensor_of(std::vector<std::int32_t>& values, const Shape& shape) {
  return {DType::kI32, shape, values.data()};
}

/// A stored matrix: random bits, scales of one, which is all that speed depends on.
std::vector<std::byte> stored_bytes(const Format& format, std::int64_t rows, std::int64_t columns) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows) * row_bytes(format, columns));
  if (format.encode != nullptr) {
    const std::vector<float> values = random_floats(rows * columns);
    format.encode(values.data(), bytes.size() / format.block_bytes, bytes.data());
  } else {
    std::mt19937 random(1);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0x3F);
    // Exponents that a model has; those above make numbers too small to be normal, which are slow.
    if (format.id == FormatId::kMXFP4) {
      for (std::size_t at = 0; at < bytes.size(); at += format.block_bytes)
        bytes[at] = std::byte{120};
    }
  }
  return bytes;
}

void linear(benchmark::State& state, const Format& format, Isa isa, int threads,
            std::int64_t tokens) {
  ThreadGroup group(threads);
  const auto backend = make_cpu_backend(isa, group);
  const std::vector<std::byte> bytes = stored_bytes(format, kRows, kColumns);
  const StoredTensor stored{"weight", &format, Shape{kRows, kColumns}, bytes};
  std::vector<std::shared_ptr<const WeightMatrix>> weights;
  const std::size_t copies = tokens > 16 ? 1 : ceil_div(kStreamed, bytes.size());
  for (std::size_t i = 0; i < copies; ++i) weights.push_back(backend->pack(stored));
  std::vector<float> x = random_floats(tokens * kColumns);
  std::vector<float> out(static_cast<std::size_t>(tokens * kRows));
  const auto q8_row = static_cast<std::int64_t>(backend->q8_row_bytes(kColumns));
  Memory q8(static_cast<std::size_t>(tokens * q8_row));
  const Activations input{tensor_of(x, {tokens, kColumns}),
                          Tensor(DType::kU8, {tokens, q8_row}, q8.data())};
  backend->quantize(input.f32, Out(input.q8));
  std::size_t next = 0;
  for (auto _ : state) {
    const LinearTarget target{weights[next].get(), {}, Out(tensor_of(out, {tokens, kRows}))};
    backend->linear(input, {&target, 1});
    next = (next + 1) % weights.size();
  }
  const auto times = static_cast<double>(state.iterations());
  state.counters["GOP/s"] = benchmark::Counter(
      2e-9 * kRows * kColumns * static_cast<double>(tokens) * times, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(weights[0]->bytes()) * times, benchmark::Counter::kIsRate);
}

/// `rows` new rows of each of some sequences at a depth; layers enough that a decoding step doesn't
/// find its cache in the CPU's.
void attention(benchmark::State& state, Isa isa, int threads, KvType type, std::int64_t sequences,
               std::int32_t rows, std::int32_t depth, std::int32_t kv_heads,
               std::int32_t group_size, std::int32_t head_dim) {
  ThreadGroup group(threads);
  const auto backend = make_cpu_backend(isa, group);
  constexpr std::int32_t kBlock = 64;
  const std::int32_t heads = kv_heads * group_size;
  const std::int32_t length = depth + rows;
  const std::int32_t blocks = ceil_div(length, kBlock);
  const std::size_t half = static_cast<std::size_t>(kv_panel_bytes(type, head_dim)) * kBlock /
                           kKvPanel * static_cast<std::size_t>(kv_heads);
  const std::size_t per_layer = 2 * half * static_cast<std::size_t>(blocks * sequences);
  const std::size_t layers = rows > 1 ? 1 : std::max<std::size_t>(1, kStreamed / per_layer);
  const std::size_t stride = 2 * half * layers;
  Memory pool(stride * static_cast<std::size_t>(blocks * sequences));
  auto* elements = reinterpret_cast<std::uint16_t*>(pool.data());
  for (std::size_t i = 0; i < pool.size() / 2; ++i)
    elements[i] = static_cast<std::uint16_t>(0x3000 + i * 37 % 2048);  // whatever the type, no NaN
  std::vector<std::int32_t> table(static_cast<std::size_t>(blocks * sequences));
  std::iota(table.begin(), table.end(), 0);
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> row_begin = {0};
  for (std::int64_t s = 0; s < sequences; ++s) {
    for (std::int32_t i = 0; i < rows; ++i) positions.push_back(depth + i);
    row_begin.push_back(row_begin.back() + rows);
  }
  const std::int64_t total = std::ssize(positions);
  std::vector<float> q = random_floats(total * heads * head_dim);
  std::vector<float> out(q.size());
  const BatchTensors batch{tensor_of(positions, {total}), tensor_of(row_begin, {sequences + 1})};
  AttentionArgs args{};
  args.q = tensor_of(q, {total, heads, head_dim});
  args.out = Out(tensor_of(out, {total, heads, head_dim}));
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.cache.type = type;
  args.cache.pool = pool.data();
  args.cache.block_stride = stride;
  args.cache.block_positions = kBlock;
  args.cache.kv_heads = kv_heads;
  args.cache.key_dim = head_dim;
  args.cache.value_dim = head_dim;
  args.cache.block_table = tensor_of(table, {sequences, blocks});
  std::size_t layer = 0;
  for (auto _ : state) {
    args.cache.keys_offset = 2 * half * layer;
    args.cache.values_offset = 2 * half * layer + half;
    backend->attention(batch, args);
    layer = (layer + 1) % layers;
  }
  const auto times = static_cast<double>(state.iterations());
  const double seen = (depth + 0.5 * (rows + 1)) * static_cast<double>(total);
  state.counters["GOP/s"] =
      benchmark::Counter(4e-9 * seen * heads * head_dim * times, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * 2.0 * static_cast<double>(half) / kBlock *
                                                  length * static_cast<double>(sequences) * times,
                                              benchmark::Counter::kIsRate);
}

void pack(benchmark::State& state, const Format& format, int threads) {
  ThreadGroup group(threads);
  const auto backend = make_cpu_backend(Isa::kRef, group);
  const std::vector<std::byte> bytes = stored_bytes(format, kRows, kColumns);
  const StoredTensor stored{"weight", &format, Shape{kRows, kColumns}, bytes};
  for (auto _ : state) benchmark::DoNotOptimize(backend->pack(stored));
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(bytes.size()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

enum class RowOp { kNorm, kGate };

/// Norm or gate of `tokens` rows into q8.
void rows_op(benchmark::State& state, Isa isa, int threads, RowOp op, std::int64_t tokens) {
  ThreadGroup group(threads);
  const auto backend = make_cpu_backend(isa, group);
  std::vector<float> x = random_floats(tokens * kColumns);
  std::vector<float> y = random_floats(tokens * kColumns);
  const auto q8_row = static_cast<std::int64_t>(backend->q8_row_bytes(kColumns));
  Memory q8(static_cast<std::size_t>(tokens * q8_row));
  const Out out(Activations{{}, Tensor(DType::kU8, {tokens, q8_row}, q8.data())});
  const Shape shape{tokens, kColumns};
  for (auto _ : state) {
    if (op == RowOp::kNorm) {
      backend->rms_norm(tensor_of(x, shape), Tensor(DType::kF32, {kColumns}, y.data()), 1e-5f, out);
    } else {
      backend->gate(GateActivation::kSilu, tensor_of(x, shape), tensor_of(y, shape), out);
    }
  }
  state.counters["Gelement/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(tokens * kColumns) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

std::vector<int> thread_counts() {
  const int all = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return all == 1 ? std::vector<int>{1} : std::vector<int>{1, all};
}

void register_all() {
  for (const IsaTraits& tier : isa_table()) {
    if (tier.isa == Isa::kRef || !CpuFeatures::detect().contains(tier.required)) continue;
    const std::string isa(tier.name);
    for (const int threads : thread_counts()) {
      const std::string suffix = "/threads:" + std::to_string(threads);
      for (const Format& format : formats()) {
        for (const std::int64_t tokens : {1, 4, 8, 16, 512}) {
          const std::string name = "linear/" + isa + "/" + std::string(format.name) +
                                   "/T:" + std::to_string(tokens) + suffix;
          benchmark::RegisterBenchmark(name.c_str(), linear, format, tier.isa, threads, tokens)
              ->UseRealTime();
        }
      }
      struct Shape {
        const char* name;
        std::int32_t kv_heads, group, head_dim;
      };
      for (const Shape& s :
           {Shape{"3x3x64", 3, 3, 64}, Shape{"8x1x128", 8, 1, 128}, Shape{"8x4x128", 8, 4, 128}}) {
        const auto add = [&](const std::string& what, std::int64_t sequences, std::int32_t rows,
                             std::int32_t depth, KvType type = KvType::kF16) {
          const std::string name = "attention/" + isa + "/" + s.name + "/" + what + suffix;
          benchmark::RegisterBenchmark(name.c_str(), attention, tier.isa, threads, type, sequences,
                                       rows, depth, s.kv_heads, s.group, s.head_dim)
              ->UseRealTime();
        };
        add("prefill512", 1, 512, 0);
        add("prefill512/depth:4096", 1, 512, 4096);
        add("decode/depth:256", 1, 1, 256);
        add("decode/depth:4096", 1, 1, 4096);
        add("decode/depth:4096/q8_0", 1, 1, 4096, KvType::kQ8_0);
        add("decode16/depth:256", 16, 1, 256);
      }
      for (const std::int64_t tokens : {1, 512}) {
        const std::string tail = isa + "/T:" + std::to_string(tokens) + suffix;
        benchmark::RegisterBenchmark(("rms_norm/" + tail).c_str(), rows_op, tier.isa, threads,
                                     RowOp::kNorm, tokens)
            ->UseRealTime();
        benchmark::RegisterBenchmark(("gate/" + tail).c_str(), rows_op, tier.isa, threads,
                                     RowOp::kGate, tokens)
            ->UseRealTime();
      }
    }
  }
  for (const int threads : thread_counts()) {
    for (const Format& format : formats()) {
      const std::string name =
          "pack/" + std::string(format.name) + "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(name.c_str(), pack, format, threads)->UseRealTime();
    }
  }
}

void print_peaks() {
  for (const int threads : thread_counts()) {
    ThreadGroup group(threads);
    std::printf("threads %d: reads %.1f GB/s", threads, 1e-9 * bench::read_bandwidth(group));
    for (const IsaTraits& tier : isa_table()) {
      if (tier.isa == Isa::kRef || !CpuFeatures::detect().contains(tier.required)) continue;
      std::printf(", %s %.0f GOP/s", std::string(tier.name).c_str(),
                  1e-9 * bench::integer_dot_peak(tier.isa, group));
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace sirocco

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  sirocco::print_peaks();
  sirocco::register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
