#pragma once

#include <boost/asio/awaitable.hpp>

namespace sirocco::http {

/// A coroutine on the server's network thread; it begins when it is awaited.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace sirocco::http
