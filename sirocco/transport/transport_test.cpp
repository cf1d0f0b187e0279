#include "sirocco/transport/transport.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/connected_ends_testing.hpp"
#include "sirocco/transport/frames_testing.hpp"

namespace sirocco {
namespace {

// What every transport promises.
template <class T>
class TransportTest : public testing::Test {};
using Transports = testing::Types<LocalTransport, WiredTransport>;
TYPED_TEST_SUITE(TransportTest, Transports);

TYPED_TEST(TransportTest, FramesComeInOrder) {
  ConnectedEnds<TypeParam> ends(3);
  EXPECT_EQ(ends[2].stage(), 2);
  EXPECT_EQ(ends[2].stages(), 3);
  EXPECT_FALSE(ends[2].receive(0));
  ends[0].send(2, numbered_frame(1, 100));
  ends[0].send(2, numbered_frame(2));
  EXPECT_EQ(ends[2].receive(kLong)->frame, numbered_frame(1, 100));
  const std::optional<Received> second = ends[2].receive(kLong);
  EXPECT_EQ(second->from, 0);
  EXPECT_EQ(second->frame, numbered_frame(2));
  EXPECT_FALSE(ends[2].receive(0));
  ends[1].send(0, numbered_frame(3));
  EXPECT_EQ(ends[0].receive(kLong)->from, 1);
}

TYPED_TEST(TransportTest, FramesOfEveryKindCome) {
  ConnectedEnds<TypeParam> ends(2);
  for (int kind = 0; kind < kFrameKinds; ++kind) {
    Frame frame = numbered_frame(static_cast<std::uint64_t>(kind));
    frame.header.kind = static_cast<FrameKind>(kind);
    if (!is_for_sending(frame.header.kind)) continue;
    ends[1].send(0, frame);
    const std::optional<Received> received = ends[0].receive(kLong);
    ASSERT_TRUE(received) << frame_kind_name(frame.header.kind);
    EXPECT_EQ(received->frame, frame);
  }
}

TYPED_TEST(TransportTest, WhatTheOtherEndWouldRefuseIsRefused) {
  ConnectedEnds<TypeParam> ends(2, {.max_payload = 10});
  EXPECT_THROW(ends[0].send(1, numbered_frame(1, 11)), InvalidArgument);
  Frame activation = numbered_frame(1, 8);
  activation.header.kind = FrameKind::kActivation;
  EXPECT_THROW(ends[0].send(1, std::move(activation)), InvalidArgument);
  ends[0].send(1, numbered_frame(2));
  EXPECT_EQ(ends[1].receive(kLong)->frame, numbered_frame(2));
}

TYPED_TEST(TransportTest, ASenderWaitsForRoomAtALaterStage) {
  constexpr std::uint64_t kFrames = 1000;
  constexpr std::uint64_t kWindow = 3;  // frames
  ConnectedEnds<TypeParam> ends(2, {.max_on_the_way = kWindow * kFrameHeaderBytes});
  std::atomic<std::uint64_t> sent = 0;
  std::thread sender([&] {
    for (std::uint64_t step = 0; step < kFrames; ++step) {
      ends[0].send(1, numbered_frame(step));
      sent.fetch_add(1);
    }
  });
  bool within = true;
  for (std::uint64_t step = 0; step < kFrames; ++step) {
    EXPECT_EQ(ends[1].receive(kLong)->frame.header.step, step);
    within = within && sent.load() <= step + 1 + kWindow;
  }
  sender.join();
  EXPECT_TRUE(within);
}

// Each has more to send than may be on the way, and receives only then.
TYPED_TEST(TransportTest, EndsThatSendToEachOtherDoNotWaitForEachOther) {
  constexpr int kStages = 3;
  constexpr std::uint64_t kFrames = 50;
  ConnectedEnds<TypeParam> ends(kStages, {.max_on_the_way = 2 * kFrameHeaderBytes});
  std::vector<std::thread> threads;
  for (int stage = 0; stage < kStages; ++stage) {
    threads.emplace_back([&end = ends[stage]] {
      for (std::uint64_t step = 0; step < kFrames; ++step)
        for (int to = 0; to < kStages; ++to)
          if (to != end.stage()) end.send(to, numbered_frame(step, 1000));
      std::vector<std::uint64_t> next(kStages);
      for (std::uint64_t i = 0; i < kFrames * (kStages - 1); ++i) {
        const std::optional<Received> received = end.receive(kLong);
        const auto from = static_cast<std::size_t>(received->from);
        EXPECT_EQ(received->frame, numbered_frame(next[from]++, 1000));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(TransportTest, SeveralThreadsSendToOneStage) {
  constexpr std::uint64_t kFrames = 200;
  ConnectedEnds<TypeParam> ends(2, {.max_on_the_way = 5 * kFrameHeaderBytes});
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&ends, thread] {
      for (std::uint64_t i = 0; i < kFrames; ++i)
        ends[0].send(1, numbered_frame(thread * kFrames + i));
    });
  }
  std::vector<std::uint64_t> next = {0, 0, 0, 0};
  for (std::uint64_t i = 0; i < 4 * kFrames; ++i) {
    const std::uint64_t step = ends[1].receive(kLong)->frame.header.step;
    EXPECT_EQ(step % kFrames, next[step / kFrames]++);
  }
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(TransportTest, ALostStageIsNoticedWhenWhatItSentWasTaken) {
  ConnectedEnds<TypeParam> ends(3);
  ends[1].send(0, numbered_frame(1));
  EXPECT_EQ(ends[0].receive(kLong)->frame, numbered_frame(1));
  ends[1].fail("the disk\n is full");
  ends[1].shutdown();  // too late
  const std::string expected = "stage 1 is lost: it gave up: 'the disk\\x0a is full'";
  EXPECT_EQ(loss_at(ends[0]), expected);
  EXPECT_EQ(loss_at(ends[2]), expected);
  EXPECT_EQ(loss_at(ends[0]), expected);
  EXPECT_EQ(loss([&] { ends[0].send(1, numbered_frame(3)); }), expected);
  EXPECT_NO_THROW(ends[0].send(2, numbered_frame(3)));
}

TYPED_TEST(TransportTest, AnEndThatGoesAwayHasFailed) {
  ConnectedEnds<TypeParam> ends(2);
  std::thread worker([end = std::move(ends[1])]() mutable { const auto mine = std::move(end); });
  worker.join();
  EXPECT_EQ(loss_at(ends[0]), "stage 1 is lost: it gave up: 'it ended without shutting down'");
  ends.forget(1);
}

TYPED_TEST(TransportTest, WhoWaitsIsToldOfALoss) {
  for (const int lost : {1, 2}) {
    ConnectedEnds<TypeParam> ends(3);
    auto receiving = std::async(std::launch::async, [&] { return loss_at(ends[0]); });
    ends[lost].fail("it had to");
    EXPECT_EQ(receiving.get(), fmt::format("stage {} is lost: it gave up: 'it had to'", lost));
  }
  for (const int lost : {1, 2}) {
    ConnectedEnds<TypeParam> ends(3, {.max_on_the_way = 1});
    ends[0].send(1, numbered_frame(1));
    auto sending = std::async(std::launch::async,
                              [&] { return loss([&] { ends[0].send(1, numbered_frame(2)); }); });
    ends[lost].fail("it had to");
    EXPECT_EQ(sending.get(), fmt::format("stage {} is lost: it gave up: 'it had to'", lost));
  }
}

TYPED_TEST(TransportTest, AnEndThatIsOverFreesItsOwnThreads) {
  ConnectedEnds<TypeParam> ends(2, {.max_on_the_way = 1});
  ends[0].send(1, numbered_frame(1));
  auto sending = std::async(std::launch::async,
                            [&] { return loss([&] { ends[0].send(1, numbered_frame(2)); }); });
  auto receiving = std::async(std::launch::async, [&] { return loss_at(ends[0]); });
  ends[0].shutdown();
  EXPECT_EQ(sending.get(), "stage 0 is lost: it has shut down");
  EXPECT_EQ(receiving.get(), "stage 0 is lost: it has shut down");
}

TYPED_TEST(TransportTest, ShuttingDownIsTheLastFrame) {
  ConnectedEnds<TypeParam> ends(3);
  ends[0].send(1, numbered_frame(1));
  ends[0].shutdown();
  ends[0].fail("too late");
  EXPECT_EQ(ends[1].receive(kLong)->frame, numbered_frame(1));
  const std::optional<Received> last = ends[1].receive(kLong);
  EXPECT_EQ(last->from, 0);
  EXPECT_EQ(last->frame.header.kind, FrameKind::kShutdown);
  EXPECT_FALSE(ends[1].receive(0)) << "stage 2 is still there";
  EXPECT_EQ(loss([&] { ends[1].send(0, numbered_frame(2)); }), "stage 0 is lost: it has shut down");
  ends[2].send(1, numbered_frame(3));
  EXPECT_EQ(ends[1].receive(kLong)->frame, numbered_frame(3));
  ends[2].shutdown();
  EXPECT_EQ(ends[1].receive(kLong)->from, 2);
  EXPECT_EQ(loss_at(ends[1]), "stage 0 is lost: it has shut down, and so has every other stage");
}

TYPED_TEST(TransportTest, AStageAloneReceivesNothing) {
  ConnectedEnds<TypeParam> ends(1);
  EXPECT_FALSE(ends[0].receive(0));
}

TEST(LocalTransport, FramesAreNotCopied) {
  ConnectedEnds<LocalTransport> ends(2);
  Frame frame = numbered_frame(1, 100);
  const std::byte* const payload = frame.payload.data();
  ends[0].send(1, std::move(frame));
  EXPECT_EQ(ends[1].receive(0)->frame.payload.data(), payload);
}

TEST(LocalTransport, ALossHasItsPlaceAmongTheFrames) {
  ConnectedEnds<LocalTransport> ends(3);
  ends[1].send(0, numbered_frame(1));
  ends[1].fail("it had to");
  ends[2].send(0, numbered_frame(2));
  EXPECT_EQ(ends[0].receive(0)->frame, numbered_frame(1));
  EXPECT_EQ(loss([&] { ends[0].receive(0); }), "stage 1 is lost: it gave up: 'it had to'");
  EXPECT_EQ(loss([&] { ends[0].receive(0); }), "stage 1 is lost: it gave up: 'it had to'");
}

}  // namespace
}  // namespace sirocco
