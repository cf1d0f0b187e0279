#include "sirocco/kernels/cpu/picture_runner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/row_sink.hpp"

namespace sirocco {
namespace {

using numerics::kFilterSide;
using numerics::kPlaces;
using numerics::kTileSide;

constexpr std::int64_t kFilterPixels = kFilterSide * kFilterSide;
// Tiles, or pixels, of a part of a picture, a thread: enough to read the weights seldom, few enough
// for what becomes of them to stay in a core's own cache while it is wanted.
constexpr std::int64_t kFewTiles = 64;
constexpr std::int64_t kTiles = 128;
constexpr std::int64_t kFewChannels = 512;  // inputs and outputs
constexpr std::int64_t kMaxPartFloats = std::int64_t{16} << 20;
// So few at a time that the kernels multiply each with two panels at once.
constexpr std::int64_t kTokenStep = 24;
constexpr std::int64_t kPanelGrain = 8;
constexpr std::int64_t kPixelGrain = 32;
constexpr std::int64_t kChannelGrain = 64;

const Panels& panels_of(const ConvolutionArgs& args) {
  return static_cast<const PackedMatrix&>(*args.weight).panels();
}

constexpr std::size_t aligned_bytes(std::int64_t floats) {
  constexpr std::size_t kLine = 64;
  return ceil_div(static_cast<std::size_t>(floats) * sizeof(float), kLine) * kLine;
}

const std::byte* as_bytes(const float* x) { return reinterpret_cast<const std::byte*>(x); }

/// Of rows one behind another with panels of floats; null for no bias.
LinearTask float_task(const float* panels, std::int64_t rows, std::int64_t columns,
                      const float* input, const float* bias, float* out) {
  const std::size_t row_size = static_cast<std::size_t>(columns) * sizeof(float);
  LinearTask task{};
  task.panels = as_bytes(panels);
  task.panel_stride = kPanelRows * row_size;
  task.rows = rows;
  task.columns = columns;
  task.input = as_bytes(input);
  task.input_stride = row_size;
  task.bias = bias;
  task.out = out;
  task.out_stride = rows;
  return task;
}

const float* floats_of(const Tensor& x) { return x ? x.as<float>() : nullptr; }

}  // namespace

/// Products of the same number of rows with several matrices, [matrices, rows, columns] by
/// [matrices, panels, columns, 16].
struct PictureRunner::Products {
  std::int64_t matrices;
  LinearTask task;  ///< of the first
  std::int64_t panels;
  std::int64_t tokens;
  std::int64_t input_floats;  ///< from a matrix to the next
  std::int64_t out_floats;
};

template <std::size_t kCount>
std::array<float*, kCount> PictureRunner::scratch(const std::array<std::int64_t, kCount>& floats) {
  std::size_t bytes = 0;
  for (const std::int64_t count : floats) bytes += aligned_bytes(count);
  if (scratch_.size() < bytes) {
    scratch_ = Memory();
    charged_ = {};
    if (ledger_ != nullptr) charged_ = ledger_->charge(bytes, "scratch memory");
    scratch_ = Memory(bytes);
  }
  std::array<float*, kCount> places;
  std::byte* next = scratch_.data();
  for (std::size_t i = 0; i < kCount; ++i) {
    places[i] = reinterpret_cast<float*>(next);
    next += aligned_bytes(floats[i]);
  }
  return places;
}

void PictureRunner::group_factors(const Tensor& x, std::int64_t groups, const Tensor& weight,
                                  const Tensor& bias, float epsilon, const Out<Tensor>& factors) {
  const std::int64_t channels = x.columns();
  SIROCCO_CHECK(channels % groups == 0 && x.rows() > 0);
  const std::int64_t segments = ceil_div<std::int64_t>(x.rows(), numerics::kSegmentPixels);
  const auto [moments] = scratch<1>({segments * 2 * channels});
  const MomentsTask task{x.as<float>(), x.rows(), channels, moments};
  threads_.for_ranges(segments, 1, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
    kernels_.pictures.moments(task, begin, end);
  });

