#include "sirocco/kernels/cpu/linear_runner.hpp"

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/q8.hpp"
#include "sirocco/kernels/cpu/row_sink.hpp"

namespace sirocco {
namespace {

// The activations of a product are walked once a panel, so as many tokens as stay in a core's own
// cache go together.
constexpr std::size_t kTokenBytes = std::size_t{384} << 10;
constexpr std::int64_t kTokenStep = 48;                      // a common multiple of the tiles
constexpr std::size_t kStreamBytes = std::size_t{64} << 10;  // of weights, taken in one step
constexpr std::int64_t kMaxFloatTilePanels = 4;
// Of gates and ups that wait to be joined: in the innermost cache still when they are.
constexpr std::int64_t kGatedFloats = kTokenStep * kPanelBlock;

const Panels& panels_of(const WeightMatrix& weight) {
  return static_cast<const PackedMatrix&>(weight).panels();
}
const Panels& panels_of(const WeightStack& weight) {
  return static_cast<const PackedStack&>(weight).panels();
}

const Tensor& input_of(const Activations& input, bool q8) {
  const Tensor& rows = q8 ? input.q8 : input.f32;
  SIROCCO_CHECK(rows);
  return rows;
}

/// The larger row of those that are read.
std::size_t larger_row(std::size_t size, const Activations& input, bool q8) {
  return std::max(size, row_stride(input_of(input, q8)));
}

/// body(begin, end) over as many tokens at a time as go together.
template <class Body>
void for_token_chunks(std::int64_t begin, std::int64_t end, std::size_t row_size, Body body) {
  const std::int64_t chunk =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(kTokenBytes / row_size) / kTokenStep) *
      kTokenStep;
  for (; begin < end; begin += chunk) body(begin, std::min(end, begin + chunk));
}

/// Products of grouped rows with one stack, at most: experts that have rows, and chunks beyond
/// their first.
std::size_t max_chunks(const Tensor& begin) {
  const std::int64_t experts = begin.rows() - 1;
  const std::int64_t rows = begin.as<std::int32_t>()[experts];
  return static_cast<std::size_t>(std::min(experts, rows) + rows / kTokenStep);
}

Tensor matrix_of(const Tensor& biases, std::int64_t matrix) {
  return biases ? biases.slice_rows(matrix, 1) : Tensor();
}

/// `task` for its panels and tokens from these on.
LinearTask from(const LinearTask& task, std::int64_t panel, std::int64_t token) {
  LinearTask rest = task;
  rest.panels += static_cast<std::size_t>(panel) * task.panel_stride;
  rest.rows -= panel * kPanelRows;
  rest.input += static_cast<std::size_t>(token) * task.input_stride;
  if (rest.fine != nullptr) rest.fine += static_cast<std::size_t>(token) * task.fine_stride;
  if (rest.bias != nullptr) rest.bias += panel * kPanelRows;
  return rest;
}

}  // namespace

LinearRunner::LinearRunner(const CpuKernels& kernels, ThreadGroup& threads)
    : kernels_(kernels),
      threads_(threads),
      scratch_(static_cast<std::size_t>(2 * kGatedFloats * threads.size())) {}

template <class Weight>
LinearRunner::Product LinearRunner::product(const Weight& weight, std::int64_t matrix,
                                            const Activations& input, const Tensor& bias) const {
  const Panels& panels = panels_of(weight);
  const Tensor& rows = input_of(input, weight.wants_q8());
  const bool fine = weight.wants_q8() && input.fine;
  return {.task =
              {
                  .panels = panels.data(matrix),
                  .panel_stride = panels.stride(),
                  .rows = weight.rows(),
                  .columns = weight.columns(),
                  .input = bytes_of(rows),
                  .input_stride = row_stride(rows),
                  .fine = fine ? bytes_of(input.fine) : nullptr,
                  .fine_stride = fine ? row_stride(input.fine) : 0,
                  .fine_blocks = fine ? fine_blocks_of(input.fine) : 0,
                  .bias = bias ? bias.as<float>() : nullptr,
                  .out = nullptr,
                  .out_stride = 0,
              },
          .kernel = kernels_.linear[static_cast<std::size_t>(panels.format())],
          .token_begin = 0,
          .token_end = rows.rows(),
          .panels = panels.count(),
          .max_tile_panels = panel_traits(panels.format()).is_float() ? kMaxFloatTilePanels : 1};
}

