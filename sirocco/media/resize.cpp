#include "sirocco/media/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Weights have 22 bits behind the point, so that a sum of weighted bytes, which may overshoot by
/// two more bits, is an int32.
constexpr int kFraction = 32 - 8 - 2;

double sinc(double x) {
  if (x == 0) return 1;
  const double angle = x * std::numbers::pi;
  return std::sin(angle) / angle;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }
double triangle(double x) { return std::max(1 - std::abs(x), 0.0); }
/// Pillow's constants are floats.
double hamming(double x) {
  x = std::abs(x);
  if (x == 0) return 1;
  return x >= 1 ? 0 : sinc(x) * (0.54F + 0.46F * std::cos(x * std::numbers::pi));
}
/// Keys' cubic with a slope of -1/2 at one. (Keys 1981)
double cubic(double x) {
  constexpr double kSlope = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kSlope + 2) * x - (kSlope + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kSlope;
  return 0;
}
double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

struct Filter {
  double (*weight)(double);
  double reach;  ///< beyond which weights are 0, in pixels of the larger picture
};

Filter filter_of(Resampling resampling) {
  switch (resampling) {
    case Resampling::kLanczos:
      return {lanczos, 3};
    case Resampling::kBilinear:
      return {triangle, 1};
    case Resampling::kBicubic:
      return {cubic, 2};
    case Resampling::kBox:
      return {box, 0.5};
    case Resampling::kHamming:
      return {hamming, 1};
    case Resampling::kNearest:
      break;
  }
  throw InvalidArgument("a resampling with the number {}; there are 0 to 5",
                        static_cast<int>(resampling));
}

/// What each pixel of a row or column is made of.
struct Weights {
  struct Part {
    int first;         ///< pixel that has a weight
    std::size_t from;  ///< where the weights begin
    int count;
  };
  std::vector<Part> parts;
  std::vector<std::int32_t> values;
};

Weights make_weights(int from, int to, const Filter& filter) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double reach = filter.reach * stretch;
  const double narrowing = 1.0 / stretch;
  Weights weights;
  weights.parts.reserve(static_cast<std::size_t>(to));
  std::vector<double> exact;
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - reach + 0.5), 0);
    const int count = std::min(static_cast<int>(center + reach + 0.5), from) - first;
    exact.clear();
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      exact.push_back(filter.weight((k + first - center + 0.5) * narrowing));
      sum += exact.back();
    }
    weights.parts.push_back({first, weights.values.size(), count});
    for (const double weight : exact) {
      const double part = (sum != 0 ? weight / sum : weight) * (1 << kFraction);
      weights.values.push_back(static_cast<std::int32_t>(part < 0 ? part - 0.5 : part + 0.5));
    }
  }
  return weights;
}

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFraction, 0, 255));
}

constexpr std::int32_t kHalf = 1 << (kFraction - 1);

/// sums[i] += bytes[i] * weight, for N neighbours: the one loop that takes time.
template <std::size_t N>
void add_weighted(const std::uint8_t* bytes, std::int32_t weight, std::int32_t* sums) {
  for (std::size_t i = 0; i < N; ++i) sums[i] += bytes[i] * weight;
}

/// Rows that are resized side by side, so that neighbours in memory are the same column of several
/// rows, with the same weight.
constexpr int kRows = 16;

/// The rows `first` to `first + count` of the picture as [W, 3, kRows]; those behind repeat the
/// last.
void interleave(const Picture& picture, int first, int count, std::uint8_t* to) {
  const std::uint8_t* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = picture.row(first + std::min(r, count - 1)).data();
  const std::size_t bytes = static_cast<std::size_t>(picture.width()) * 3;
  for (std::size_t i = 0; i < bytes; ++i, to += kRows) {
    for (int r = 0; r < kRows; ++r) to[r] = rows[r][i];
  }
}

