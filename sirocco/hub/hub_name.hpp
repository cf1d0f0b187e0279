#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace sirocco {

/// A HubName says which model of a hub is meant: "ORG/NAME", then in any order ":WHAT" (a file of
/// it, or a weight format such as Q4_K_M) and "@REVISION" (a branch, a tag or a commit).
class HubName {
 public:
  /// Nothing for what isn't such a name, whatever else it may be.
  static std::optional<HubName> parse(std::string_view text);

  /// "ORG/NAME".
  const std::string& repository() const { return repository_; }
  std::string_view organization() const {
    return std::string_view(repository_).substr(0, repository_.find('/'));
  }
  /// What stands behind the colon; empty without.
  const std::string& what() const { return what_; }
  /// Nothing where the name doesn't say.
  const std::optional<std::string>& revision() const { return revision_; }
  /// As it is written: "ORG/NAME:WHAT@REVISION".
  std::string text() const;

  HubName with_what(std::string_view what) const;
  /// The same with another revision. Throws InvalidArgument for one that can't be.
  HubName with_revision(std::string_view revision) const;

 private:
  std::string repository_;
  std::string what_;
  std::optional<std::string> revision_;
};

/// A RepositoryPath is the name of a file in a repository, relative and with slashes, which stays
/// in the folder that it is written below whatever the hub says: no part of it is empty, begins
/// with a dot, or holds a backslash, a colon or a control character, and there are bounds.
class RepositoryPath {
 public:
  /// Nothing for what isn't one.
  static std::optional<RepositoryPath> parse(std::string_view text);

  const std::string& text() const { return text_; }
  /// The last part.
  std::string_view file_name() const {
    return std::string_view(text_).substr(text_.rfind('/') + 1);
  }

  friend auto operator<=>(const RepositoryPath&, const RepositoryPath&) = default;

 private:
  explicit RepositoryPath(std::string_view text) : text_(text) {}
  std::string text_;
};

}  // namespace sirocco
