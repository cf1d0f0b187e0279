#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/jinja/objects.hpp"

namespace sirocco::jinja {

/// The variable `loop`. Looks ahead in its iterator only when asked, as jinja2's does.
class Loop : public Sized {
 public:
  /// What the body of a recursive loop writes, one level deeper, over other items.
  using Recursion = std::function<Text(const Value& iterable)>;

  /// `level` counts the calls of a recursive loop around this one. Without a `recursion` it isn't
  /// recursive.
  Loop(Value iterable, std::shared_ptr<Iterator> iterator, std::size_t level, Recursion recursion)
      : iterable_(std::move(iterable)),
        iterator_(std::move(iterator)),
        level_(level),
        recursion_(std::move(recursion)) {}

  std::string_view type_name() const override { return "LoopContext"; }
  std::size_t length(Heap& heap) override;
  std::string describe(Heap& heap) override;
  /// Renders the body of a recursive loop over other items.
  Value call(Runtime& runtime, Arguments& arguments) override;

  /// Moves on; false at the end.
  bool advance(Value& item);
  /// loop.name, or nothing.
  std::optional<Value> attribute(Heap& heap, const Value& self, std::string_view name);
  bool changed(Heap& heap, Value values);
  Int index0() const { return index0_; }

 private:
  bool peek();
  Value count(Heap& heap) { return Value::integer(static_cast<Int>(length(heap))); }

  Value iterable_;
  std::shared_ptr<Iterator> iterator_;
  std::size_t level_;
  Recursion recursion_;
  Int index0_ = -1;
  std::optional<std::size_t> length_;
  std::optional<Value> after_;
  std::optional<Value> current_;
  std::optional<Value> before_;
  std::optional<Value> last_changed_;
};

}  // namespace sirocco::jinja
