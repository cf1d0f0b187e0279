#pragma once

namespace sirocco {

/// What an op writes: a view like those that it reads, marked where it is passed. A call shows what
/// it changes, and an input can't stand where an output belongs. Copying copies the view.
template <class View>
class Out {
 public:
  /// Nothing is wanted.
  Out() = default;
  explicit Out(const View& view) : view_(view) {}

  const View& operator*() const { return view_; }
  const View* operator->() const { return &view_; }

 private:
  View view_{};
};

}  // namespace sirocco
