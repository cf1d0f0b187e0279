// What stands in the place of mpi_transport.cpp where a build has no MPI.
#include <cstdlib>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/mpi_transport.hpp"

namespace sirocco {

struct MpiSession::State {};

bool is_built_with_mpi() { return false; }

MpiSession::MpiSession() {
  throw UnsupportedError(
      "this build of sirocco has no MPI: install Open MPI (on Debian libopenmpi-dev and "
      "openmpi-bin) and build it again, with -DSIROCCO_MPI=ON");
}
MpiSession::~MpiSession() = default;

// Nobody has a session to call these with.
int MpiSession::rank() const { return 0; }
int MpiSession::size() const { return 0; }
void MpiSession::abort(int exit_code) { std::_Exit(exit_code); }

MpiTransport::MpiTransport(MpiSession& session, const std::vector<Term>& terms,
                           WiredOptions options)
    : WiredTransport(nullptr, terms, std::move(options)), session_(session) {}
MpiTransport::~MpiTransport() = default;

}  // namespace sirocco