  const std::int64_t size = channels / groups;
  const double count = static_cast<double>(x.rows()) * static_cast<double>(size);
  float* const scale = factors->as<float>();
  float* const shift = scale + channels;
  threads_.for_ranges(groups, 1, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
    for (std::int64_t first = begin * size; first < end * size; first += size) {
      // of(pixels, mean, squares) for each segment and channel.
      const auto for_moments = [&](auto of) {
        for (std::int64_t s = 0; s < segments; ++s) {
          const std::int64_t pixels = std::min<std::int64_t>(
              numerics::kSegmentPixels, x.rows() - s * numerics::kSegmentPixels);
          const float* const mean = task.out + s * 2 * channels + first;
          for (std::int64_t c = 0; c < size; ++c)
            of(static_cast<double>(pixels), double{mean[c]}, double{mean[channels + c]});
        }
      };
      double total = 0.0;
      for_moments([&](double pixels, double mean, double) { total += pixels * mean; });
      const double center = total / count;
      double squares = 0.0;
      for_moments([&](double pixels, double mean, double own) {
        squares += own + pixels * (mean - center) * (mean - center);
      });
      const auto inverse =
          static_cast<float>(1.0 / std::sqrt(squares / count + static_cast<double>(epsilon)));
      for (std::int64_t c = first; c < first + size; ++c) {
        scale[c] = inverse * weight.as<float>()[c];
        shift[c] = static_cast<float>(double{bias.as<float>()[c]} - center * double{scale[c]});
      }
    }
  });
}

void PictureRunner::scale_channels(const Tensor& x, const Tensor& factors, bool activated,
                                   const Out<Tensor>& out) {
  const ScaleTask task{x.as<float>(), factors.as<float>(), x.columns(), activated,
                       out->as<float>()};
  threads_.for_ranges(x.rows(), kPixelGrain,
                      [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
                        kernels_.pictures.scale(task, begin, end);
                      });
}

void PictureRunner::draw(const Tensor& moments, const Tensor& noise, const Out<Tensor>& out) {
  const DrawTask task{moments.as<float>(), noise.as<float>(), out->columns(), out->as<float>()};
  threads_.for_ranges(out->rows(), kPixelGrain,
                      [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
                        kernels_.pictures.draw(task, begin, end);
                      });
}

void PictureRunner::convolve(const ConvolutionArgs& args) {
  const PictureExtent to = convolved(args.extent, args.resizing);
  SIROCCO_CHECK(args.x.rows() == args.extent.pixels() && args.out->rows() == to.pixels());
  if (to.pixels() == 0) return;
  SIROCCO_CHECK(args.weight->columns() == kFilterPixels * args.x.columns() &&
                args.weight->rows() == args.out->columns());
  if (args.resizing == Resizing::kHalve) {
    SIROCCO_CHECK(!args.added);
    convolve_pixels(args);
  } else {
    convolve_tiles(args);
  }
}

/// Brings rows [first, first + rows) of x into the strip.
void PictureRunner::fill(const ConvolutionArgs& args, const PictureStrip& strip, std::int64_t first,
                         std::int64_t rows) {
  const std::int64_t width = strip.width();
  const std::int64_t channels = args.x.columns();
  const float* const x = args.x.as<float>() + first * width * channels;
  threads_.for_ranges(
      rows * width, kPixelGrain, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
        while (begin < end) {
          const std::int64_t row = begin / width;
          const std::int64_t here = std::min(end, (row + 1) * width) - begin;
          const float* const from = x + begin * channels;
          float* const to = strip.pixel(row, begin % width);
          if (args.factors) {
            const ScaleTask task{from, args.factors.as<float>(), channels, true, to};
            kernels_.pictures.scale(task, 0, here);
          } else {
            std::copy_n(from, here * channels, to);
          }
          begin += here;
        }
      });
}

/// What `float_panels` needs: panels, and a row a thread.
std::int64_t PictureRunner::decoded_floats(const ConvolutionArgs& args) const {
  const Panels& panels = panels_of(args);
  if (panels.format() == PanelFormat::kF32) return 0;
  return (panels.count() * kPanelRows + threads_.size()) * args.weight->columns();
}

/// The weights as panels of floats, [panels, 9 · C, 16].
const float* PictureRunner::float_panels(const ConvolutionArgs& args, float* decoded) {
  const Panels& panels = panels_of(args);
  if (panels.format() == PanelFormat::kF32) return reinterpret_cast<const float*>(panels.data());
  const std::int64_t columns = args.weight->columns();
  float* const rows = decoded + panels.count() * kPanelRows * columns;
  threads_.for_ranges(panels.count(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* const row = rows + thread * columns;
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::byte* const from =
          panels.data() + static_cast<std::size_t>(panel) * panels.stride();
      float* const to = decoded + panel * columns * kPanelRows;
      for (int r = 0; r < kPanelRows; ++r) {
        decode_panel_row(panels.format(), from, r, columns, row);
        for (std::int64_t k = 0; k < columns; ++k) to[k * kPanelRows + r] = row[k];
      }
    }
  });
  return decoded;
}

