#include <gmock/gmock.h>

#include <limits>

#include "sirocco/kernels/cpu/kernels_testing.hpp"

namespace sirocco {
namespace {

using namespace kernels_testing;

/// What a router makes of logits, in memory of its own.
struct Routed {
  Routed(std::int64_t tokens, const RouterSpec& spec, std::int64_t experts)
      : slots(spec.chosen),
        weights(static_cast<std::size_t>(tokens * slots), NAN),
        places(weights.size(), -1),
        tokens_of(weights.size(), -1),
        begin(static_cast<std::size_t>(experts + 1), -1) {}
  ExpertRows rows() {
    const std::int64_t pairs = std::ssize(weights);
    return {tensor_of(weights, {pairs / slots, slots}), tensor_of(places, {pairs / slots, slots}),
            tensor_of(tokens_of, {pairs}), tensor_of(begin, {std::ssize(begin)})};
  }
  /// The expert of a slot, told from the place of its row.
  int expert(std::int64_t token, std::int64_t slot) const {
    const std::int32_t place = places[static_cast<std::size_t>(token * slots + slot)];
    return static_cast<int>(std::upper_bound(begin.begin(), begin.end(), place) - begin.begin()) -
           1;
  }
  std::int64_t slots;
  std::vector<float> weights;
  std::vector<std::int32_t> places, tokens_of, begin;
};

Routed route(Backend& backend, const RouterSpec& spec, std::vector<float> logits,
             std::int64_t experts, std::vector<float> bias = {}) {
  const std::int64_t tokens = std::ssize(logits) / experts;
  Routed out(tokens, spec, experts);
  backend.route(spec, Out(tensor_of(logits, {tokens, experts})),
                bias.empty() ? Tensor() : tensor_of(bias, {experts}), Out(out.rows()));
  return out;
}

/// The same in double precision, straight from the words of RouterSpec.
struct Choice {
  std::vector<int> experts;
  std::vector<double> weights;
};
Choice exact(const RouterSpec& spec, const float* logits, int experts,
             const std::vector<float>& bias) {
  std::vector<double> scores(logits, logits + experts);
  if (spec.scoring == RouterScoring::kSoftmax) {
    double sum = 0;
    for (double& s : scores) sum += s = std::exp(s);
    for (double& s : scores) s /= sum;
  } else if (spec.scoring == RouterScoring::kSigmoid) {
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
  }
  std::vector<double> keys = scores;
  for (std::size_t e = 0; e < bias.size(); ++e) keys[e] += double{bias[e]};
  const auto best = [](const std::vector<double>& values, int count) {
    std::vector<int> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(count));
    return order;
  };
  const int width = experts / spec.groups;
  std::vector<double> groups;
  for (int g = 0; g < spec.groups; ++g) {
    const std::vector<double> members(keys.begin() + g * width, keys.begin() + (g + 1) * width);
    groups.push_back(0);
    for (const int e : best(members, spec.group_best))
      groups.back() += members[static_cast<std::size_t>(e)];
  }
  const std::vector<int> open = best(groups, spec.groups_chosen);
  for (int e = 0; e < experts; ++e)
    if (std::find(open.begin(), open.end(), e / width) == open.end())
      keys[static_cast<std::size_t>(e)] = -1e30;
  Choice choice{best(keys, spec.chosen), {}};
  double sum = 0;
  for (const int e : choice.experts) {
    const double score = scores[static_cast<std::size_t>(e)];
    choice.weights.push_back(spec.scoring == RouterScoring::kSoftmaxOfChosen ? std::exp(score)
                                                                             : score);
    sum += choice.weights.back();
  }
  const bool divide = spec.normalize || spec.scoring == RouterScoring::kSoftmaxOfChosen;
  for (double& w : choice.weights) w = (divide ? w / sum : w) * double{spec.scale};
  return choice;
}

const std::vector<RouterSpec> kSpecs = {
    {.chosen = 2},
    {.chosen = 3, .normalize = true},
    {.scoring = RouterScoring::kSoftmaxOfChosen, .chosen = 4},
    {.scoring = RouterScoring::kSigmoid, .chosen = 2, .normalize = true, .scale = 2.5f},
    {.chosen = 3, .groups = 4, .groups_chosen = 2, .scale = 16.0f},
    {.scoring = RouterScoring::kSigmoid,
     .chosen = 5,
     .groups = 6,
     .groups_chosen = 3,
     .group_best = 2,
     .normalize = true},
};

TEST(Routing, ChoosesTheBestAndWeighsThem) {
  Random random(21);
  for (const RouterSpec& spec : kSpecs) {
    for (const int experts : {12, 24, 36, 132}) {
      const std::int64_t tokens = 19;
      const std::vector<float> logits = random_floats(random, tokens * experts, 2.0f);
      for (const bool biased : {false, true}) {
        const auto bias = biased ? random_floats(random, experts, 0.3f) : std::vector<float>();
        TestBackend ref(Isa::kRef);
        const Routed expected = route(*ref, spec, logits, experts, bias);
        for (std::int64_t t = 0; t < tokens; ++t) {
          const Choice choice = exact(spec, logits.data() + t * experts, experts, bias);
          for (std::int64_t s = 0; s < spec.chosen; ++s) {
            const auto i = static_cast<std::size_t>(s);
            ASSERT_EQ(expected.expert(t, s), choice.experts[i]) << "token " << t << ", slot " << s;
            ASSERT_NEAR(expected.weights[static_cast<std::size_t>(t * spec.chosen + s)],
                        choice.weights[i], 2e-6 * double{spec.scale});
          }
        }
        for (const Isa isa : runnable_tiers()) {
          for (const int threads : {1, 3}) {
            TestBackend backend(isa, threads);
            const Routed other = route(*backend, spec, logits, experts, bias);
            ASSERT_TRUE(same_bits(other.weights, expected.weights)) << isa_name(isa);
            ASSERT_EQ(other.places, expected.places) << isa_name(isa);
          }
        }
      }
    }
  }
}

TEST(Routing, TiesGoToTheLowerNumberAndNothingIsChosenTwice) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const RouterSpec spec{.scoring = RouterScoring::kSoftmaxOfChosen, .chosen = 3};
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa);
    const Routed out = route(*backend, spec, {1, 2, 2, 1, 2, 2, /**/ 0, 0, 0, 0, 0, 0}, 6);
    for (const auto& [token, experts] :
         std::vector<std::pair<int, std::vector<int>>>{{0, {1, 2, 4}}, {1, {0, 1, 2}}})
      for (int s = 0; s < 3; ++s)
        EXPECT_EQ(out.expert(token, s), experts[static_cast<std::size_t>(s)]);
    // Whatever a broken model computes, rows stay within their bounds.
    for (const float odd : {NAN, -kInfinity, kInfinity}) {
      for (const RouterSpec& any : kSpecs) {
        const std::vector<float> logits(36 * 2, odd);
        Routed broken = route(*backend, any, logits, 36);
        std::vector<std::int32_t> places = broken.places;
        std::sort(places.begin(), places.end());
        for (std::size_t i = 0; i < places.size(); ++i)
          ASSERT_EQ(places[i], static_cast<std::int32_t>(i));
        for (int s = 1; s < any.chosen; ++s)
          for (int earlier = 0; earlier < s; ++earlier)
            ASSERT_NE(broken.expert(0, s), broken.expert(0, earlier));
      }
    }
  }
}

