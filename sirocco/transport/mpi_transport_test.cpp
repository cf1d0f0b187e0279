#include "sirocco/transport/mpi_transport.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// What ranks do is tested where mpirun starts some: tests/end_to_end/mpi_transport_test.py.
TEST(MpiTransport, WhatIsMissingIsNamed) {
  EXPECT_FALSE(is_started_by_mpirun());
  std::string said;
  try {
    const MpiSession session;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(),
              is_built_with_mpi() ? ErrorKind::kInvalidArgument : ErrorKind::kUnsupported);
    said = e.what();
  }
  EXPECT_NE(said.find(is_built_with_mpi() ? "start it by mpirun" : "-DSIROCCO_MPI=ON"),
            std::string::npos)
      << said;
}

}  // namespace
}  // namespace sirocco