void PictureRunner::multiply(const Products& p) {
  const LinearKernel kernel = kernels_.linear[static_cast<std::size_t>(PanelFormat::kF32)];
  // Parts are numbered so that a thread multiplies about the tiles that it has transformed.
  const std::int64_t groups = ceil_div(p.tokens, kFewTiles);
  const std::int64_t parts = groups * p.matrices * p.panels;
  const std::int64_t grain = std::clamp<std::int64_t>(parts / (std::int64_t{8} * threads_.size()),
                                                      1, std::min(p.panels, kPanelGrain));
  threads_.for_ranges(parts, grain, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
    while (begin < end) {
      const std::int64_t panel = begin % p.panels;
      const std::int64_t count = std::min(end - begin, p.panels - panel);
      const std::int64_t matrix = begin / p.panels % p.matrices;
      const std::int64_t first = begin / p.panels / p.matrices * kFewTiles;
      const std::int64_t last = std::min(p.tokens, first + kFewTiles);
      LinearTask task = p.task;
      task.panels += static_cast<std::size_t>(matrix * p.panels) * task.panel_stride;
      task.input += static_cast<std::size_t>(matrix * p.input_floats) * sizeof(float);
      task.out += matrix * p.out_floats;
      for (std::int64_t token = first; token < last; token += kTokenStep)
        kernel(task, panel, panel + count, token, std::min(last, token + kTokenStep));
      begin += count;
    }
  });
}

void PictureRunner::transform_filters(const ConvolutionArgs& args, const float* weights,
                                      float* filters) {
  const std::int64_t panels = ceil_div<std::int64_t>(args.weight->rows(), kPanelRows);
  const std::int64_t channels = args.x.columns();
  const std::int64_t size = channels * kPanelRows;
  const std::int64_t steps = ceil_div(channels, kChannelGrain);
  threads_.for_ranges(panels * steps, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (; begin < end; ++begin) {
      const std::int64_t panel = begin / steps;
      const std::int64_t first = begin % steps * kChannelGrain;
      kernels_.pictures.filter({.panel = weights + panel * kFilterPixels * size,
                                .channels = channels,
                                .out = filters + panel * size,
                                .stride = panels * size},
                               first, std::min(channels, first + kChannelGrain));
    }
  });
}