TEST(Routing, NansAreNotLostWithExpertsThatAreNotChosen) {
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa);
    for (const RouterSpec& spec : kSpecs) {
      for (const std::size_t at : {std::size_t{0}, std::size_t{17}, std::size_t{35}}) {
        std::vector<float> logits(36, 1.0f);
        logits[at] = NAN;
        const Routed out = route(*backend, spec, logits, 36);
        EXPECT_TRUE(std::ranges::any_of(out.weights, [](float w) { return std::isnan(w); })) << at;
      }
    }
  }
}

TEST(Routing, RowsAreGroupedByExpertAndThenByToken) {
  Random random(22);
  const RouterSpec spec{.chosen = 3};
  TestBackend backend(Isa::kRef);
  const Routed out = route(*backend, spec, random_floats(random, 40 * 9), 9);
  EXPECT_EQ(out.begin.front(), 0);
  EXPECT_EQ(out.begin.back(), 120);
  for (std::size_t i = 0; i < out.places.size(); ++i)
    EXPECT_EQ(out.tokens_of[static_cast<std::size_t>(out.places[i])],
              static_cast<std::int32_t>(i / 3));
  for (std::size_t e = 0; e + 1 < out.begin.size(); ++e)
    for (std::int32_t row = out.begin[e] + 1; row < out.begin[e + 1]; ++row)
      EXPECT_LT(out.tokens_of[static_cast<std::size_t>(row) - 1],
                out.tokens_of[static_cast<std::size_t>(row)]);
}

