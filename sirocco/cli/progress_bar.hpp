#pragma once

#include <string>
#include <string_view>

namespace sirocco {

/// A ProgressBar is how far something is, on one line of standard error that is drawn anew; wiped
/// when the bar goes.
class ProgressBar {
 public:
  /// `doing` stands before it. Not shown, it draws nothing.
  ProgressBar(std::string doing, bool shown);
  ~ProgressBar() { wipe(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `part` is from 0 to 1; `figures` stand behind it. Nothing where the line would stay the same.
  void draw(double part, std::string_view figures = {});
  void wipe();

 private:
  std::string doing_;
  bool shown_;
  std::string drawn_;
};

/// Whether standard error is a terminal that can draw a line anew.
bool shows_progress();

}  // namespace sirocco
