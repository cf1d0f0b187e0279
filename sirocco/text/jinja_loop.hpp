#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/text/jinja_interpreter.hpp"

namespace sirocco::jinja {

/// The variable `loop`. Looks ahead in its iterator only when asked, as jinja2's does.
class Loop : public Sized {
 public:
  Loop(const Stmt& statement, ScopePtr scope, Value iterable, std::shared_ptr<Iterator> iterator,
       std::size_t level)
      : statement_(statement),
        scope_(std::move(scope)),
        iterable_(std::move(iterable)),
        iterator_(std::move(iterator)),
        level_(level) {}

  std::string_view type_name() const override { return "LoopContext"; }
  std::size_t length(Heap& heap) override;
  std::string describe(Heap& heap) override;
  /// Renders the body of a recursive loop over other items.
  Value call(Interpreter& interpreter, Arguments& arguments) override;

  /// Moves on; false at the end.
  bool advance(Value& item);
  /// loop.name, or nothing.
  std::optional<Value> attribute(Heap& heap, const Value& self, std::string_view name);
  bool changed(Heap& heap, Value values);
  Int index0() const { return index0_; }

 private:
  bool peek();
  Value count(Heap& heap) { return Value::integer(static_cast<Int>(length(heap))); }

  const Stmt& statement_;
  ScopePtr scope_;
  Value iterable_;
  std::shared_ptr<Iterator> iterator_;
  std::size_t level_;
  Int index0_ = -1;
  std::optional<std::size_t> length_;
  std::optional<Value> after_;
  std::optional<Value> current_;
  std::optional<Value> before_;
  std::optional<Value> last_changed_;
};

}  // namespace sirocco::jinja
