#include "sirocco/hub/content_hash.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

struct KindTraits {
  ContentHash::Kind kind;
  std::string_view prefix;
  std::size_t digits;
  const EVP_MD* (*algorithm)();
};
constexpr std::array kKinds = {
    KindTraits{ContentHash::Kind::kSha256, "sha256:", 64, EVP_sha256},
    KindTraits{ContentHash::Kind::kGitBlob, "git:", 40, EVP_sha1},
};

const KindTraits& traits(ContentHash::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

std::optional<ContentHash> ContentHash::parse(Kind kind, std::string_view hexadecimal) {
  std::string digits(hexadecimal);
  for (char& c : digits) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool hex = std::ranges::all_of(
      digits, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hex || digits.size() != traits(kind).digits) return std::nullopt;
  return ContentHash(kind, std::move(digits));
}

std::optional<ContentHash> ContentHash::parse(std::string_view text) {
  for (const KindTraits& known : kKinds) {
    if (text.starts_with(known.prefix)) return parse(known.kind, text.substr(known.prefix.size()));
  }
  return std::nullopt;
}

std::string ContentHash::text() const { return std::string(traits(kind_).prefix) + digits_; }

struct ContentHasher::State {
  ContentHash::Kind kind;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context;
};

ContentHasher::ContentHasher(ContentHash::Kind kind, std::uint64_t size)
    : state_(std::make_unique<State>()) {
  state_->kind = kind;
  state_->context.reset(EVP_MD_CTX_new());
  if (state_->context == nullptr ||
      EVP_DigestInit_ex(state_->context.get(), traits(kind).algorithm(), nullptr) != 1)
    throw IoError("OpenSSL computes no {} here", traits(kind).prefix);
  if (kind == ContentHash::Kind::kGitBlob) {
    const std::string begin = fmt::format("blob {}", size);
    add(std::as_bytes(std::span(begin.c_str(), begin.size() + 1)));
  }
}

ContentHasher::~ContentHasher() = default;

void ContentHasher::add(std::span<const std::byte> bytes) {
  SIROCCO_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

ContentHash ContentHasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  SIROCCO_CHECK(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) == 1);
  std::string digits;
  for (unsigned i = 0; i < size; ++i) digits += fmt::format("{:02x}", digest[i]);
  return *ContentHash::parse(state_->kind, digits);
}

ContentHash hash_of_file(const std::filesystem::path& path, ContentHash::Kind kind,
                         const std::stop_token& stop) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const auto fail = [&]() {
    throw IoError("can't read {}: {}", printable(path), std::strerror(errno));
  };
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.number < 0 || fstat(file.number, &status) != 0) fail();
  ContentHasher hasher(kind, static_cast<std::uint64_t>(status.st_size));
  std::vector<std::byte> piece(kPiece);
  while (true) {
    if (stop.stop_requested()) throw Cancelled("interrupted");
    const ssize_t count = read(file.number, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail();
    if (count == 0) return hasher.finish();
    hasher.add(std::span(piece).first(static_cast<std::size_t>(count)));
  }
}

}  // namespace sirocco