TEST(Experts, CombineSumsInSlotOrder) {
  Random random(23);
  for (const std::int64_t columns : {1, 16, 45, 1000}) {
    std::vector<float> x = random_floats(random, 12 * columns);
    std::vector<float> weights = random_floats(random, 12);
    std::vector<std::int32_t> places(12);
    std::iota(places.begin(), places.end(), 0);
    std::shuffle(places.begin(), places.end(), random);
    const ExpertRows rows{tensor_of(weights, {4, 3}), tensor_of(places, {4, 3}), Tensor(),
                          Tensor()};
    std::vector<float> expected(static_cast<std::size_t>(4 * columns));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto width = static_cast<std::size_t>(columns);
      for (std::size_t s = 0; s < 3; ++s) {
        const std::size_t slot = i / width * 3 + s;
        expected[i] =
            std::fma(weights[slot], x[static_cast<std::size_t>(places[slot]) * width + i % width],
                     expected[i]);
      }
    }
    for (const Isa isa : runnable_tiers()) {
      for (const int threads : {1, 3}) {
        TestBackend backend(isa, threads);
        std::vector<float> out(expected.size());
        backend->combine_experts(tensor_of(x, {12, columns}), rows,
                                 Out(tensor_of(out, {4, columns})));
        ASSERT_TRUE(same_bits(out, expected)) << isa_name(isa);
      }
    }
  }
}

/// One product of a single matrix.
std::vector<float> product(Backend& backend, const StoredMatrix& matrix, std::vector<float> input,
                           std::vector<float>& bias) {
  const std::int64_t tokens = std::ssize(input) / matrix.columns();
  const auto weight = backend.pack(matrix.stored());
  Q8Rows q8(backend, tokens, matrix.columns());
  const Activations x{tensor_of(input, {tokens, matrix.columns()}), q8.tensor()};
  backend.quantize(x.f32, Out(x.q8));
  std::vector<float> out(static_cast<std::size_t>(tokens * matrix.rows()));
  const LinearTarget target{weight.get(), tensor_of(bias, {matrix.rows()}),
                            Out(tensor_of(out, {tokens, matrix.rows()}))};
  backend.linear(x, {&target, 1});
  return out;
}

class Stack : public ::testing::TestWithParam<const Format*> {};

