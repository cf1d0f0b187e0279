#include "sirocco/nn/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/step_rows.hpp"

namespace sirocco {

std::vector<float> rotary_frequencies(int dims, double theta) {
  SIROCCO_CHECK(dims > 0 && dims % 2 == 0);
  std::vector<float> out(static_cast<std::size_t>(dims / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(i) / dims));
  }
  return out;
}

Rotary Rotary::with_sections(std::span<const int> sections, SectionOrder order) && {
  while (!sections.empty() && sections.back() == 0) sections = sections.first(sections.size() - 1);
  const auto axes = static_cast<int>(sections.size());
  const int pairs = dims() / 2;
  std::vector<std::int32_t> of_pair;
  bool fits = axes >= 1 && axes <= RotaryPositions::kMaxAxes;
  std::int64_t total = 0;
  for (int a = 0; a < axes; ++a) {
    const int count = sections[static_cast<std::size_t>(a)];
    total += count;
    fits = fits && count >= 0 && total <= pairs;
    // Interleaved, an axis has every axes-th pair from its own number on; the first has the rest.
    if (order == SectionOrder::kInterleaved && a > 0 && count > 0)
      fits = fits && a + std::int64_t{axes} * (count - 1) < pairs;
  }
  if (!fits || total != pairs) {
    throw InvalidArgument(
        "rotary sections of {} axes with {} pairs in all don't fit an encoding of {} pairs, which "
        "1 to {} axes share out{}",
        axes, total, pairs, RotaryPositions::kMaxAxes,
        order == SectionOrder::kInterleaved ? ", in turn, and only the first has any behind that"
                                            : "");
  }
  if (order == SectionOrder::kInARow) {
    for (int a = 0; a < axes; ++a)
      of_pair.insert(of_pair.end(), static_cast<std::size_t>(sections[static_cast<std::size_t>(a)]),
                     a);
  } else {
    of_pair.assign(static_cast<std::size_t>(pairs), 0);
    for (int a = 1; a < axes; ++a)
      for (int i = 0; i < sections[static_cast<std::size_t>(a)]; ++i) {
        const int pair = a + axes * i;
        of_pair[static_cast<std::size_t>(pair)] = a;
      }
  }
  axes_ = axes;
  pair_axes_ =
      axes == 1 ? nullptr : std::make_shared<const std::vector<std::int32_t>>(std::move(of_pair));
  return std::move(*this);
}

Tensor Rotary::pair_axes() const {
  if (pair_axes_ == nullptr) return {};
  // Never written through: ops only read it.
  return {DType::kI32, {std::ssize(*pair_axes_)}, const_cast<std::int32_t*>(pair_axes_->data())};
}

float YarnScaling::magnitude() const {
  return factor <= 1.0f ? 1.0f : static_cast<float>(0.1 * std::log(double{factor}) + 1.0);
}

double NtkScaling::base(int dims, double theta, double context) const {
  SIROCCO_CHECK(dims > 2);
  const double trained = double{trained_context};
  const double length = std::max(context, trained);
  const double stretch = double{factor} * length / trained - (double{factor} - 1.0);
  return theta * std::pow(stretch, dims / (dims - 2.0));
}

std::vector<float> yarn_frequencies(int dims, double theta, const YarnScaling& scaling) {
  SIROCCO_CHECK(dims > 0 && dims % 2 == 0);
  // The pair that makes so many turns within the original context.
  const auto pair_of = [&](double turns) {
    const double wavelength = double{scaling.original_context} / (turns * 2.0 * std::numbers::pi);
    return dims * std::log(wavelength) / (2.0 * std::log(theta));
  };
  double min_pair = pair_of(double{scaling.fast});
  double max_pair = pair_of(double{scaling.slow});
  if (scaling.truncate) {
    min_pair = std::floor(min_pair);
    max_pair = std::ceil(max_pair);
  }
  min_pair = std::max(min_pair, 0.0);
  max_pair = std::min(max_pair, dims - 1.0);
  if (min_pair == max_pair) max_pair += 0.001;
  std::vector<float> out(static_cast<std::size_t>(dims / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / dims);
    const double ramp =
        std::clamp((static_cast<double>(i) - min_pair) / (max_pair - min_pair), 0.0, 1.0);
    out[i] =
        static_cast<float>(frequency / double{scaling.factor} * ramp + frequency * (1.0 - ramp));
  }
  return out;
}

std::vector<float> divided(std::vector<float> frequencies, float factor) {
  for (float& f : frequencies) f /= factor;
  return frequencies;
}

std::vector<float> divided(std::vector<float> frequencies, const std::vector<float>& factors) {
  SIROCCO_CHECK(factors.size() == frequencies.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
  return frequencies;
}

}  // namespace sirocco
