#pragma once

#include <rapidcheck.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/shape_testing.hpp"

namespace sirocco::openai_testing {

using shape_testing::as_utf8;
using shape_testing::expect_shape;
using shape_testing::Json;
using shape_testing::kTimings;

inline const Json kChance = Json::parse(
    R"({"token": "string", "id": "integer", "logprob": "number|null", "bytes": ["integer"]})");

inline Json with(Json shape, const std::string& name, const Json& inner) {
  shape[name] = inner;
  return shape;
}

struct Random {
  AnswerHead head;
  std::vector<Choice> choices;
  AnswerTotals totals;
  bool log_probabilities = false;
};

inline TokenChance random_chance() {
  const auto bits = *rc::gen::arbitrary<std::uint32_t>();
  const auto bytes = *rc::gen::arbitrary<std::string>();
  const bool known = bits % 8 != 0;
  return {TokenId(static_cast<std::int32_t>(bits >> 1)), bytes,
          known ? std::optional(std::bit_cast<float>(bits)) : std::nullopt};
}

inline Random random_answer() {
  Random out;
  out.head = {*rc::gen::arbitrary<std::string>(), *rc::gen::arbitrary<std::int64_t>(),
              *rc::gen::arbitrary<std::string>(), "fp"};
  out.log_probabilities = *rc::gen::arbitrary<bool>();
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) {
    Choice one;
    one.whole.text = *rc::gen::arbitrary<std::string>();
    const int tokens = *rc::gen::inRange(0, 4);
    for (int k = 0; k < tokens; ++k) {
      one.whole.tokens.push_back({random_chance(), {random_chance(), random_chance()}});
    }
    one.finish = *rc::gen::arbitrary<bool>() ? Finish::kStop : Finish::kLength;
    out.choices.push_back(std::move(one));
  }
  out.totals = shape_testing::random_totals();
  return out;
}

}  // namespace sirocco::openai_testing
