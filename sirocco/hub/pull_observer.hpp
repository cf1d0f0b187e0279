#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sirocco/hub/selection.hpp"

namespace sirocco {

/// A PullObserver hears how a pull goes, on the thread that pulls.
class PullObserver {
 public:
  virtual ~PullObserver() = default;
  /// Something that a person wants to know, in a line: a wait, a file that is fetched once more.
  virtual void note(const std::string& line) = 0;
  /// What is about to be fetched, and how much of it is still to come.
  virtual void begins(const std::string& name, const ModelFiles& model, std::uint64_t bytes) = 0;
  /// How much is there, several times a second.
  virtual void progress(std::uint64_t bytes, std::uint64_t of) = 0;
  /// What a person has to choose from, before the error that says so.
  virtual void choices(std::span<const ModelFiles> models) = 0;
};

}  // namespace sirocco
