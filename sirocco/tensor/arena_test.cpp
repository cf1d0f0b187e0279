#include "sirocco/tensor/arena.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(Arena, ScopesGiveBackAndTensorsDoNotOverlap) {
  Arena arena;
  const Tensor kept = arena.tensor(DType::kF32, {3, 5});
  float* inner = nullptr;
  {
    Arena::Scope scope(arena);
    inner = arena.tensor(DType::kF32, {7}).as<float>();
    EXPECT_GE(inner, kept.as<float>() + 15);
  }
  EXPECT_EQ(arena.tensor(DType::kF32, {7}).as<float>(), inner);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(inner) % 64, 0u);
}

TEST(Arena, GrowsOnceForTheSameSteps) {
  Arena arena;
  const auto step = [&] {
    for (int i = 0; i < 10; ++i)
      arena.tensor(DType::kF32, {1 << 18}).as<float>()[(1 << 18) - 1] = 1;
    arena.reset();
  };
  step();
  const std::size_t capacity = arena.capacity();
  step();
  EXPECT_EQ(arena.capacity(), capacity);
}

TEST(Arena, ALedgerCountsWhatItHolds) {
  ByteLedger ledger(1 << 20);
  {
    Arena arena(&ledger);
    EXPECT_EQ(ledger.in_use(), 0u);
    // More than the budget: a step that has begun gets its memory.
    arena.tensor(DType::kF32, {1 << 19});
    arena.tensor(DType::kF32, {1 << 20});
    EXPECT_EQ(ledger.in_use(), arena.capacity());
    arena.reset();
    EXPECT_EQ(ledger.in_use(), arena.capacity());
    EXPECT_EQ(ledger.accounts().front().name, "scratch memory");
  }
  EXPECT_EQ(ledger.in_use(), 0u);
}

TEST(Tensor, SlicesRows) {
  Arena arena;
  const Tensor t = arena.tensor(DType::kF32, {4, 2, 3});
  EXPECT_EQ(t.columns(), 6);
  EXPECT_EQ(t.slice_rows(1, 2).as<float>(), t.as<float>() + 6);
  EXPECT_EQ(t.slice_rows(1, 2).shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(t.reshaped({8, 3}).rows(), 8);
}

}  // namespace
}  // namespace sirocco
