#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sirocco/engine/served_model.hpp"

namespace sirocco {

/// A ModelLease is a lease on a model: that stays as long as somebody has one, also when it was
/// taken off the list.
using ModelLease = std::shared_ptr<ServedModel>;

/// ServedModels are the models that a server offers, by name. They come and go while it runs:
/// whoever asks for a name gets the model that has it now, and one that was taken off or replaced
/// goes when the last lease on it is gone. Thread-safe.
class ServedModels {
 public:
  /// Waits until the last lease on a model that was taken off is gone.
  ~ServedModels();
  ServedModels();
  ServedModels(const ServedModels&) = delete;
  ServedModels& operator=(const ServedModels&) = delete;

  /// Offers a model under its name and aliases, in place of one of the same name. Throws
  /// InvalidArgument, and it isn't offered, when another model has one of its names.
  ModelLease offer(std::unique_ptr<ServedModel> model);
  /// Takes a model off, by its name or an alias. Throws NotFound with the names that there are.
  void take_off(std::string_view name);

  /// The model of that name or alias; without a name, the only one, or the first. Throws NotFound
  /// with the names that there are.
  ModelLease find(std::string_view name) const;
  /// All, in the order in which they were first offered.
  std::vector<ModelLease> list() const;
  std::vector<std::string> names() const;
  /// Models that were taken off and aren't gone yet.
  std::size_t leaving() const;

 private:
  ModelLease leased(std::unique_ptr<ServedModel> model);
  void let_go();

  mutable std::mutex mutex_;
  std::vector<ModelLease> offered_;
  std::size_t leased_ = 0;  // models that are not gone, offered ones too
  std::vector<std::unique_ptr<ServedModel>> gone_;
  std::condition_variable changed_;
  bool ends_ = false;
  // Models end on a thread of their own: that may take until the engine's step is over, and
  // whoever drops the last lease has other things to do.
  std::thread undertaker_;
};

}  // namespace sirocco
