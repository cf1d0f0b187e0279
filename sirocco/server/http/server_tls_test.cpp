#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco::http {
namespace {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

Key make_key() { return Key(EVP_EC_gen("P-256")); }

Certificate sign_own(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

/// A folder with a key and its certificate; gone with the test.
class TlsFolder {
 public:
  TlsFolder() {
    std::string name = ::testing::TempDir() + "sirocco-tls-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    const Key key = make_key();
    write_key("key.pem", key.get(), "");
    const Certificate certificate = sign_own(key.get());
    std::FILE* file = std::fopen(path("certificate.pem").c_str(), "w");
    PEM_write_X509(file, certificate.get());
    std::fclose(file);
    write_key("other.pem", make_key().get(), "");
    write_key("locked.pem", key.get(), "password");
  }
  ~TlsFolder() { std::filesystem::remove_all(folder_); }
  TlsFolder(const TlsFolder&) = delete;
  TlsFolder& operator=(const TlsFolder&) = delete;

  std::filesystem::path path(std::string_view name) const { return folder_ / name; }

 private:
  void write_key(std::string_view name, EVP_PKEY* key, std::string password) {
    std::FILE* file = std::fopen(path(name).c_str(), "w");
    PEM_write_PrivateKey(file, key, password.empty() ? nullptr : EVP_aes_128_cbc(), nullptr, 0,
                         nullptr, password.empty() ? nullptr : password.data());
    std::fclose(file);
  }
  std::filesystem::path folder_;
};

/// A client that speaks TLS over a Client's socket.
class TlsClient {
 public:
  explicit TlsClient(Client client, int max_version = 0) : client_(std::move(client)) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), client_.socket());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  std::string read_until(std::string_view mark) {
    std::string text;
    char buffer[4096];
    while (text.find(mark) == text.npos) {
      const int got = SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }
  /// Whether the connection ended with a farewell: nothing was cut off.
  bool ended_well() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  /// A farewell: nothing more is sent.
  void finish_sending() { SSL_shutdown(ssl_.get()); }
  void close() { client_.close(); }

 private:
  Client client_;
  std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
  bool connected_ = false;
};

ServerOptions tls(const TlsFolder& folder, std::string_view certificate, std::string_view key) {
  ServerOptions options;
  options.port = 0;
  options.tls = TlsFiles{folder.path(certificate), folder.path(key)};
  return options;
}

TEST(Tls, AnswersAndStreams) {
  const TlsFolder folder;
  TestServer test(tls(folder, "certificate.pem", "key.pem"));
  TlsClient client(test.client());
  ASSERT_TRUE(client.connected());
  for (int i = 0; i < 2; ++i) {
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.read_until("hello").starts_with("HTTP/1.1 200 OK\r\n"));
  }
  client.send("GET /events?n=2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.read_until("0\r\n\r\n").ends_with("number 1\n\n\r\n0\r\n\r\n"));
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  client.send(std::string(199'998, 'a') + "zq");
  EXPECT_TRUE(client.read_until("zq").ends_with("aazq"));
  client.send("GET /large HTTP/1.0\r\n\r\n");
  EXPECT_GT(client.read_until("never").size(), 1u << 20);
  EXPECT_TRUE(client.ended_well());
}

TEST(Tls, NoticesThatAClientGoes) {
  const TlsFolder folder;
  TestServer test(tls(folder, "certificate.pem", "key.pem"));
  TlsClient client(test.client());
  client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 1; }));
}

TEST(Tls, AClientThatHasSaidFarewellGetsItsAnswer) {
  const TlsFolder folder;
  TestServer test(tls(folder, "certificate.pem", "key.pem"));
  TlsClient client(test.client());
  TlsClient gone(test.client());
  for (TlsClient* each : {&client, &gone}) {
    each->send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(each->connected());
  }
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 2; }));
  gone.finish_sending();
  gone.close();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 1; }));
  client.finish_sending();
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  test.seen.ring();
  EXPECT_TRUE(client.read_until("rung").starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(test.seen.gone, 1);
}

TEST(Tls, EndsWhatIsNoTls) {
  const TlsFolder folder;
  TestServer test(tls(folder, "certificate.pem", "key.pem"));
  Client plain = test.client();
  plain.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(plain.read_to_end().find("HTTP/"), std::string::npos);
  EXPECT_FALSE(TlsClient(test.client(), TLS1_1_VERSION).connected());
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 0; }));
  // A handshake has to come to its end in time.
  Client slow = test.client();
  slow.send("\x16\x03\x01");
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 1; }));
  test.advance_until([&] { return test.server->connections() == 0; });
  EXPECT_TRUE(slow.is_closed());
  EXPECT_TRUE(TlsClient(test.client()).connected());
}

TEST(Tls, FilesThatAreNoneSayWhichAndWhy) {
  const TlsFolder folder;
  const auto message = [&](std::string_view certificate, std::string_view key) -> std::string {
    try {
      Server server(Routes({}), tls(folder, certificate, key));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("certificate.pem", "key.pem"), "");
  const std::string missing = message("missing.pem", "key.pem");
  EXPECT_NE(missing.find("missing.pem"), missing.npos);
  EXPECT_NE(missing.find("No such file"), missing.npos) << missing;
  EXPECT_NE(message("certificate.pem", "").find("can't be read"), missing.npos);
  EXPECT_NE(message("key.pem", "key.pem").find("no certificate"), missing.npos);
  EXPECT_NE(message("certificate.pem", "certificate.pem").find("no private key"), missing.npos);
  EXPECT_NE(message("certificate.pem", "locked.pem").find("locked.pem"), missing.npos);
  EXPECT_NE(message("certificate.pem", "other.pem").find("other.pem"), missing.npos);
}

}  // namespace
}  // namespace sirocco::http
