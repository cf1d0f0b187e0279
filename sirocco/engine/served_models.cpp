#include "sirocco/engine/served_models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

bool has_name(const ServedModel& model, std::string_view name) {
  return model.name == name || std::ranges::find(model.aliases, name) != model.aliases.end();
}

}  // namespace

ServedModels::ServedModels() : undertaker_([this] { let_go(); }) {}

ServedModels::~ServedModels() {
  std::vector<ModelLease> last;
  {
    const std::lock_guard lock(mutex_);
    last.swap(offered_);
    ends_ = true;
  }
  last.clear();
  changed_.notify_all();
  undertaker_.join();
}

void ServedModels::let_go() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !gone_.empty() || (ends_ && leased_ == 0); });
    if (gone_.empty()) return;
    auto model = std::move(gone_.back());
    gone_.pop_back();
    lock.unlock();
    model.reset();
    lock.lock();
    --leased_;
  }
}

ModelLease ServedModels::leased(std::unique_ptr<ServedModel> model) {
  const auto to_undertaker = [this](ServedModel* last) {
    {
      const std::lock_guard lock(mutex_);
      gone_.emplace_back(last);
    }
    changed_.notify_all();
  };
  {
    const std::lock_guard lock(mutex_);
    ++leased_;
  }
  return {model.release(), to_undertaker};
}

ModelLease ServedModels::offer(std::unique_ptr<ServedModel> model) {
  ModelLease lease = leased(std::move(model));
  ModelLease before;  // goes behind the lock
  const std::lock_guard lock(mutex_);
  for (const ModelLease& other : offered_) {
    if (other->name == lease->name) continue;
    for (const std::string& name : other->aliases)
      if (has_name(*lease, name))
        throw InvalidArgument("{} is a name of the model {} already", sirocco::quoted(name),
                              other->name);
    if (has_name(*lease, other->name))
      throw InvalidArgument("{} is the name of another model already",
                            sirocco::quoted(other->name));
  }
  const auto place = std::ranges::find_if(
      offered_, [&](const ModelLease& other) { return other->name == lease->name; });
  if (place == offered_.end())
    offered_.push_back(lease);
  else
    before = std::exchange(*place, lease);
  return lease;
}

void ServedModels::take_off(std::string_view name) {
  ModelLease taken = find(name);
  const std::lock_guard lock(mutex_);
  std::erase(offered_, taken);
}

ModelLease ServedModels::find(std::string_view name) const {
  {
    const std::lock_guard lock(mutex_);
    if (name.empty() && !offered_.empty()) return offered_.front();
    for (const ModelLease& model : offered_)
      if (has_name(*model, name)) return model;
  }
  const std::vector<std::string> all = names();
  if (all.empty()) throw NotFound("no model is loaded");
  if (name.empty()) throw NotFound("a model has to be named: {}", fmt::join(all, ", "));
  throw NotFound("there is no model {}; there is {}", sirocco::quoted(name), fmt::join(all, ", "));
}

std::vector<ModelLease> ServedModels::list() const {
  const std::lock_guard lock(mutex_);
  return offered_;
}

std::vector<std::string> ServedModels::names() const {
  std::vector<std::string> out;
  for (const ModelLease& model : list()) {
    out.push_back(model->name);
    out.insert(out.end(), model->aliases.begin(), model->aliases.end());
  }
  return out;
}

std::size_t ServedModels::leaving() const {
  const std::lock_guard lock(mutex_);
  return leased_ - offered_.size();
}

}  // namespace sirocco
