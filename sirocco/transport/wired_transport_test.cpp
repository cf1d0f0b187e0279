#include "sirocco/transport/wired_transport.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/byte_writer.hpp"
#include "sirocco/transport/connected_ends_testing.hpp"
#include "sirocco/transport/frames_testing.hpp"

namespace sirocco {
namespace {

WiredOptions patient() { return {{}, {.pulse = 1e6, .patience = 1e9, .start_patience = 1e9}, {}}; }

/// A clock that goes on by a quarter of a second whenever it is looked at, as long as `runs()`.
std::function<Seconds()> hasty_clock(std::function<bool()> runs) {
  return [runs = std::move(runs), now = 0.0]() mutable { return runs() ? now += 0.25 : now; };
}

/// What each of the stages says that has these terms.
std::vector<std::string> verdicts(const std::vector<std::vector<Term>>& terms,
                                  const std::vector<WiredOptions>& options) {
  FakeNetwork network(static_cast<int>(terms.size()));
  std::vector<std::future<std::string>> said;
  for (std::size_t stage = 0; stage < terms.size(); ++stage) {
    said.push_back(std::async(std::launch::async, [&, stage]() -> std::string {
      try {
        WiredTransport end(network.wire(static_cast<int>(stage)), terms[stage], options[stage]);
        end.shutdown();
        end.join();
        return "they agree";
      } catch (const InvalidArgument& e) {
        return e.what();
      } catch (const PeerLost& e) {
        return std::string("lost: ") + e.what();
      }
    }));
  }
  std::vector<std::string> all;
  for (std::future<std::string>& one : said) all.push_back(one.get());
  return all;
}

TEST(WiredTransport, StagesThatAgreeBeginAndEndInOrder) {
  const std::vector<Term> terms = {{"model", "0a1b"}};
  EXPECT_EQ(verdicts({terms, terms, terms}, {patient(), patient(), patient()}),
            std::vector<std::string>(3, "they agree"));
}

TEST(WiredTransport, EveryStageIsToldWhatDiffers) {
  const std::vector<Term> terms = {{"model", "0a1b"}};
  EXPECT_EQ(verdicts({terms, terms, {{"model", "ffff"}}}, {patient(), patient(), patient()}),
            std::vector<std::string>(3,
                                     "the stages differ in 'model': stage 0 has '0a1b', stage 2 "
                                     "has 'ffff'"));
  WiredOptions larger = patient();
  larger.frames.max_payload = 7;
  EXPECT_EQ(verdicts({terms, terms}, {patient(), larger}),
            std::vector<std::string>(2,
                                     "the stages differ in 'the largest payload': stage 0 has "
                                     "'268435456', stage 1 has '7'"));
}

TEST(WiredTransport, AStageThatIsNotThereAtTheStartIsLost) {
  FakeNetwork network(2);
  WiredOptions options;
  options.clock = hasty_clock([] { return true; });
  EXPECT_EQ(loss([&] { WiredTransport(network.wire(0), {}, options); }),
            "stage 1 is lost: nothing was heard of it for 10 s");
}

TEST(WiredTransport, AtTheStartStage0TellsTheOthersOfALoss) {
  FakeNetwork network(3);
  network.inject(0, {2, WireFault{"the line is cut"}});
  auto other = std::async(std::launch::async, [&] {
    return loss([&] { WiredTransport(network.wire(1), {}, patient()); });
  });
  EXPECT_EQ(loss([&] { WiredTransport(network.wire(0), {}, patient()); }),
            "stage 2 is lost: the line is cut");
  EXPECT_EQ(other.get(), "stage 0 is lost: it gave up: 'stage 2 is lost: the line is cut'");
}

TEST(WiredTransport, AStageThatFallsSilentIsLost) {
  FakeNetwork network(2);
  std::atomic<bool> silent = false;
  auto ends = connect_wired(2, [&](int stage) {
    WiredOptions options = patient();
    if (stage == 0) {
      options.liveness = {.pulse = 1, .patience = 10, .start_patience = 10};
      options.clock = hasty_clock([&] { return silent.load(); });
    }
    return WiredTransport(network.wire(stage), {}, options);
  });
  ends[1]->send(0, numbered_frame(1));
  EXPECT_EQ(ends[0]->receive(kLong)->frame, numbered_frame(1));
  silent = true;
  EXPECT_EQ(loss_at(*ends[0]), "stage 1 is lost: nothing was heard of it for 10 s");
}

TEST(WiredTransport, ALossIsToldOfOnceThoughNobodyReceives) {
  FakeNetwork network(3);
  std::promise<std::string> told;
  auto ends = connect_wired(3, [&](int stage) {
    WiredOptions options = patient();
    if (stage == 0) options.on_loss = [&](const PeerLost& loss) { told.set_value(loss.what()); };
    return WiredTransport(network.wire(stage), {}, options);
  });
  network.inject(0, {2, WireFault{"the line is cut"}});
  EXPECT_EQ(told.get_future().get(), "stage 2 is lost: the line is cut");
  network.inject(0, {1, WireFault{"this one too"}});
  ends[0]->fail("the test is over");
  EXPECT_EQ(loss([&] { ends[0]->join(); }), "stage 0 is lost: it gave up: 'the test is over'");
}

TEST(WiredTransport, AnAlarmShortensThePatience) {
  FakeNetwork network(2);
  std::atomic<bool> alarmed = false;
  auto ends = connect_wired(2, [&](int stage) {
    WiredOptions options = patient();
    if (stage == 0) {
      options.liveness.alarmed_patience = 0.75;
      options.clock = hasty_clock([&] { return alarmed.load(); });
      options.alarmed = [&] { return alarmed.load(); };
    }
    return WiredTransport(network.wire(stage), {}, options);
  });
  alarmed = true;
  EXPECT_EQ(loss_at(*ends[0]), "stage 1 is lost: nothing was heard of it for 0.75 s");
}

TEST(WiredTransport, PulsesKeepAStageThatSaysNothing) {
  FakeNetwork network(2);
  std::atomic<int> seconds = 0;
  auto ends = connect_wired(2, [&](int stage) {
    WiredOptions options = patient();
    if (stage == 0) {  // its time goes on by a second when there is a pulse to be heard
      options.liveness = {.pulse = 1, .patience = 10, .start_patience = 10};
      options.clock = [&, heard = std::size_t{0}]() mutable -> Seconds {
        const std::size_t pulses = network.sent(1, FrameKind::kPulse);
        return std::exchange(heard, pulses) == pulses ? seconds.load() : ++seconds;
      };
    } else {
      options.liveness.pulse = 0;
    }
    return WiredTransport(network.wire(stage), {}, options);
  });
  while (seconds < 100) std::this_thread::yield();
  EXPECT_FALSE(ends[0]->receive(0)) << "pulses aren't received";
  EXPECT_NO_THROW(ends[0]->send(1, numbered_frame(1)));
}

/// What stage 0 says when stage 1 seems to have sent something.
std::string loss_after(WireEvent event) {
  FakeNetwork network(2);
  auto ends = connect_wired(
      2, [&](int stage) { return WiredTransport(network.wire(stage), {}, patient()); });
  network.inject(0, std::move(event));
  const std::string said = loss_at(*ends[0]);
  for (auto& end : ends) end->fail("the test is over");
  return said;
}

TEST(WiredTransport, WhoSendsWhatIsNoFrameIsLost) {
  EXPECT_EQ(loss_after({1, WireFault{"the line is cut"}}), "stage 1 is lost: the line is cut");
  Frame pulse = numbered_frame(0, 7);
  pulse.header.kind = FrameKind::kPulse;
  EXPECT_EQ(loss_after({1, pulse}),
            "stage 1 is lost: it sent what is no frame: pulse: the bytes received takes 8 bytes at "
            "offset 0, but 7 are left");
  ByteWriter writer;
  writer.write(std::uint64_t{1});
  pulse.payload = writer.take();
  EXPECT_EQ(loss_after({1, pulse}),
            "stage 1 is lost: it sent what is no frame: a pulse counts 1 bytes, but 0 to 0 can "
            "have been received");
  Frame hello = numbered_frame(0);
  hello.header.kind = FrameKind::kHello;
  EXPECT_EQ(loss_after({1, hello}), "stage 1 is lost: it sent what is no frame: a second hello");
}

TEST(WiredTransport, AnEndInOrderWaitsForTheOthers) {
  FakeNetwork network(2);
  auto ends = connect_wired(
      2, [&](int stage) { return WiredTransport(network.wire(stage), {}, patient()); });
  ends[0]->shutdown();
  auto joined = std::async(std::launch::async, [&] { return loss([&] { ends[0]->join(); }); });
  EXPECT_EQ(ends[1]->receive(kLong)->frame.header.kind, FrameKind::kShutdown);
  ends[1]->fail("it had to");
  EXPECT_EQ(joined.get(), "stage 1 is lost: it gave up: 'it had to'");
}

TEST(WiredTransport, AWireThatThrowsLosesEverybody) {
  class BrokenWire final : public Wire {
   public:
    int stage() const override { return 0; }
    int stages() const override { return 2; }
    bool is_free(int /*to*/) const override { return true; }
    void begin(int /*to*/, Frame /*frame*/) override {}
    void progress(std::vector<WireEvent>& /*events*/) override {
      throw ResourceExhausted("no memory is left");
    }
  };
  EXPECT_EQ(loss([] { WiredTransport(std::make_unique<BrokenWire>(), {}, patient()); }),
            "stage 1 is lost: no memory is left");
}

}  // namespace
}  // namespace sirocco