void PictureRunner::convolve_tiles(const ConvolutionArgs& args) {
  const std::int64_t channels = args.x.columns();
  const std::int64_t outputs = args.weight->rows();
  const std::int64_t panels = ceil_div<std::int64_t>(outputs, kPanelRows);
  const int doubled = args.resizing == Resizing::kDouble ? 1 : 0;
  const PictureExtent to = convolved(args.extent, args.resizing);
  const std::int64_t columns = ceil_div<std::int64_t>(to.width, kTileSide);
  const std::int64_t all_rows = ceil_div<std::int64_t>(to.height, kTileSide);
  const std::int64_t wanted =
      std::min((channels + outputs <= kFewChannels ? kFewTiles : kTiles) * threads_.size(),
               kMaxPartFloats / (kPlaces * (channels + outputs)));
  const std::int64_t part_rows = std::clamp<std::int64_t>(wanted / columns, 1, all_rows);
  const std::int64_t part_tiles = part_rows * columns;

  const std::int64_t place_panels = panels * channels * kPanelRows;
  const std::int64_t strip_rows =
      std::min<std::int64_t>(args.extent.height, (part_rows * kTileSide >> doubled) + 2);
  const auto [filters, strip_place, inputs, products, decoded] = scratch<5>(
      {kPlaces * place_panels, PictureStrip::floats(strip_rows, args.extent.width, channels),
       kPlaces * part_tiles * channels, kPlaces * part_tiles * outputs, decoded_floats(args)});
  transform_filters(args, float_panels(args, decoded), filters);

  const PictureStrip strip(strip_place, strip_rows, args.extent.width, channels);
  column_offsets_.clear();
  for (std::int64_t column = -1; column < columns * kTileSide + 1; ++column)
    column_offsets_.push_back(strip.column_offset(column >> doubled));

  for (std::int64_t first = 0; first < all_rows; first += part_rows) {
    const std::int64_t top = first * kTileSide;  // of outputs
    const std::int64_t rows = std::min(part_rows, all_rows - first);
    const std::int64_t tiles = rows * columns;
    const std::int64_t begin = std::max<std::int64_t>(0, (top - 1) >> doubled);
    const std::int64_t end =
        std::min<std::int64_t>(args.extent.height, ((top + rows * kTileSide) >> doubled) + 1);
    fill(args, strip, begin, end - begin);
    row_offsets_.clear();
    for (std::int64_t row = top - 1; row < top + rows * kTileSide + 1; ++row)
      row_offsets_.push_back(strip.row_offset((row >> doubled) - begin, end - begin));
    const InputTilesTask in{.x = strip.pixel(0, 0),
                            .row_offsets = row_offsets_.data(),
                            .column_offsets = column_offsets_.data(),
                            .columns = columns,
                            .channels = channels,
                            .out = inputs,
                            .stride = part_tiles * channels};
    threads_.for_ranges(tiles, 4, [&](std::int64_t from, std::int64_t until, int /*thread*/) {
      kernels_.pictures.input(in, from, until);
    });
    multiply({.matrices = kPlaces,
              .task = float_task(filters, outputs, channels, inputs, nullptr, products),
              .panels = panels,
              .tokens = tiles,
              .input_floats = part_tiles * channels,
              .out_floats = part_tiles * outputs});
    const std::int64_t corner = top * to.width * outputs;
    const OutputTilesTask out{.x = products,
                              .stride = part_tiles * outputs,
                              .columns = columns,
                              .channels = outputs,
                              .height = to.height - top,
                              .width = to.width,
                              .bias = floats_of(args.bias),
                              .added = args.added ? args.added.as<float>() + corner : nullptr,
                              .out = args.out->as<float>() + corner};
    threads_.for_ranges(tiles, 4, [&](std::int64_t from, std::int64_t until, int /*thread*/) {
      kernels_.pictures.output(out, from, until);
    });
  }
}

/// Of every second pixel and row.
void PictureRunner::convolve_pixels(const ConvolutionArgs& args) {
  const std::int64_t channels = args.x.columns();
  const std::int64_t outputs = args.weight->rows();
  const PictureExtent to = convolved(args.extent, args.resizing);
  const std::int64_t part_rows =
      std::clamp<std::int64_t>(kTiles * threads_.size() / to.width, 1, to.height);
  const std::int64_t strip_rows = std::min<std::int64_t>(args.extent.height, 2 * part_rows + 1);
  const auto [strip_place, inputs, decoded] =
      scratch<3>({PictureStrip::floats(strip_rows, args.extent.width, channels),
                  part_rows * to.width * kFilterPixels * channels, decoded_floats(args)});
  const float* const weights = float_panels(args, decoded);
  const PictureStrip strip(strip_place, strip_rows, args.extent.width, channels);
  for (std::int64_t top = 0; top < to.height; top += part_rows) {
    const std::int64_t rows = std::min<std::int64_t>(part_rows, to.height - top);
    const std::int64_t read = std::min<std::int64_t>(2 * rows + 1, args.extent.height - 2 * top);
    fill(args, strip, 2 * top, read);
    threads_.for_ranges(
        rows * to.width, 8, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
          for (; begin < end; ++begin) {
            const std::int64_t row = 2 * (begin / to.width);
            const std::int64_t column = 2 * (begin % to.width);
            float* pixel = inputs + begin * kFilterPixels * channels;
            for (std::int64_t y = row; y < row + kFilterSide; ++y)
              for (std::int64_t x = column; x < column + kFilterSide; ++x) {
                std::copy_n(strip.pixel(0, 0) + strip.row_offset(y, read) + strip.column_offset(x),
                            channels, pixel);
                pixel += channels;
              }
          }
        });
    float* const out = args.out->as<float>() + top * to.width * outputs;
    multiply({.matrices = 1,
              .task = float_task(weights, outputs, kFilterPixels * channels, inputs,
                                 floats_of(args.bias), out),
              .panels = ceil_div<std::int64_t>(outputs, kPanelRows),
              .tokens = rows * to.width,
              .input_floats = 0,
              .out_floats = 0});
  }
}

}  // namespace sirocco
