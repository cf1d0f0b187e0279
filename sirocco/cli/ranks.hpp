#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sirocco/transport/any_transport.hpp"
#include "sirocco/transport/terms.hpp"
#include "sirocco/transport/transport.hpp"

namespace sirocco {

/// Where this process is one of several that mpirun started, each a stage of one model: how many
/// there are, and which one it is. Else 1, and 0.
int job_size();
int job_rank();

/// This process' end of what is between them, as LoadOptions::connect makes it. Throws what
/// MpiSession and MpiTransport throw.
std::unique_ptr<AnyTransport> connect_ranks(const std::vector<Term>& terms);
/// The same; `on_loss` is told of the first stage that is lost, on another thread.
std::unique_ptr<AnyTransport> connect_watched_ranks(
    const std::vector<Term>& terms, std::function<void(const PeerLost& loss)> on_loss);

}  // namespace sirocco
