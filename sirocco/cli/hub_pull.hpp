#pragma once

#include "sirocco/hub/pull.hpp"

namespace sirocco {

/// Pulls into the store from the hub that the environment names, and tells on standard error how it
/// goes: a bar where that is a terminal, nothing at all with `quiet` but what there is to choose
/// from. Ctrl-C ends it and keeps what was fetched. Throws as pull.
Pulled pull_from_hub(const HubName& name, const PullOptions& options, bool quiet);

}  // namespace sirocco
