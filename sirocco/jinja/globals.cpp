#include <array>
#include <ctime>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"

namespace sirocco::jinja {
namespace {

/// The most that the sandbox lets range() count.
constexpr Int kMaxRange = 100000;

class Function : public Callable {
 public:
  explicit Function(const Native& native) : native_(native) {}
  Value call(Runtime& runtime, Arguments& arguments) override {
    return native_(runtime, Value::none(), arguments);
  }
  std::string_view name() const { return native_.name; }

 private:
  const Native& native_;
};

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  const Value& current() const { return items_[at_]; }
  Value next() {
    const Value value = current();
    at_ = (at_ + 1) % items_.size();
    return value;
  }
  void reset() { at_ = 0; }

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

class CyclerMethod : public Callable {
 public:
  CyclerMethod(Value cycler, bool next) : cycler_(std::move(cycler)), next_(next) {}
  Value call(Runtime&, Arguments& arguments) override {
    if (!arguments.positional.empty() || !arguments.named.empty()) {
      fail(Fault::kType, "a cycler's methods take no arguments");
    }
    Cycler& cycler = *cycler_.as<Cycler>();
    if (next_) return cycler.next();
    cycler.reset();
    return Value::none();
  }

 private:
  Value cycler_;
  bool next_;
};

class Joiner : public Callable {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  Value call(Runtime& runtime, Arguments& arguments) override {
    if (!arguments.positional.empty() || !arguments.named.empty()) {
      fail(Fault::kType, "a joiner takes no arguments");
    }
    if (used_) return separator_;
    used_ = true;
    return runtime.heap().text("", Origin::kTemplate);
  }
  const Value& separator() const { return separator_; }
  bool used() const { return used_; }

