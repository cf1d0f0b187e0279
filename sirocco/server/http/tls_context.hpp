#pragma once

#include <boost/asio/ssl/context.hpp>

#include "sirocco/server/http/server.hpp"

namespace sirocco::http {

/// What a server needs for TLS 1.2 and 1.3. Throws IoError for a file that can't be read, and
/// FormatError for one that holds something else, a key that asks for a password or that belongs to
/// another certificate.
boost::asio::ssl::context make_tls_context(const TlsFiles& files);

}  // namespace sirocco::http