// Experts without rows, with one, and with more than go together.
TEST_P(Stack, ProductsAreThoseOfItsMatrices) {
  const Format& format = *GetParam();
  Random random(24);
  const std::int64_t columns = format.block_elements == 1 ? 37 : 256;
  const std::int64_t rows = 21;
  std::vector<StoredMatrix> matrices;
  std::vector<StoredTensor> stored;
  for (int e = 0; e < 5; ++e) matrices.emplace_back(format, rows, columns, random);
  for (const StoredMatrix& m : matrices) stored.push_back(m.stored());
  std::vector<std::int32_t> begin = {0, 3, 3, 4, 70, 91};
  const std::int64_t count = begin.back();
  std::vector<float> input = random_floats(random, count * columns);
  std::vector<float> bias = random_floats(random, 5 * rows);

  const auto one_by_one = [&](TestBackend oracle) {
    std::vector<float> results;
    for (std::size_t e = 0; e < matrices.size(); ++e) {
      if (begin[e] == begin[e + 1]) continue;
      const std::vector<float> mine(input.begin() + begin[e] * columns,
                                    input.begin() + begin[e + 1] * columns);
      const auto first = bias.begin() + static_cast<std::ptrdiff_t>(e) * rows;
      std::vector<float> mine_bias(first, first + rows);
      const std::vector<float> out = product(*oracle, matrices[e], mine, mine_bias);
      results.insert(results.end(), out.begin(), out.end());
    }
    return results;
  };
  for (const Isa isa : runnable_tiers()) {
    const std::vector<float> expected = one_by_one(TestBackend::oracle(isa));
    for (const int threads : {1, 3}) {
      TestBackend backend(isa, threads);
      const auto stack = backend->pack_stack(stored);
      EXPECT_EQ(stack->matrices(), 5);
      EXPECT_EQ(stack->rows(), rows);
      EXPECT_EQ(stack->columns(), columns);
      Q8Rows q8(*backend, count, columns);
      const Activations x{tensor_of(input, {count, columns}), q8.tensor()};
      backend->quantize(x.f32, Out(x.q8));
      std::vector<float> out(expected.size()), again(expected.size());
      const std::array targets = {
          StackTarget{stack.get(), tensor_of(bias, {5, rows}), Out(tensor_of(out, {count, rows}))},
          StackTarget{stack.get(), tensor_of(bias, {5, rows}),
                      Out(tensor_of(again, {count, rows}))}};
      backend->expert_linear(x, tensor_of(begin, {6}), targets);
      ASSERT_TRUE(same_bits(out, expected)) << isa_name(isa) << ", " << threads;
      ASSERT_TRUE(same_bits(again, expected)) << isa_name(isa) << ", " << threads;
    }
  }
}

TEST_P(Stack, GatedIsTheProductsAndThenTheGate) {
  const Format& format = *GetParam();
  Random random(26);
  const std::int64_t columns = format.block_elements == 1 ? 37 : 256;
  const std::int64_t rows = 53;
  std::vector<StoredMatrix> matrices;
  std::vector<StoredTensor> gates, ups;
  for (int e = 0; e < 10; ++e) matrices.emplace_back(format, rows, columns, random);
  for (std::size_t e = 0; e < 5; ++e) {
    gates.push_back(matrices[e].stored());
    ups.push_back(matrices[e + 5].stored());
  }
  std::vector<std::int32_t> begin = {0, 3, 3, 4, 70, 91};
  const std::int64_t count = begin.back();
  std::vector<float> input = random_floats(random, count * columns);
  std::vector<float> gate_bias = random_floats(random, 5 * rows);
  std::vector<float> up_bias = random_floats(random, 5 * rows);
  for (const Isa isa : runnable_tiers()) {
    TestBackend backend(isa, 3);
    const auto gate = backend->pack_stack(gates);
    const auto up = backend->pack_stack(ups);
    Q8Rows q8(*backend, count, columns);
    const Activations x{tensor_of(input, {count, columns}), q8.tensor()};
    backend->quantize(x.f32, Out(x.q8));
    std::vector<float> expected(static_cast<std::size_t>(count * rows));
    std::vector<float> ups_out(expected.size()), out(expected.size());
    backend->expert_linear(x, tensor_of(begin, {6}),
                           std::array{StackTarget{gate.get(), tensor_of(gate_bias, {5, rows}),
                                                  Out(tensor_of(expected, {count, rows}))},
                                      StackTarget{up.get(), tensor_of(up_bias, {5, rows}),
                                                  Out(tensor_of(ups_out, {count, rows}))}});
    backend->gate(GateActivation::kClampedSwish, tensor_of(expected, {count, rows}),
                  tensor_of(ups_out, {count, rows}),
                  Out(Activations{tensor_of(expected, {count, rows}), {}}));
    backend->gated_expert_linear(
        x, tensor_of(begin, {6}),
        {gate.get(), tensor_of(gate_bias, {5, rows}), up.get(), tensor_of(up_bias, {5, rows}),
         GateActivation::kClampedSwish, Out(Activations{tensor_of(out, {count, rows}), {}})});
    ASSERT_TRUE(same_bits(out, expected)) << isa_name(isa);
  }
}

