#include <cstdlib>

#include "sirocco/transport/mpi_transport.hpp"

namespace sirocco {

bool is_started_by_mpirun() {
  for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

}  // namespace sirocco
