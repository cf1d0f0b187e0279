#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sirocco/transport/liveness.hpp"
#include "sirocco/transport/terms.hpp"
#include "sirocco/transport/wired_transport.hpp"

namespace sirocco {

/// Whether this build can do what needs MPI. One that can't refuses by name: `MpiSession`.
bool is_built_with_mpi();

/// Whether this process was started by Open MPI's mpirun, or another launcher of its kind. Looks at
/// the environment only.
bool is_started_by_mpirun();

/// A process' place among those that mpirun started.
struct JobPlace {
  int rank = 0;
  int size = 1;
};
/// What the environment says of it, before MPI is asked; nothing where it wasn't started so.
std::optional<JobPlace> job_place();

/// The MpiSession of a process is its part in a job of mpirun: a rank of several. One at a time,
/// and one in the life of a process. The cores that a rank may use are those that the system lets
/// it run on (`usable_cpus`): mpirun binds each rank to one core unless it is told `--bind-to
/// none`.
///
/// It ends the job in order (MPI_Finalize) when its transport did, or it is alone. In any other
/// case it leaves MPI as it is; then the exit of the process, whatever its status, makes mpirun end
/// the other ranks, after a second, and give the status of the first to exit.
class MpiSession {
 public:
  /// Throws UnsupportedError where the build has no MPI, which says how to get one that has,
  /// InvalidArgument for a process that wasn't started by mpirun, and IoError.
  MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  ~MpiSession();

  int rank() const;
  int size() const;

  /// Ends all ranks at once, with this exit status of mpirun: for faults after which nothing can be
  /// said to the others any more. For any thread.
  [[noreturn]] void abort(int exit_code);

 private:
  friend class MpiTransport;
  struct State;
  std::unique_ptr<State> state_;
};

/// A `Transport` between the ranks of a job: stage i is rank i. It is a `WiredTransport` over MPI,
/// whose docstrings hold. The session outlives it, and has no other.
class MpiTransport : public WiredTransport {
 public:
  MpiTransport(MpiSession& session, const std::vector<Term>& terms, WiredOptions options = {});
  ~MpiTransport();

 private:
  MpiSession& session_;
};

}  // namespace sirocco
