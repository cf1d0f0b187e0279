#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

/// Seconds of processor time that the program has taken, all threads together.
double processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Prints the cases that take `least` seconds of processor time or more.
class DearCases : public testing::EmptyTestEventListener {
 public:
  explicit DearCases(double least) : least_(least) {}

  void OnTestStart(const testing::TestInfo&) override { begin_ = processor_time(); }
  void OnTestEnd(const testing::TestInfo& test) override {
    const double cost = processor_time() - begin_;
    if (cost >= least_) std::printf("%8.2f s  %s.%s\n", cost, test.test_suite_name(), test.name());
  }

 private:
  double least_;
  double begin_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (const char* least = std::getenv("SIROCCO_DEAR_CASES"); least != nullptr)
    testing::UnitTest::GetInstance()->listeners().Append(new DearCases(std::atof(least)));
  return RUN_ALL_TESTS();
}
