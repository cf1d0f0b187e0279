// Asio's and its TLS part's own functions, compiled here for all of the folder.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
