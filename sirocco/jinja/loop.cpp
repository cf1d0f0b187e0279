#include "sirocco/jinja/loop.hpp"

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/runtime.hpp"

namespace sirocco::jinja {
namespace {

/// loop.cycle and loop.changed.
class LoopMethod : public Callable {
 public:
  LoopMethod(Value loop, bool cycles) : loop_(std::move(loop)), cycles_(cycles) {}

  Value call(Runtime& runtime, Arguments& arguments) override {
    if (!arguments.named.empty()) fail(Fault::kType, "this function takes no keyword arguments");
    Loop& loop = *loop_.as<Loop>();
    auto& values = arguments.positional;
    if (cycles_) {
      if (values.empty()) fail(Fault::kType, "no items for cycling given");
      return values[static_cast<std::size_t>(loop.index0()) % values.size()];
    }
    Heap& heap = runtime.heap();
    return Value::boolean(loop.changed(heap, heap.tuple(std::move(values), Origin::kTemplate)));
  }

 private:
  Value loop_;
  bool cycles_;
};

}  // namespace

bool Loop::advance(Value& item) {
  if (after_) {
    item = std::move(*after_);
    after_.reset();
  } else if (!iterator_->next(item)) {
    return false;
  }
  ++index0_;
  before_ = std::move(current_);
  current_ = item;
  return true;
}

bool Loop::peek() {
  if (after_) return true;
  Value item;
  if (!iterator_->next(item)) return false;
  after_ = std::move(item);
  return true;
}

std::size_t Loop::length(Heap& heap) {
  if (length_) return *length_;
  if (has_length(iterable_)) {
    length_ = length_of(heap, iterable_);
  } else {
    std::vector<Value> rest = to_vector(heap, object_value(iterator_));
    length_ = rest.size() + static_cast<std::size_t>(index0_ + 1) + (after_ ? 1 : 0);
    iterator_ = iterate(heap, heap.list(std::move(rest), Origin::kTemplate));
  }
  return *length_;
}

std::string Loop::describe(Heap& heap) {
  return "<LoopContext " + int_to_string(index0_ + 1) + "/" + std::to_string(length(heap)) + ">";
}

Value Loop::call(Runtime& runtime, Arguments& arguments) {
  if (!recursion_) fail(Fault::kType, "only a loop marked 'recursive' can be called");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    fail(Fault::kType, "a recursive loop takes one argument");
  }
  return runtime.heap().text(recursion_(arguments.positional[0]));
}

bool Loop::changed(Heap& heap, Value values) {
  if (last_changed_ && equals(heap, *last_changed_, values)) return false;
  last_changed_ = std::move(values);
  return true;
}

std::optional<Value> Loop::attribute(Heap& heap, const Value& self, std::string_view name) {
  if (name == "index") return Value::integer(index0_ + 1);
  if (name == "index0") return Value::integer(index0_);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "last") return Value::boolean(!peek());
  if (name == "length") return count(heap);
  if (name == "revindex") return Value::integer(*count(heap).as_int() - index0_);
  if (name == "revindex0") return Value::integer(*count(heap).as_int() - index0_ - 1);
  if (name == "depth") return Value::integer(static_cast<Int>(level_) + 1);
  if (name == "depth0") return Value::integer(static_cast<Int>(level_));
  if (name == "previtem") {
    return before_ && index0_ > 0 ? *before_ : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return peek() ? *after_ : Value::undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    return object_value(make_object<LoopMethod>(heap, depth_of(self), self, name == "cycle"));
  }
  return std::nullopt;
}

}  // namespace sirocco::jinja