Picture resize_columns(const Picture& picture, int width, const Filter& filter) {
  const Weights weights = make_weights(picture.width(), width, filter);
  Picture out({width, picture.height()});
  constexpr std::size_t kPixel = std::size_t{3} * kRows;
  std::vector<std::uint8_t> columns(static_cast<std::size_t>(picture.width()) * kPixel);
  for (int y = 0; y < picture.height(); y += kRows) {
    const int rows = std::min(kRows, picture.height() - y);
    interleave(picture, y, rows, columns.data());
    for (int x = 0; x < width; ++x) {
      const Weights::Part& part = weights.parts[x];
      std::int32_t sums[kPixel];
      std::fill_n(sums, kPixel, kHalf);
      const std::uint8_t* from = columns.data() + static_cast<std::size_t>(part.first) * kPixel;
      for (int k = 0; k < part.count; ++k, from += kPixel)
        add_weighted<kPixel>(from, weights.values[part.from + k], sums);
      for (int r = 0; r < rows; ++r) {
        std::uint8_t* const pixel = out.row(y + r).data() + static_cast<std::size_t>(x) * 3;
        for (int c = 0; c < 3; ++c) pixel[c] = rounded(sums[c * kRows + r]);
      }
    }
  }
  return out;
}

Picture resize_rows(const Picture& picture, int height, const Filter& filter) {
  const Weights weights = make_weights(picture.height(), height, filter);
  Picture out({picture.width(), height});
  constexpr std::size_t kPart = 256;
  for (int y = 0; y < height; ++y) {
    const Weights::Part& part = weights.parts[y];
    const auto to = out.row(y);
    for (std::size_t x = 0; x < to.size(); x += kPart) {
      const std::size_t count = std::min(kPart, to.size() - x);
      std::int32_t sums[kPart];
      std::fill_n(sums, kPart, kHalf);
      for (int k = 0; k < part.count; ++k) {
        const std::uint8_t* const from = picture.row(part.first + k).data() + x;
        const std::int32_t weight = weights.values[part.from + k];
        if (count == kPart) {
          add_weighted<kPart>(from, weight, sums);
        } else {
          for (std::size_t i = 0; i < count; ++i) sums[i] += from[i] * weight;
        }
      }
      for (std::size_t i = 0; i < count; ++i) to[x + i] = rounded(sums[i]);
    }
  }
  return out;
}

/// Pixels below the middles of those wanted; the middles are added up, as Pillow does, so that what
/// falls between two pixels falls on the same side.
std::vector<int> nearest(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  std::vector<int> places(static_cast<std::size_t>(to));
  double at = scale * 0.5;
  for (int& place : places) {
    place = static_cast<int>(at);
    at += scale;
  }
  return places;
}

Picture resize_nearest(const Picture& picture, PictureSize size) {
  const std::vector<int> columns = nearest(picture.width(), size.width);
  const std::vector<int> rows = nearest(picture.height(), size.height);
  Picture out(size);
  for (int y = 0; y < size.height; ++y) {
    if (rows[y] >= picture.height()) continue;
    const auto from = picture.row(rows[y]);
    const auto to = out.row(y);
    for (int x = 0; x < size.width; ++x) {
      if (columns[x] >= picture.width()) continue;
      std::memcpy(to.data() + std::size_t(x) * 3, from.data() + std::size_t(columns[x]) * 3, 3);
    }
  }
  return out;
}

}  // namespace

Picture resized(const Picture& picture, PictureSize size, Resampling resampling) {
  if (size.width < 1 || size.height < 1) {
    throw InvalidArgument("a picture of {} x {} pixels is wanted; both sides must be at least 1",
                          size.width, size.height);
  }
  if (picture.size() == size) return picture;
  if (resampling == Resampling::kNearest) return resize_nearest(picture, size);
  const Filter filter = filter_of(resampling);
  if (size.width == picture.width()) return resize_rows(picture, size.height, filter);
  if (size.height == picture.height()) return resize_columns(picture, size.width, filter);
  // Which comes first shows in the bytes. The rule is Pillow 13's, found by trying.
  const int rows_lost = picture.height() - size.height;
  const int columns_lost = std::max(picture.width() - size.width, 0);
  if (rows_lost > 2 * std::int64_t{columns_lost})
    return resize_columns(resize_rows(picture, size.height, filter), size.width, filter);
  return resize_rows(resize_columns(picture, size.width, filter), size.height, filter);
}

}  // namespace sirocco
