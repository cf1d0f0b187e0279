#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/nn/attention.hpp"

/// What the tests of attention with rows of all kinds share.
namespace sirocco::nn_testing {

using namespace kernels_testing;

inline constexpr std::int64_t kWidth = 24;

/// An attention's projections, of rows of kWidth, as they are stored.
struct Weights {
  AttentionConfig config;
  std::vector<float> q, k, v, o;
};

/// `encoded` is the width of the rows that keys and values are made from.
inline Weights random_weights(Random& random, const AttentionConfig& c,
                              std::int64_t encoded = kWidth) {
  const std::int64_t heads = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  return {c, random_floats(random, heads * kWidth, 0.2f), random_floats(random, kv * encoded, 0.2f),
          random_floats(random, kv * encoded, 0.2f), random_floats(random, kWidth * heads, 0.1f)};
}

inline Linear linear_of(Backend& backend, const std::vector<float>& values, std::int64_t inputs) {
  return Linear(backend.pack({"w",
                              find_format(FormatId::kF32),
                              {std::ssize(values) / inputs, inputs},
                              std::as_bytes(std::span(values))}));
}

/// x · weightᵀ in double precision.
inline std::vector<double> product(const std::vector<double>& x, const std::vector<float>& weight,
                                   std::int64_t inputs) {
  const auto width = static_cast<std::size_t>(inputs);
  std::vector<double> out;
  for (std::size_t row = 0; row < x.size(); row += width)
    for (std::size_t w = 0; w < weight.size(); w += width)
      out.push_back(std::inner_product(x.begin() + static_cast<std::ptrdiff_t>(row),
                                       x.begin() + static_cast<std::ptrdiff_t>(row + width),
                                       weight.begin() + static_cast<std::ptrdiff_t>(w), 0.0));
  return out;
}

/// Softmax attention in double precision of queries [T, H, E] to keys and values [R, K, E], and the
/// output projection; `visible(t, u)` says whether query t sees key u.
template <class Visible>
std::vector<double> exact_attention(const Weights& w, const std::vector<double>& q,
                                    const std::vector<double>& k, const std::vector<double>& v,
                                    Visible visible) {
  const auto dim = static_cast<std::size_t>(w.config.head_dim);
  const auto heads = static_cast<std::size_t>(w.config.heads);
  const auto kv_heads = static_cast<std::size_t>(w.config.kv_heads);
  std::vector<double> mixed(q.size());
  for (std::size_t t = 0; t < q.size() / (heads * dim); ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      const double* query = q.data() + (t * heads + h) * dim;
      double* sum = mixed.data() + (t * heads + h) * dim;
      double total = 0;
      for (std::size_t j = 0; j < k.size() / (kv_heads * dim); ++j) {
        if (!visible(t, j)) continue;
        const std::size_t at = (j * kv_heads + h / (heads / kv_heads)) * dim;
        const double score = std::inner_product(query, query + dim, k.data() + at, 0.0);
        const double p = std::exp(score / std::sqrt(static_cast<double>(dim)));
        total += p;
        for (std::size_t d = 0; d < dim; ++d) sum[d] += p * v[at + d];
      }
      for (std::size_t d = 0; d < dim; ++d) sum[d] /= total;
    }
  }
  return product(mixed, w.o, static_cast<std::int64_t>(heads * dim));
}

inline void expect_near(const std::vector<float>& out, const std::vector<double>& want) {
  ASSERT_EQ(out.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(out[i], want[i], 2e-5) << "row " << i / kWidth;
}

}  // namespace sirocco::nn_testing
