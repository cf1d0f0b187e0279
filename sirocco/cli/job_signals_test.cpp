#include "sirocco/cli/job_signals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace sirocco {
namespace {

/// Is a rank of three, in a process of a death test.
void be_rank(const char* rank) {
  setenv("OMPI_COMM_WORLD_RANK", rank, 1);
  setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
  follow_job_signals();
}

TEST(JobSignals, TheHeadEndsBySigterm) {
  EXPECT_EXIT((be_rank("0"), std::raise(SIGTERM), std::_Exit(0)), testing::KilledBySignal(SIGTERM),
              "");
}

TEST(JobSignals, TheHeadEndsByItselfWhenAStageIsLost) {
  EXPECT_EXIT((be_rank("0"), note_lost_stage(), std::raise(SIGTERM), std::_Exit(7)),
              testing::ExitedWithCode(7), "");
}

TEST(JobSignals, StagesBehindTheHeadStay) {
  EXPECT_EXIT((be_rank("1"), std::raise(SIGTERM), std::raise(SIGINT), std::_Exit(7)),
              testing::ExitedWithCode(7), "");
}

/// How a head ends that SIGTERM comes to behind a SIGCONT, of what started it or of itself.
int status_of_head(bool of_mpirun) {
  int ready[2];
  if (pipe(ready) != 0) return -1;
  const pid_t head = fork();
  char byte = 0;
  if (head == 0) {
    be_rank("0");
    if (write(ready[1], &byte, 1) != 1) std::_Exit(1);
    if (!of_mpirun) kill(getpid(), SIGCONT);
    while (of_mpirun && !job_may_be_ending()) usleep(1000);
    std::raise(SIGTERM);
    std::_Exit(7);
  }
  if (read(ready[0], &byte, 1) == 1 && of_mpirun) kill(head, SIGCONT);
  close(ready[0]);
  close(ready[1]);
  int status = 0;
  waitpid(head, &status, 0);
  return status;
}

TEST(JobSignals, TheHeadStaysWhileMpirunEndsTheJob) {
  const int status = status_of_head(true);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
}

TEST(JobSignals, OnlyMpirunSaysThatItEndsTheJob) {
  const int status = status_of_head(false);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

}  // namespace
}  // namespace sirocco
