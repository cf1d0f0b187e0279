#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>

#include "sirocco/hub/downloads.hpp"
#include "sirocco/hub/model_store.hpp"

namespace sirocco {

struct PullOptions {
  bool force = false;    ///< fetch it anew even where it is there
  bool dry_run = false;  ///< only say what would be fetched; nothing is written
};

/// A Pulled is what a pull came to.
struct Pulled {
  std::string name;  ///< "ORG/NAME:Q4_K_M"
  std::string commit;
  ModelFiles model;
  std::uint64_t fetched = 0;   ///< bytes that came, or would come, over the network
  bool was_there = false;      ///< the store had it already
  std::filesystem::path path;  ///< what to open; empty after a dry run
};

/// Brings the model that `name` means from a hub into the store, whole and checked, or goes on with
/// what an earlier pull left; one that is there already stays. Waits while another process pulls
/// from the same repository. Throws NotFound, InvalidArgument for a choice that a person has to
/// make, FormatError for what a hub can't mean, IoError, Cancelled when a stop is requested; all
/// but what turned out wrong is kept for the next time.
Pulled pull(const HubName& name, ModelStore& store, const HubConnection& connection,
            const PullOptions& options, PullObserver& observer, const std::stop_token& stop);

}  // namespace sirocco