template <class Weight>
LinearRunner::GatedProduct LinearRunner::gated_product(const GatedPair<Weight>& target,
                                                       std::int64_t matrix,
                                                       const Activations& input) const {
  SIROCCO_CHECK(!target.out->fine);
  return {product(*target.gate, matrix, input, target.gate_bias),
          product(*target.up, matrix, input, target.up_bias), row_sink(target.out)};
}

void LinearRunner::linear(const Activations& input, std::span<const LinearTarget> targets) {
  products_.clear();
  std::int64_t tokens = 0;
  std::size_t max_row_bytes = 1;
  for (const LinearTarget& target : targets) {
    tokens = target.out->rows();
    max_row_bytes = larger_row(max_row_bytes, input, target.weight->wants_q8());
  }
  for_token_chunks(0, tokens, max_row_bytes, [&](std::int64_t begin, std::int64_t end) {
    for (const LinearTarget& target : targets) {
      Product part = product(*target.weight, 0, input, target.bias);
      part.task.out = target.out->as<float>();
      part.task.out_stride = target.out->columns();
      part.token_begin = begin;
      part.token_end = end;
      products_.push(part);
    }
  });
  run_products();
}

void LinearRunner::expert_linear(const Activations& input, const Tensor& begin,
                                 std::span<const StackTarget> targets) {
  products_.clear(max_chunks(begin) * targets.size());
  const auto* first = begin.as<std::int32_t>();
  std::size_t max_row_bytes = 1;
  for (const StackTarget& target : targets)
    max_row_bytes = larger_row(max_row_bytes, input, target.weight->wants_q8());
  for (std::int64_t e = 0; e + 1 < begin.rows(); ++e) {
    for_token_chunks(
        first[e], first[e + 1], max_row_bytes, [&](std::int64_t from, std::int64_t to) {
          for (const StackTarget& target : targets) {
            Product part = product(*target.weight, e, input, matrix_of(target.bias, e));
            part.task.out = target.out->as<float>();
            part.task.out_stride = target.out->columns();
            part.token_begin = from;
            part.token_end = to;
            products_.push(part);
          }
        });
  }
  run_products();
}

void LinearRunner::head_linear(const Activations& input, const StackTarget& target,
                               std::int64_t first_column) {
  products_.clear();
  const std::int64_t heads = target.weight->matrices();
  const Tensor& rows = input_of(input, target.weight->wants_q8());
  for_token_chunks(
      0, rows.rows() / heads, row_stride(rows), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t h = 0; h < heads; ++h) {
          Product part = product(*target.weight, h, input, matrix_of(target.bias, h));
          part.task.input += static_cast<std::size_t>(h) * part.task.input_stride;
          part.task.input_stride *= static_cast<std::size_t>(heads);
          if (part.task.fine != nullptr)
            part.task.fine += static_cast<std::size_t>(h) * part.task.fine_stride;
          part.task.fine_stride *= static_cast<std::size_t>(heads);
          part.task.out = target.out->as<float>() + h * target.out->columns() + first_column;
          part.task.out_stride = heads * target.out->columns();
          part.token_begin = begin;
          part.token_end = end;
          products_.push(part);
        }
      });
  run_products();
}

void LinearRunner::gated_linear(const Activations& input, const GatedTarget& target) {
  gated_.clear();
  GatedProduct part = gated_product(target, 0, input);
  const std::size_t max_row_bytes =
      std::max(part.gate.task.input_stride, part.up.task.input_stride);
  for_token_chunks(0, part.gate.token_end, max_row_bytes,
                   [&](std::int64_t begin, std::int64_t end) {
                     part.gate.token_begin = begin;
                     part.gate.token_end = end;
                     gated_.push(part);
                   });
  run_gated(target.activation);
}

