#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "sirocco/hub/hub_client.hpp"
#include "sirocco/hub/partial_file.hpp"
#include "sirocco/hub/pull_observer.hpp"

namespace sirocco {

/// What downloads go over: a transport for each thread, and a clock.
struct HubConnection {
  const HubAddress& hub;
  std::function<std::unique_ptr<HttpTransport>()> connect;
  HubClock& clock;
  int connections = 4;
};

/// Fetches all that the files lack, several files and several parts of a file at a time, and checks
/// each against its hash: one that isn't what the hub lists is thrown away and fetched once more.
/// Returns when all are checked. Throws the first failure; Cancelled when a stop is requested. What
/// was written is kept, but for a file that was wrong twice.
void download(const HubConnection& connection, const HubName& name, const std::string& commit,
              std::span<const std::unique_ptr<PartialFile>> files, PullObserver& observer,
              const std::stop_token& stop);

}  // namespace sirocco
