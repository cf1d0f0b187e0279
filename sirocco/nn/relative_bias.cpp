#include "sirocco/nn/relative_bias.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::int32_t kMargin = 15;  // elements at either end that equal the one before them
constexpr std::int64_t kMaxElements = std::int64_t{1} << 24;

std::int32_t half_of(const RelativeBuckets& buckets) { return buckets.count / 2; }
/// Buckets of one distance each, of either half.
std::int32_t exact_of(const RelativeBuckets& buckets) { return half_of(buckets) / 2; }

void check(const RelativeBuckets& buckets, std::int32_t heads, std::size_t found) {
  if (buckets.count < 4 || buckets.max_distance <= exact_of(buckets)) {
    throw InvalidArgument(
        "relative bias: {} buckets of distances up to {}; there must be four of them at least, and "
        "distances must go beyond a quarter of their number",
        buckets.count, buckets.max_distance);
  }
  const std::int64_t expected = std::int64_t{buckets.count} * heads;
  if (heads < 1 || std::cmp_not_equal(found, expected)) {
    throw InvalidArgument("relative bias: {} elements for {} buckets of {} heads", found,
                          buckets.count, heads);
  }
  const std::int64_t width = 2 * (std::int64_t{buckets.max_distance} + kMargin) + 1;
  if (width > kMaxElements / heads) {
    throw InvalidArgument(
        "relative bias: {} heads of distances up to {} make more than {} elements", heads,
        buckets.max_distance, kMaxElements);
  }
}

}  // namespace

std::int32_t RelativeBuckets::bucket(std::int64_t distance) const {
  const std::int32_t half = half_of(*this);
  const std::int32_t exact = exact_of(*this);
  const std::int32_t first = distance > 0 ? half : 0;
  const std::int64_t apart = std::abs(distance);
  if (apart < exact) return first + static_cast<std::int32_t>(apart);
  // The logarithm of a float32, rounded to the next one whatever the library's is like.
  const auto logarithm = [](double x) { return static_cast<float>(std::log(x)); };
  const float growth = logarithm(static_cast<float>(apart) / static_cast<float>(exact)) /
                       logarithm(static_cast<double>(max_distance) / exact) *
                       static_cast<float>(half - exact);
  const float last = static_cast<float>(half - exact - 1);
  return first + exact + static_cast<std::int32_t>(std::min(growth, last));
}

RelativeBias::RelativeBias(const RelativeBuckets& buckets, std::int32_t heads,
                           std::span<const float> by_bucket)
    : heads_(heads) {
  check(buckets, heads, by_bucket.size());
  std::int64_t reach = exact_of(buckets);
  while (buckets.bucket(reach) != buckets.bucket(buckets.max_distance)) ++reach;
  reach += kMargin;
  std::vector<float> by_distance;
  by_distance.reserve(static_cast<std::size_t>((2 * reach + 1) * heads));
  for (std::int32_t h = 0; h < heads; ++h) {
    for (std::int64_t d = -reach; d <= reach; ++d)
      by_distance.push_back(
          by_bucket[static_cast<std::size_t>(std::int64_t{buckets.bucket(d)} * heads + h)]);
  }
  by_distance_ = WeightVector(std::move(by_distance));
}

}  // namespace sirocco