void LinearRunner::gated_expert_linear(const Activations& input, const Tensor& begin,
                                       const GatedStackTarget& target) {
  gated_.clear(max_chunks(begin));
  const auto* first = begin.as<std::int32_t>();
  for (std::int64_t e = 0; e + 1 < begin.rows(); ++e) {
    GatedPair<WeightStack> of_expert = target;
    of_expert.gate_bias = matrix_of(target.gate_bias, e);
    of_expert.up_bias = matrix_of(target.up_bias, e);
    GatedProduct part = gated_product(of_expert, e, input);
    const std::size_t max_row_bytes =
        std::max(part.gate.task.input_stride, part.up.task.input_stride);
    for_token_chunks(first[e], first[e + 1], max_row_bytes,
                     [&](std::int64_t from, std::int64_t to) {
                       part.gate.token_begin = from;
                       part.gate.token_end = to;
                       gated_.push(part);
                     });
  }
  run_gated(target.activation);
}

/// run(item, begin, end, thread) for parts [begin, end) of the items, all of them among the
/// threads.
template <class Item, class Run>
void LinearRunner::share_out(const Queue<Item>& queue, Run run) {
  const std::int64_t parts = queue.parts();
  const std::int64_t max_grain = parts / (std::int64_t{8} * threads_.size());
  const auto streamed = static_cast<std::int64_t>(kStreamBytes / queue.max_part_bytes);
  const std::int64_t grain =
      std::min(std::max(streamed, queue.min_step_parts), std::max<std::int64_t>(1, max_grain));
  threads_.for_ranges(parts, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
    auto i = static_cast<std::size_t>(
        std::upper_bound(queue.ends.begin(), queue.ends.end(), begin) - queue.ends.begin());
    for (; begin < end; ++i) {
      const std::int64_t first = i == 0 ? 0 : queue.ends[i - 1];
      const std::int64_t here = std::min(end, queue.ends[i]);
      run(queue.items[i], begin - first, here - first, thread);
      begin = here;
    }
  });
}

void LinearRunner::run_products() {
  share_out(products_, [](const Product& product, std::int64_t begin, std::int64_t end, int) {
    product.kernel(product.task, begin, end, product.token_begin, product.token_end);
  });
}

void LinearRunner::run_gated(GateActivation activation) {
  share_out(gated_,
            [&](const GatedProduct& product, std::int64_t begin, std::int64_t end, int thread) {
              run_gated_parts(product, begin, end, activation,
                              scratch_.data() + 2 * kGatedFloats * std::int64_t{thread});
            });
}

void LinearRunner::run_gated_parts(const GatedProduct& product, std::int64_t begin,
                                   std::int64_t end, GateActivation activation,
                                   float* scratch) const {
  const auto join = kernels_.gate[static_cast<std::size_t>(activation)];
  for (std::int64_t part = begin; part < end; ++part) {
    const std::int64_t panel = part * GatedProduct::kPanels;
    const std::int64_t panels = std::min(product.gate.panels - panel, GatedProduct::kPanels);
    const std::int64_t column = panel * kPanelRows;
    const std::int64_t columns =
        std::min<std::int64_t>(product.gate.task.rows - column, kPanelBlock);
    for (std::int64_t token = product.gate.token_begin; token < product.gate.token_end;
         token += kTokenStep) {
      const std::int64_t tokens = std::min(product.gate.token_end - token, kTokenStep);
      float* place = scratch;
      for (const Product* of : {&product.gate, &product.up}) {
        LinearTask task = from(of->task, panel, token);
        task.out = place;
        task.out_stride = kPanelBlock;
        of->kernel(task, 0, panels, 0, tokens);
        place += kGatedFloats;
      }
      const GateTask task{.gate = scratch,
                          .up = scratch + kGatedFloats,
                          .columns = kPanelBlock,
                          .out = from_block(product.out, token, column)};
      for (std::int64_t row = 0; row < tokens; ++row) join(task, row, 0, columns);
    }
  }
}

}  // namespace sirocco
