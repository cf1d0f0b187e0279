#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/hub/content_hash.hpp"
#include "sirocco/hub/http.hpp"
#include "sirocco/hub/patience.hpp"
#include "sirocco/hub/selection.hpp"

namespace sirocco {

/// A clock on which waiting takes no time.
class FakeClock final : public HubClock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::chrono::sys_seconds date() const override {
    return std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  }
  void wait(std::chrono::milliseconds time, const std::stop_token& /*stop*/) override {
    const std::lock_guard lock(mutex_);
    now_ += time;
    waits_.push_back(time);
  }
  std::vector<std::chrono::milliseconds> waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point now_{};
  std::vector<std::chrono::milliseconds> waits_;
};

/// An answer as a test writes it; with a `cut`, the connection breaks after the body.
struct FakeAnswer {
  int status = 200;
  std::vector<HttpHeader> headers;
  std::string body;
  std::string cut;
};

/// A request as a FakeTransport got it.
struct FakeRequest {
  std::string url;
  std::vector<HttpHeader> headers;
  std::string header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &HttpHeader::name);
    return found == headers.end() ? "" : found->value;
  }
};

/// A transport that asks a function for answers. Several may share one; it is called by one thread
/// at a time.
class FakeTransport final : public HttpTransport {
 public:
  struct Shared {
    std::function<FakeAnswer(const FakeRequest&)> answer;
    std::mutex mutex;
    std::vector<FakeRequest> requests;
  };
  explicit FakeTransport(Shared& shared) : shared_(shared) {}

  HttpEnd get(const std::string& url, std::span<const HttpHeader> headers, HttpBody& body,
              const std::stop_token& stop) override {
    if (stop.stop_requested()) return {HttpEnd::Kind::kCancelled, ""};
    FakeAnswer answer;
    {
      const std::lock_guard lock(shared_.mutex);
      shared_.requests.push_back({url, {headers.begin(), headers.end()}});
      answer = shared_.answer(shared_.requests.back());
    }
    if (answer.status == 0) return {HttpEnd::Kind::kCut, answer.cut};
    if (!body.begin({answer.status, answer.headers})) return {HttpEnd::Kind::kStopped, ""};
    // In pieces, as a network brings them.
    constexpr std::size_t kPiece = 1000;
    std::string_view rest = answer.body;
    while (!rest.empty()) {
      const std::string_view piece = rest.substr(0, kPiece);
      if (!body.take(std::as_bytes(std::span(piece)))) return {HttpEnd::Kind::kStopped, ""};
      rest.remove_prefix(piece.size());
    }
    if (!answer.cut.empty()) return {HttpEnd::Kind::kCut, answer.cut};
    return {HttpEnd::Kind::kWhole, ""};
  }

 private:
  Shared& shared_;
};

/// A folder of the test's own, gone with it.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sirocco_hub_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline ContentHash hash_of(std::string_view bytes,
                           ContentHash::Kind kind = ContentHash::Kind::kSha256) {
  ContentHasher hasher(kind, bytes.size());
  hasher.add(std::as_bytes(std::span(bytes)));
  return hasher.finish();
}

/// A file of a repository whose content nobody looks at.
inline RepositoryFile listed(std::string_view path, std::uint64_t size = 10) {
  return {*RepositoryPath::parse(path), size, hash_of(path)};
}

inline RepositoryFile listed_with(std::string_view path, std::string_view content) {
  return {*RepositoryPath::parse(path), content.size(), hash_of(content)};
}

}  // namespace sirocco
