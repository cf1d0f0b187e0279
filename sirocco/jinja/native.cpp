#include "sirocco/jinja/native.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"

namespace sirocco::jinja {
namespace {

Bound bind(const Native& native, Arguments& arguments) {
  const auto& names = native.parameters;
  const auto count = static_cast<std::size_t>(
      std::find(names.begin(), names.end(), std::string_view()) - names.begin());
  if (arguments.positional.size() > count) {
    fail(Fault::kType, "{} takes at most {} arguments ({} given)", native.name, count,
         arguments.positional.size());
  }
  std::vector<std::optional<Value>> values(count);
  std::move(arguments.positional.begin(), arguments.positional.end(), values.begin());
  for (auto& [name, value] : arguments.named) {
    const auto at =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (at >= count || name == "-") {
      fail(Fault::kType, "{} takes no keyword argument {}", native.name, quoted(name));
    }
    if (values[at]) {
      fail(Fault::kType, "{} got two values for the argument {}", native.name, quoted(name));
    }
    values[at] = std::move(value);
  }
  for (std::size_t i = 0; i < native.required; ++i) {
    if (!values[i]) fail(Fault::kType, "{} misses an argument", native.name);
  }
  return Bound(std::move(values));
}

}  // namespace

Value Native::operator()(Runtime& runtime, const Value& self, Arguments& arguments) const {
  if (variadic != nullptr) return variadic(runtime, self, arguments);
  return function(runtime, self, bind(*this, arguments));
}

const Native* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), number_filters(), sequence_filters(), wrap_filters()}) {
    for (const Native& native : table) {
      if (native.name == name) return &native;
    }
  }
  return nullptr;
}

}  // namespace sirocco::jinja
