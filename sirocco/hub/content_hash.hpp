#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace sirocco {

/// A ContentHash is what a file must hash to: SHA-256 of its bytes, as Git LFS names large files,
/// or SHA-1 of a Git blob, as Git names the others.
class ContentHash {
 public:
  enum class Kind { kSha256, kGitBlob };

  /// From 64 hexadecimal digits (kSha256) or 40 (kGitBlob); nothing for anything else.
  static std::optional<ContentHash> parse(Kind kind, std::string_view hexadecimal);
  /// From what `text` gives.
  static std::optional<ContentHash> parse(std::string_view text);

  Kind kind() const { return kind_; }
  /// "sha256:0123…" or "git:0123…".
  std::string text() const;

  friend bool operator==(const ContentHash&, const ContentHash&) = default;

 private:
  ContentHash(Kind kind, std::string digits) : kind_(kind), digits_(std::move(digits)) {}

  Kind kind_;
  std::string digits_;  // lower case
};

/// A ContentHasher hashes bytes as they come. `size` is how many there will be: a Git blob begins
/// with it.
class ContentHasher {
 public:
  ContentHasher(ContentHash::Kind kind, std::uint64_t size);
  ~ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;

  void add(std::span<const std::byte> bytes);
  /// Once, and the last call.
  ContentHash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The hash of a file's bytes. Throws IoError where they can't be read, Cancelled when a stop is
/// requested.
ContentHash hash_of_file(const std::filesystem::path& path, ContentHash::Kind kind,
                         const std::stop_token& stop);

}  // namespace sirocco
