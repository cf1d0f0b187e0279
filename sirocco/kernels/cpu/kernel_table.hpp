#pragma once

#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/cpu/numerics.hpp"
#include "sirocco/kernels/cpu/picture_kernels.hpp"
#include "sirocco/kernels/kv_type.hpp"
#include "sirocco/quant/panel.hpp"

/// What an instruction-set tier provides: range functions over plain arguments. They know neither
/// threads nor tensors; CpuBackend splits the work and calls them. None of them throws or
/// allocates, and none calls into a library. This header is compiled into the tiers' objects: it
/// includes nothing that emits code.
namespace sirocco {

enum class Isa : std::uint8_t;
struct Q8Block;

/// One product of T rows with a weight matrix [rows, columns] in panels.
struct LinearTask {
  const std::byte* panels;
  std::size_t panel_stride;  ///< bytes from a panel to the next
  std::int64_t rows;
  std::int64_t columns;
  const std::byte* input;  ///< rows of Q8Blocks or of floats, as the panel format wants
  std::size_t input_stride;
  const std::byte* fine;  ///< rows of so many FineBlock, or null
  std::size_t fine_stride;
  std::int64_t fine_blocks;  ///< of a row
  const float* bias;         ///< [rows], or null
  float* out;
  std::int64_t out_stride;  ///< floats from a token's row to the next
};

/// Tokens [token_begin, token_end) by panels [panel_begin, panel_end).
using LinearKernel = void (*)(const LinearTask& task, std::int64_t panel_begin,
                              std::int64_t panel_end, std::int64_t token_begin,
                              std::int64_t token_end) noexcept;

/// Where rows of results go: as floats, quantized (with second digits), or both; null where not
/// wanted.
struct RowSink {
  float* f32;
  std::byte* q8;
  std::int64_t f32_stride;   ///< floats
  std::size_t q8_stride;     ///< bytes
  std::byte* fine;           ///< only where q8 is wanted too, and whole rows are written
  std::size_t fine_stride;   ///< bytes
  std::int64_t fine_blocks;  ///< of a row
};

struct RmsNormTask {
  const float* x;  ///< rows of `columns`
  const float* weight;
  std::int64_t columns;
  float epsilon;
  RowSink out;
};

struct LayerNormTask {
  const float* x;  ///< rows of `columns`
  const float* weight;
  const float* bias;
  std::int64_t columns;
  float epsilon;
  RowSink out;
};

struct QuantizeTask {
  const float* x;
  std::int64_t columns;
  RowSink out;
};

struct GateTask {
  const float* gate;
  const float* up;
  std::int64_t columns;
  RowSink out;
};

struct ActivateTask {
  const float* x;
  std::int64_t columns;
  RowSink out;
};

struct RotaryTableTask {
  const std::int32_t* positions;  ///< rows of `numbers`
  std::int64_t numbers;
  const float* frequencies;
  const std::int32_t* axes;  ///< which number each pair turns by; null: the first
  std::int64_t pairs;
  float magnitude;
  float* table;  ///< rows of 2 · pairs
};

struct RotateTask {
  float* x;  ///< [T, heads, head_dim]
  const float* table;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t pairs;
};

/// Weighted sums of rows, as Backend::combine_experts.
struct CombineTask {
  const float* x;  ///< rows of `columns`
  const float* weights;
  const std::int32_t* places;
  std::int64_t slots;
  std::int64_t columns;
  float* out;
};

/// One sequence's view of one layer of a paged cache; see KvCacheView.
struct CacheSlice {
  std::byte* pool;
  std::size_t block_stride;
  std::size_t keys_offset;
  std::size_t values_offset;
  const std::int32_t* blocks;  ///< the sequence's row of the block table
  std::int32_t block_positions;
  std::int32_t kv_heads;
  std::int32_t key_dim;
  std::int32_t value_dim;
  /// The element of keys where values begin; -1: they have their own rows.
  std::int32_t value_first;
};

/// Keys and values of consecutive positions, to be written into the cache.
struct WriteCacheTask {
  CacheSlice cache;
  const float* keys;    ///< [rows, kv_heads, key_dim]
  const float* values;  ///< [rows, kv_heads, value_dim]
  std::int32_t first_position;
};

/// Attention of one sequence's rows. Query rows that share a key/value head are numbered together:
/// flat row i is token i / group, query head kv_head · group + i % group.
struct AttentionTask {
  CacheSlice cache;
  const float* q;  ///< [rows, heads, key_dim]
  float* out;      ///< [rows, heads, value_dim]
  std::int32_t heads;
  std::int32_t group;  ///< heads / kv_heads
  std::int32_t first_position;
  std::int32_t length;  ///< positions of the sequence, those of this step included
  std::int32_t window;
  bool causal;
  float scale;
  float logit_cap;                   ///< 0 for none
  const float* sinks;                ///< [heads], or null
  const float* slopes;               ///< [heads], or null
  const std::int32_t* visible_ends;  ///< [rows], or null: what `causal` and `window` say
  const float* relative_bias;        ///< [heads, 2 · bias_reach + 1], or null
  std::int32_t bias_reach;
};

/// The position behind the last one that the query of row `token` sees. Doesn't fall from row to
/// row.
constexpr std::int32_t visible_end(const AttentionTask& task, std::int64_t token) {
  if (task.visible_ends != nullptr) return task.visible_ends[token];
  const std::int32_t position = task.first_position + static_cast<std::int32_t>(token);
  if (task.causal) return position + 1;
  return task.window < task.length - position ? position + task.window : task.length;
}

/// Whether scores are scaled before they become exponents of two, to be capped or biased.
constexpr bool scales_scores(const AttentionTask& task) {
  return task.logit_cap != 0.0f || task.slopes != nullptr || task.relative_bias != nullptr;
}

/// The middle of a head's relative bias: element d of it is what a key d positions behind gains.
constexpr const float* relative_bias_of(const AttentionTask& task, std::int64_t head) {
  if (task.relative_bias == nullptr) return nullptr;
  return task.relative_bias + head * (2 * std::int64_t{task.bias_reach} + 1) + task.bias_reach;
}

/// What scores are multiplied with to be exponents of two.
constexpr float exponent_factor(const AttentionTask& task) {
  return scales_scores(task) ? numerics::kLog2E : task.scale * numerics::kLog2E;
}

/// The maximum of flat rows in one call of `attention_span`: eight of its blocks of six, whose
/// scores of a tile are 12 KiB, share what is read or converted of the cache.
inline constexpr int kAttentionRows = 48;

/// The running state of one flat row: 16 lanes of l, then M in the first of 16 floats, then acc
/// filled up to whole vectors. Aligned to 64 bytes.
constexpr std::int64_t attention_state_floats(std::int64_t value_dim) {
  return 32 + (value_dim + 15) / 16 * 16;
}

inline constexpr int kPanelFormats = static_cast<int>(kPanelTraits.size());
inline constexpr int kGateActivations = 5;   ///< values of GateActivation
inline constexpr int kPlainActivations = 5;  ///< values of PlainActivation

struct CpuKernels {
  const char* name;
  const char* extensions;  ///< the CPU features that its code may use, as CpuFeatures::names
  LinearKernel linear[kPanelFormats];  ///< by PanelFormat

