#include "sirocco/server/http/tls_context.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;

std::string file_contents(const std::filesystem::path& path, std::string_view what) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  if (file.is_open()) contents << file.rdbuf();
  if (!file.is_open() || contents.bad() || errno != 0) {
    const int error = errno != 0 ? errno : EIO;
    throw IoError("the {} {} can't be read: {}", what, sirocco::quoted(path.string(), 400),
                  std::strerror(error));
  }
  return std::move(contents).str();
}

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view what,
                         const Code& code) {
  throw FormatError("{} has no {} in PEM: {}", sirocco::quoted(path.string(), 400), what,
                    code.message());
}

}  // namespace

asio::ssl::context make_tls_context(const TlsFiles& files) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression |
                      SSL_OP_NO_RENEGOTIATION);
  // Otherwise OpenSSL asks for the password of a key at the terminal.
  context.set_password_callback(
      [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });

  const std::string chain = file_contents(files.certificate_chain, "certificate chain");
  const std::string key = file_contents(files.private_key, "private key");
  Code code;
  context.use_certificate_chain(asio::buffer(chain), code);
  if (code) refuse(files.certificate_chain, "certificate", code);
  context.use_private_key(asio::buffer(key), asio::ssl::context::pem, code);
  if (code) refuse(files.private_key, "private key, without a password, of this certificate", code);
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    throw FormatError("the private key {} doesn't belong to the certificate {}",
                      sirocco::quoted(files.private_key.string(), 400),
                      sirocco::quoted(files.certificate_chain.string(), 400));
  }
  return context;
}

}  // namespace sirocco::http
