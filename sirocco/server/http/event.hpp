#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "sirocco/server/http/task.hpp"

namespace sirocco::http {

/// What one coroutine waits for and others of the same thread tell it of. Telling before it waits
/// counts; several are one. Network thread.
class Event {
 public:
  explicit Event(const boost::asio::any_io_executor& executor)
      : never_(executor, boost::asio::steady_timer::time_point::max()) {}

  void notify() {
    told_ = true;
    never_.cancel();
  }

  Task<void> wait() {
    while (!told_) co_await never_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    told_ = false;
  }

 private:
  // A timer that never comes to its end is Asio's way to wait for a call of cancel.
  boost::asio::steady_timer never_;
  bool told_ = false;
};

}  // namespace sirocco::http