  /// Rows [row_begin, row_end).
  void (*rms_norm)(const RmsNormTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
  void (*layer_norm)(const LayerNormTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
  /// The columns [begin, end) of one row; `begin` is a multiple of 32. So `gate` and `activate`
  /// too.
  void (*quantize)(const QuantizeTask&, std::int64_t row, std::int64_t begin,
                   std::int64_t end) noexcept;
  /// By GateActivation.
  void (*gate[kGateActivations])(const GateTask&, std::int64_t row, std::int64_t begin,
                                 std::int64_t end) noexcept;
  /// By PlainActivation.
  void (*activate[kPlainActivations])(const ActivateTask&, std::int64_t row, std::int64_t begin,
                                      std::int64_t end) noexcept;
  void (*add)(float* x, const float* y, float scale, std::int64_t count) noexcept;
  void (*add_gated)(float* x, const float* y, const float* gate, std::int64_t count) noexcept;
  void (*soft_cap)(float* x, float cap, std::int64_t count) noexcept;
  void (*rotary_table)(const RotaryTableTask&, std::int64_t row_begin,
                       std::int64_t row_end) noexcept;
  void (*rotate)(const RotateTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;

  /// Each of `rows` rows of x becomes its softmax.
  void (*softmax)(float* x, std::int64_t rows, std::int64_t columns) noexcept;
  void (*sigmoid)(float* x, std::int64_t count) noexcept;
  /// Tokens [token_begin, token_end).
  void (*combine)(const CombineTask&, std::int64_t token_begin, std::int64_t token_end) noexcept;

  // By KvType.
  /// Rows [row_begin, row_end) of every head.
  void (*write_cache[kKvTypes])(const WriteCacheTask&, std::int64_t row_begin,
                                std::int64_t row_end) noexcept;
  /// The states of flat rows [row_begin, row_end) over span number `span`, from nothing, into
  /// `states`.
  void (*attention_span[kKvTypes])(const AttentionTask&, std::int32_t kv_head,
                                   std::int64_t row_begin, std::int64_t row_end, std::int32_t span,
                                   float* states) noexcept;
  /// The state `later` merged into `into`, for `count` rows of states one after another.
  void (*attention_merge)(float* into, const float* later, std::int64_t count,
                          std::int64_t value_dim) noexcept;
  void (*attention_finish)(const AttentionTask&, std::int32_t kv_head, std::int64_t row_begin,
                           std::int64_t row_end, const float* states) noexcept;

  PictureKernels pictures;
};

/// Whether a row of a table has a function for every value that it is indexed by.
template <class Function, std::size_t kCount>
consteval bool is_full(Function* const (&row)[kCount]) {
  for (Function* const function : row)
    if (function == nullptr) return false;
  return true;
}

/// Whether all of a table is there but its products, which kernels_of puts in.
consteval bool has_every_op(const CpuKernels& k) {
  return k.rms_norm != nullptr && k.layer_norm != nullptr && k.quantize != nullptr &&
         is_full(k.gate) && is_full(k.activate) && k.add != nullptr && k.add_gated != nullptr &&
         k.soft_cap != nullptr && k.rotary_table != nullptr && k.rotate != nullptr &&
         k.softmax != nullptr && k.sigmoid != nullptr && k.combine != nullptr &&
         is_full(k.write_cache) && is_full(k.attention_span) && k.attention_merge != nullptr &&
         k.attention_finish != nullptr && has_every_op(k.pictures);
}

/// The table of a tier. Its functions may be called only where require_isa lets the tier through.
const CpuKernels& kernels_of(Isa isa);

/// Scalar code for every CPU with the bits of that tier: what tests compare it with.
const CpuKernels& oracle_of(Isa isa);

/// What a tier's matrix products are, where it isn't what its base does.
struct ProductKernels {
  const char* extensions;
  LinearKernel linear[kPanelFormats];  ///< null: the base's
};

// What kernels_of puts together; all of it can be read on every CPU. Tables without products:
const CpuKernels& avx2_kernels();
const CpuKernels& avx512_kernels();
// Products:
const ProductKernels& avx2_products();
const ProductKernels& avxvnni_products();
const ProductKernels& avx512_products();
const ProductKernels& avx512vnni256_products();
const ProductKernels& avx512vnni_products();
const ProductKernels& avx512bf16_products();

/// The scalar oracle, on every CPU.
const CpuKernels& ref_kernels();

}  // namespace sirocco
