#pragma once

#include <cstdint>

#include "sirocco/kernels/cpu/kernel_table.hpp"
#include "sirocco/kernels/cpu/q8.hpp"

/// The oracle's functions, one for each entry of CpuKernels; declared here because they stand in
/// several files.
namespace sirocco::ref {

/// One block of up to 32 values, the rest of it zeros.
void quantize_block(const float* values, std::int64_t count, Q8Block& block) noexcept;

/// The product with panels of that format.
LinearKernel linear_of(PanelFormat format);

/// kBF16 as the tier avx512bf16 computes it.
void linear_bf16_pairs(const LinearTask&, std::int64_t panel_begin, std::int64_t panel_end,
                       std::int64_t token_begin, std::int64_t token_end) noexcept;

void rms_norm(const RmsNormTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
void layer_norm(const LayerNormTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
void quantize(const QuantizeTask&, std::int64_t row, std::int64_t begin, std::int64_t end) noexcept;
template <float (*kActivation)(float, float)>
void gate(const GateTask&, std::int64_t row, std::int64_t begin, std::int64_t end) noexcept;
template <float (*kActivation)(float)>
void activate(const ActivateTask&, std::int64_t row, std::int64_t begin, std::int64_t end) noexcept;
void add(float* x, const float* y, float scale, std::int64_t count) noexcept;
void add_gated(float* x, const float* y, const float* gate, std::int64_t count) noexcept;
void soft_cap(float* x, float cap, std::int64_t count) noexcept;
void rotary_table(const RotaryTableTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
void rotate(const RotateTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;

void softmax(float* x, std::int64_t rows, std::int64_t columns) noexcept;
void sigmoid(float* x, std::int64_t count) noexcept;
void combine(const CombineTask&, std::int64_t token_begin, std::int64_t token_end) noexcept;

/// Element: float, std::uint16_t (f16) or std::int8_t (kQ8_0).
template <class Element>
void write_cache(const WriteCacheTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
template <class Element>
void attention_span(const AttentionTask&, std::int32_t kv_head, std::int64_t row_begin,
                    std::int64_t row_end, std::int32_t span, float* states) noexcept;
void attention_merge(float* into, const float* later, std::int64_t count,
                     std::int64_t value_dim) noexcept;
void attention_finish(const AttentionTask&, std::int32_t kv_head, std::int64_t row_begin,
                      std::int64_t row_end, const float* states) noexcept;

void moments(const MomentsTask&, std::int64_t segment_begin, std::int64_t segment_end) noexcept;
void scale_channels(const ScaleTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
void draw(const DrawTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
void transform_filter(const FilterTask&, std::int64_t begin, std::int64_t end) noexcept;
void transform_input(const InputTilesTask&, std::int64_t begin, std::int64_t end) noexcept;
void transform_output(const OutputTilesTask&, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace sirocco::ref
