#include "sirocco/models/weight_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;

class FakeWeights final : public WeightSource {
 public:
  /// Element i of the tensor is first + i.
  void add(std::string name, const Shape& shape, float first) {
    names_.push_back(std::move(name));
    std::vector<float>& values = values_.emplace_back(static_cast<std::size_t>(shape.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i);
    all_.push_back({names_.back(), find_format(FormatId::kF32), shape,
                    std::as_bytes(std::span<const float>(values))});
  }
  std::vector<StoredTensor>& all() { return all_; }

  std::span<const StoredTensor> tensors() const override { return all_; }
  const StoredTensor* find(std::string_view name) const override {
    for (const StoredTensor& t : all_)
      if (t.name == name) return &t;
    return nullptr;
  }
  void release(const StoredTensor&) const override {}
  std::string_view origin() const override { return "fake.gguf"; }

 private:
  std::deque<std::string> names_;
  std::deque<std::vector<float>> values_;
  std::vector<StoredTensor> all_;
};

class Loading : public ::testing::Test {
 protected:
  /// What `product` gives of two rows of two in a step, as floats.
  template <class Product>
  std::vector<float> in_a_step(std::vector<float> x, Product product) {
    const StepRows rows{{{SequenceId(1), Position(0), 2}}, {}};
    StepMemory memory;
    TransformContext context(*backend_, memory, rows, {});
    const auto out =
        backend_->read(product({.f32 = {DType::kF32, {2, 2}, x.data()}, .q8 = {}}, context));
    return {out.begin(), out.end()};
  }
  /// The product of a row of ones with each of two experts [3, 2].
  std::vector<float> sums(const StackLinear& linear) {
    std::vector<std::int32_t> begin = {0, 1, 2};
    const ExpertRows rows{
        .weights = {}, .places = {}, .tokens = {}, .begin = {DType::kI32, {3}, begin.data()}};
    return in_a_step({1, 1, 1, 1}, [&](const Activations& x, TransformContext& context) {
      return linear.forward_experts(x, rows, context);
    });
  }

  FakeWeights weights_;
  ThreadGroup threads_{1};
  std::unique_ptr<Backend> backend_ = make_cpu_backend(Isa::kRef, threads_);
};

/// As other frameworks' converters leave them.
TEST_F(Loading, VectorsMayBeOneRowOrOneColumn) {
  weights_.add("line", {3}, 1.0f);
  weights_.add("column", {3, 1}, 1.0f);
  weights_.add("row", {1, 1, 3}, 1.0f);
  weights_.add("square", {2, 2}, 1.0f);
  weights_.add("qkv.bias", {1, 5}, 1.0f);
  WeightLoader loader(weights_, *backend_, {});
  for (const char* name : {"line", "column", "row"})
    EXPECT_THAT(loader.floats(name, 3), ElementsAre(1, 2, 3)) << name;
  EXPECT_THROW(loader.floats("column", 2), FormatError);
  EXPECT_THROW(loader.floats("square", 4), FormatError);
  // A matrix is what it is.
  EXPECT_THROW(loader.matrix("column", 1, 3), FormatError);
  loader.split("qkv", {{"q", 2}, {"kv", 3}});
  EXPECT_THAT(loader.floats("q.bias", 2), ElementsAre(1, 2));
  EXPECT_THAT(loader.floats("kv.bias", 3), ElementsAre(3, 4, 5));
}

/// Rows of -0, -1, -2, …, whatever file they might come from.
class NegativeRows final : public MadeRows {
 public:
  void read(std::int64_t, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(-(column + i));
      std::memcpy(out + i * static_cast<std::int64_t>(sizeof value), &value, sizeof value);
    }
  }
};

TEST_F(Loading, VectorsThatAreMadeAreCutToo) {
  const NegativeRows rows;
  weights_.all().push_back({"qkv.bias", find_format(FormatId::kF32), {4}, {}, &rows});
  WeightLoader loader(weights_, *backend_, {});
  loader.split("qkv", {{"q", 1}, {"kv", 3}});
  EXPECT_THAT(loader.floats("q.bias", 1), ElementsAre(0));
  EXPECT_THAT(loader.floats("kv.bias", 3), ElementsAre(-1, -2, -3));
}