 private:
  Value separator_;
  bool used_ = false;
};

Value make_range(Runtime& runtime, const Value&, Arguments& arguments) {
  const auto& given = arguments.positional;
  if (!arguments.named.empty()) fail(Fault::kType, "range() takes no keyword arguments");
  if (given.empty() || given.size() > 3) {
    fail(Fault::kType, "range expected 1 to 3 arguments, got {}", given.size());
  }
  std::array<Int, 3> numbers{0, 0, 1};
  Origin origin = Origin::kTemplate;
  for (std::size_t i = 0; i < given.size(); ++i) {
    to_index(given[i]);
    numbers[given.size() == 1 ? 1 : i] = *given[i].as_int();
    origin = origin | given[i].origin();
  }
  const auto [start, stop, step] = numbers;
  if (step == 0) fail(Fault::kValue, "range() arg 3 must not be zero");
  Int span = 0;
  if (step > 0 ? __builtin_sub_overflow(stop, start, &span)
               : __builtin_sub_overflow(start, stop, &span)) {
    span = kMaxRange + 1;
  }
  const Int stride = step > 0 ? step : (step == -step ? kMaxRange : -step);
  const Int count = span <= 0 ? 0 : (span - 1) / stride + 1;
  if (count > kMaxRange) {
    fail(Fault::kLimit, "range() counts more than {} numbers", static_cast<long>(kMaxRange));
  }
  auto range = make_object<Range>(runtime.heap(), 0, start, step, count, origin);
  range->written_stop = stop;
  return object_value(std::move(range));
}

/// dict(mapping or pairs, name=value…)
Dict build_dict(Runtime& runtime, Arguments& arguments) {
  Heap& heap = runtime.heap();
  Dict dict;
  if (arguments.positional.size() > 1) fail(Fault::kType, "dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (const Dict* other = source.as_dict()) {
      dict = *other;
    } else {
      for (const Value& pair : to_vector(heap, source)) {
        const std::vector<Value> parts = to_vector(heap, pair);
        if (parts.size() != 2) fail(Fault::kValue, "dict needs pairs");
        dict.set(parts[0], parts[1]);
      }
    }
  }
  for (auto& [name, value] : arguments.named) {
    dict.set(heap.text(name, Origin::kTemplate), std::move(value));
  }
  return dict;
}

Value make_dict(Runtime& runtime, const Value&, Arguments& arguments) {
  const Origin origin =
      arguments.positional.empty() ? Origin::kTemplate : arguments.positional[0].origin();
  return runtime.heap().dict(build_dict(runtime, arguments), origin);
}

Value make_namespace(Runtime& runtime, const Value&, Arguments& arguments) {
  auto names = runtime.make_namespace();
  names->attributes = build_dict(runtime, arguments);
  for (const auto& [key, value] : names->attributes.entries()) {
    const Str* name = key.as_str();
    if (name != nullptr && name->text.view().starts_with('_')) {
      fail(Fault::kSecurity, "a namespace takes no attributes that start with an underscore");
    }
  }
  return object_value(std::move(names));
}

Value make_cycler(Runtime& runtime, const Value&, Arguments& arguments) {
  if (!arguments.named.empty()) fail(Fault::kType, "cycler takes no keyword arguments");
  if (arguments.positional.empty()) fail(Fault::kRuntime, "at least one item has to be provided");
  std::size_t depth = 0;
  for (const Value& item : arguments.positional) depth = std::max(depth, depth_of(item));
  return object_value(make_object<Cycler>(runtime.heap(), depth, std::move(arguments.positional)));
}

Value make_joiner(Runtime& runtime, const Value&, const Bound& arguments) {
  Heap& heap = runtime.heap();
  Value separator = arguments.get(0, heap.text(", ", Origin::kTemplate));
  const std::size_t depth = depth_of(separator);
  return object_value(make_object<Joiner>(heap, depth, std::move(separator)));
}

Value raise_exception(Runtime& runtime, const Value&, const Bound& arguments) {
  const Text message = to_text(runtime.heap(), arguments.at(0));
  throw TemplateFault(Fault::kRaised, quoted(message.view(), 1000));
}

Value strftime_now(Runtime& runtime, const Value&, const Bound& arguments) {
  const Text& format = text_argument(arguments.at(0), "strftime() argument 1");
  const std::tm now = runtime.clock()();
  if (format.empty()) return runtime.heap().text("", Origin::kTemplate);
  if (format.size() > 1000) fail(Fault::kLimit, "strftime_now takes at most 1000 bytes");
  // Something always comes out, so that an empty result isn't mistaken for a lack of room.
  const std::string padded = format.bytes() + "\n";
  std::string buffer(64 * 1024, '\0');
  const std::size_t length = std::strftime(buffer.data(), buffer.size(), padded.c_str(), &now);
  buffer.resize(length == 0 ? 0 : length - 1);
  return runtime.heap().text(buffer, format.origin());
}

Value lipsum(Runtime&, const Value&, Arguments&) {
  fail(Fault::kRuntime, "lipsum() is not supported: a prompt must not depend on chance");
}

constexpr std::array kFunctions = {
    Native{"cycler", {}, 0, nullptr, make_cycler},
    Native{"dict", {}, 0, nullptr, make_dict},
    Native{"joiner", {"sep"}, 0, make_joiner},
    Native{"lipsum", {}, 0, nullptr, lipsum},
    Native{"namespace", {}, 0, nullptr, make_namespace},
    Native{"raise_exception", {"message"}, 1, raise_exception},
    Native{"range", {}, 0, nullptr, make_range},
    Native{"strftime_now", {"format"}, 1, strftime_now},
};

}  // namespace

std::optional<Value> find_object_attribute(Runtime& runtime, const Value& value,
                                           std::string_view name) {
  Heap& heap = runtime.heap();
  if (const Cycler* cycler = value.as<Cycler>()) {
    if (name == "current") return cycler->current();
    if (name == "next" || name == "reset") {
      return object_value(make_object<CyclerMethod>(heap, depth_of(value), value, name == "next"));
    }
  } else if (const Joiner* joiner = value.as<Joiner>()) {
    if (name == "sep") return joiner->separator();
    if (name == "used") return Value::boolean(joiner->used());
  } else if (Described* described = value.as<Described>()) {
    return described->member(heap, name);
  } else if (const Range* range = value.as<Range>()) {
    if (name == "start") return Value::integer(range->start, range->origin);
    if (name == "stop") return Value::integer(range->written_stop, range->origin);
    if (name == "step") return Value::integer(range->stride, range->origin);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string_view, Value>> global_functions() {
  std::vector<std::pair<std::string_view, Value>> functions;
  for (const Native& native : kFunctions) {
    functions.emplace_back(native.name, object_value(std::make_shared<Function>(native)));
  }
  return functions;
}

}  // namespace sirocco::jinja