TEST_P(Stack, HeadsHaveAMatrixEach) {
  const Format& format = *GetParam();
  Random random(25);
  const std::int64_t columns = format.block_elements == 1 ? 37 : 256;
  const std::int64_t rows = 21;
  const std::int64_t heads = 3;
  const std::int64_t tokens = 50;
  std::vector<StoredMatrix> matrices;
  std::vector<StoredTensor> stored;
  for (int h = 0; h < heads; ++h) matrices.emplace_back(format, rows, columns, random);
  for (const StoredMatrix& m : matrices) stored.push_back(m.stored());
  std::vector<float> input = random_floats(random, tokens * heads * columns);
  std::vector<float> bias = random_floats(random, heads * rows);
  // Results stand in columns 2 to 22 of 25; the others stay as they are.
  const std::int64_t width = 25;
  const auto one_by_one = [&](TestBackend oracle) {
    std::vector<float> results(static_cast<std::size_t>(tokens * heads * width), -7.0f);
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<float> mine;
      for (std::int64_t t = 0; t < tokens; ++t) {
        const auto row = input.begin() + (t * heads + h) * columns;
        mine.insert(mine.end(), row, row + columns);
      }
      std::vector<float> mine_bias(bias.begin() + h * rows, bias.begin() + (h + 1) * rows);
      const std::vector<float> out =
          product(*oracle, matrices[static_cast<std::size_t>(h)], mine, mine_bias);
      for (std::int64_t t = 0; t < tokens; ++t)
        std::copy_n(out.begin() + t * rows, rows, results.begin() + (t * heads + h) * width + 2);
    }
    return results;
  };
  for (const Isa isa : runnable_tiers()) {
    const std::vector<float> expected = one_by_one(TestBackend::oracle(isa));
    for (const int threads : {1, 3}) {
      TestBackend backend(isa, threads);
      const auto stack = backend->pack_stack(stored);
      Q8Rows q8(*backend, tokens * heads, columns);
      const Activations x{tensor_of(input, {tokens * heads, columns}), q8.tensor()};
      backend->quantize(x.f32, Out(x.q8));
      std::vector<float> out(expected.size(), -7.0f);
      backend->head_linear(x,
                           {stack.get(), tensor_of(bias, {heads, rows}),
                            Out(tensor_of(out, {tokens * heads, width}))},
                           2);
      ASSERT_TRUE(same_bits(out, expected)) << isa_name(isa) << ", " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Stack, ::testing::ValuesIn([] {
                           std::vector<const Format*> all;
                           for (const Format& format : formats()) all.push_back(&format);
                           return all;
                         }()),
                         [](const auto& format) { return std::string(format.param->name); });

TEST(Columns, AreCopied) {
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  std::vector<float> out(8);
  TestBackend backend(Isa::kRef);
  backend->copy_columns(tensor_of(x, {2, 3}), 1, 2, Out(tensor_of(out, {2, 4})), 1);
  EXPECT_THAT(out, ::testing::ElementsAre(0, 2, 3, 0, 0, 5, 6, 0));
}

TEST(Experts, RowsOfEveryTypeAreGathered) {
  std::vector<std::uint8_t> x = {1, 2, 3, 4, 5, 6};
  std::vector<std::uint8_t> out(8);
  std::vector<std::int32_t> rows = {2, 0, 2, 1};
  TestBackend backend(Isa::kRef);
  backend->gather_rows(tensor_of(x, {3, 2}), tensor_of(rows, {4}), Out(tensor_of(out, {4, 2})));
  EXPECT_THAT(out, ::testing::ElementsAre(5, 6, 1, 2, 5, 6, 3, 4));
}

}  // namespace
}  // namespace sirocco