TEST_F(Loading, ExpertsComeAsOneTensorOrAsOneEach) {
  weights_.add("a_exps.weight", {2, 3, 2}, 0.0f);
  weights_.add("b.0.weight", {3, 2}, 0.0f);
  weights_.add("b.1.weight", {3, 2}, 6.0f);
  WeightLoader loader(weights_, *backend_, {});
  EXPECT_THAT(sums(loader.experts("a", 2, 3, 2)), ::testing::ElementsAre(1, 5, 9, 13, 17, 21));
  EXPECT_THAT(sums(loader.experts("b", 2, 3, 2)), ::testing::ElementsAre(1, 5, 9, 13, 17, 21));
}

TEST_F(Loading, ASplitStackHoldsTheUpperRowsTransposed) {
  // Two parts of two and three rows over two inputs.
  weights_.add("kv", {10, 2}, 0.0f);
  WeightLoader loader(weights_, *backend_, {});
  const auto [upper, lower] = loader.split_stack("kv", 2, 2, 3, 2);
  EXPECT_EQ(upper.outputs(), 2);
  EXPECT_EQ(upper.inputs(), 2);
  EXPECT_THAT(sums(lower), ::testing::ElementsAre(9, 13, 17, 29, 33, 37));
  const auto columns_of = [&stack = upper](const Activations& x, TransformContext& context) {
    const Tensor heads = context.scratch().tensor(DType::kF32, {2, 2});
    stack.forward_heads(x, Out(heads), 0, context);
    return heads;
  };
  // Of [[0, 1], [2, 3]] the first row, of [[10, 11], [12, 13]] the second.
  EXPECT_THAT(in_a_step({1, 0, 0, 1}, columns_of), ElementsAre(0, 1, 12, 13));
}

TEST_F(Loading, EveryExpertHasItsBias) {
  weights_.add("a_exps.weight", {2, 3, 2}, 0.0f);
  weights_.add("a_exps.bias", {2, 3}, 100.0f);
  WeightLoader loader(weights_, *backend_, {});
  EXPECT_THAT(sums(loader.experts("a", 2, 3, 2)),
              ::testing::ElementsAre(101, 106, 111, 116, 121, 126));
}

TEST_F(Loading, TensorsThatNobodyReadAreNamed) {
  weights_.add("a.qkv.weight", {3, 2}, 0.0f);
  weights_.add("a.qkv.bias", {3}, 0.0f);
  weights_.add("a.o.weight", {2, 2}, 0.0f);
  weights_.add("a.norm", {2}, 0.0f);
  weights_.add("b.norm", {2}, 0.0f);
  WeightLoader loader(weights_, *backend_, {});
  const auto unread = [&](std::string_view begin) -> std::string {
    try {
      loader.expect_all_read(begin, "toy");
    } catch (const UnsupportedError& e) {
      return e.what();
    }
    return "";
  };
  loader.split("a.qkv", {{"a.q", 1}, {"a.k", 2}});
  loader.linear("a.q", 1, 2);
  loader.linear("a.o", 2, 2);
  EXPECT_THAT(unread("a."), ::testing::HasSubstr("'a.norm' isn't known to architecture toy"));
  loader.vector("a.norm", 2);
  EXPECT_EQ(unread("a."), "");
  EXPECT_THAT(unread(""), ::testing::HasSubstr("'b.norm'"));
  // One that the part of another stands for isn't read by its name.
  weights_.add("a.k.weight", {2, 2}, 0.0f);
  loader.linear("a.k", 2, 2);
  EXPECT_THAT(unread("a."), ::testing::HasSubstr("'a.k.weight'"));
}

TEST_F(Loading, ExpertsThatAreMissingOrDifferAreNamed) {
  weights_.add("b.0.weight", {3, 2}, 0.0f);
  weights_.add("b.1.weight", {3, 2}, 0.0f);
  weights_.all().back().format = find_format(FormatId::kF16);
  WeightLoader loader(weights_, *backend_, {});
  const auto message = [&](std::int64_t experts) {
    try {
      loader.experts("b", experts, 3, 2);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(message(2), ::testing::HasSubstr("'b.0.weight' and 'b.1.weight' are of different"));
  weights_.all().back().format = find_format(FormatId::kF32);
  EXPECT_THAT(message(3), ::testing::HasSubstr("'b.2.weight' is missing"));
}

}  // namespace
}  // namespace sirocco
