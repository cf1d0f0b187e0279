#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string_view>

#include "sirocco/jinja/limits.hpp"
#include "sirocco/jinja/objects.hpp"

namespace sirocco::jinja {

/// Local time, for strftime_now().
using Clock = std::function<std::tm()>;

/// One run of a program, as the filters, methods, functions and objects see it that it calls.
class Runtime {
 public:
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Heap& heap() { return heap_; }
  const Clock& clock() const { return clock_; }

  /// value.name and value[key] as jinja2's sandbox resolves them; undefined where there is none.
  virtual Value attribute(const Value& value, std::string_view name) = 0;
  virtual Value item(const Value& value, const Value& key) = 0;
  /// A namespace that this run will clear at its end, so that none keeps itself alive.
  virtual std::shared_ptr<Namespace> make_namespace() = 0;

 protected:
  Runtime(const Limits& limits, const Clock& clock)
      : heap_(limits.max_memory, limits.max_steps), clock_(clock) {}
  ~Runtime() = default;

  Heap heap_;  // outlives all that may hold values

 private:
  const Clock& clock_;
};

}  // namespace sirocco::jinja
