#include "sirocco/server/model_figures.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(ModelFigures, AddUpWhatJobsTook) {
  ModelFigures figures{.model = "m", .jobs = 2, .prompt_tokens = 30};
  figures.add_end(FinishReason::kStop, 16, {.queued_s = 0.5, .first_s = 1, .rest_s = 9});
  figures.add_end(FinishReason::kLength, 4, {.queued_s = 2, .first_s = 0.25, .rest_s = 1});
  EXPECT_EQ(figures.cached_tokens, 20);
  EXPECT_EQ(figures.queued_s, 2);
  EXPECT_EQ(figures.first_s, 2.25);
  EXPECT_EQ(figures.reason(), FinishReason::kLength);
}

TEST(ModelFigures, TellTheWorstEnd) {
  using enum FinishReason;
  for (const FinishReason reason : {kStop, kLength, kContextFull, kTimeLimit, kCancelled}) {
    EXPECT_EQ(worse(reason, kStop), reason);
    EXPECT_EQ(worse(kFailed, reason), kFailed);
  }
  ModelFigures figures{.model = "m", .jobs = 3};
  EXPECT_EQ(figures.reason(), kCancelled) << "nobody waited for it";
  figures.add_end(kStop, 0, {});
  EXPECT_EQ(figures.reason(), kCancelled);
  figures.add_end(kFailed, 0, {});
  EXPECT_EQ(figures.reason(), kFailed);
  figures.add_end(kStop, 0, {});
  EXPECT_EQ(figures.reason(), kFailed);
}

}  // namespace
}  // namespace sirocco
