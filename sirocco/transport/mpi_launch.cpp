#include <cstdlib>

#include "sirocco/transport/mpi_transport.hpp"

namespace sirocco {

bool is_started_by_mpirun() {
  for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

std::optional<JobPlace> job_place() {
  const auto number = [](const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr ? -1 : std::atoi(text);
  };
  const JobPlace place{number("OMPI_COMM_WORLD_RANK"), number("OMPI_COMM_WORLD_SIZE")};
  if (place.rank < 0 || place.size <= place.rank) return std::nullopt;
  return place;
}

}  // namespace sirocco
