#include "sirocco/hub/hub_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::json;

constexpr int kMaxTries = 4;
constexpr int kMaxRedirects = 8;
constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxFiles = 20'000;
constexpr int kMaxPages = 200;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 44;  // 16 TiB

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_success(int status) { return status == 200 || status == 206; }

/// Passes an answer on to `inner`, unless it is a redirect or a failure, of which only the head
/// counts.
class Sieve final : public HttpBody {
 public:
  explicit Sieve(HttpBody& inner) : inner_(inner) {}

  bool begin(const HttpHead& head) override {
    head_ = head;
    passes_ = is_success(head.status) || head.status == 416;
    return !passes_ || inner_.begin(head);
  }
  bool take(std::span<const std::byte> bytes) override {
    if (passes_) return inner_.take(bytes);
    // A short one is read to its end, so that the connection can be kept.
    constexpr std::size_t kMaxSkipped = std::size_t{64} << 10;
    skipped_ += bytes.size();
    return skipped_ <= kMaxSkipped;
  }

  const HttpHead& head() const { return head_; }
  bool passes() const { return passes_; }

 private:
  HttpBody& inner_;
  HttpHead head_;
  bool passes_ = false;
  std::size_t skipped_ = 0;
};

/// The address of rel="next" in a Link header (RFC 8288); empty without.
std::string next_page(const std::string& links) {
  std::string_view rest = links;
  while (true) {
    const std::size_t begin = rest.find('<');
    const std::size_t end = rest.find('>', std::min(begin, rest.size()));
    if (begin == rest.npos || end == rest.npos) return "";
    const std::string_view address = rest.substr(begin + 1, end - begin - 1);
    rest.remove_prefix(end + 1);
    const std::string_view parameters = rest.substr(0, rest.find('<'));
    if (parameters.find("rel=\"next\"") != rest.npos || parameters.find("rel=next") != rest.npos)
      return std::string(address);
  }
}

const std::string* text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<std::uint64_t> size_at(const Json& object) {
  const auto found = object.find("size");
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

/// One entry of a list of files; nothing for what isn't a file or is hidden.
std::optional<RepositoryFile> file_in(const Json& entry, std::string_view origin) {
  const auto malformed = [&](std::string_view what) -> FormatError {
    return FormatError("{}: an entry {}; expected files with a path, a size and a hash", origin,
                       what);
  };
  if (!entry.is_object()) throw malformed("isn't an object");
  const std::string* const type = text_at(entry, "type");
  const std::string* const path = text_at(entry, "path");
  if (type == nullptr || path == nullptr) throw malformed("without a type or a path");
  if (*type != "file") return std::nullopt;
  const bool hidden = path->starts_with('.') || path->find("/.") != std::string::npos;
  const std::optional<RepositoryPath> checked = RepositoryPath::parse(*path);
  if (!checked) {
    // Git itself allows no part "." or "..": such a name means harm.
    const bool leads_out =
        ("/" + *path + "/").find("/../") != std::string::npos || path->starts_with('/');
    if (hidden && !leads_out) return std::nullopt;
    throw FormatError("{}: lists a file {}, which can't be written here", origin,
                      sirocco::quoted(*path));
  }
  std::optional<std::uint64_t> size = size_at(entry);
  std::optional<ContentHash> hash;
  if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
    size = size_at(*lfs);
    if (const std::string* const oid = text_at(*lfs, "oid"))
      hash = ContentHash::parse(ContentHash::Kind::kSha256,
                                oid->starts_with("sha256:") ? oid->substr(7) : *oid);
  } else if (const std::string* const oid = text_at(entry, "oid")) {
    hash = ContentHash::parse(ContentHash::Kind::kGitBlob, *oid);
  }
  if (!size || *size > kMaxFileBytes || !hash)
    throw FormatError("{}: {} has no size or hash that can be checked", origin,
                      sirocco::quoted(*path));
  return RepositoryFile{*checked, *size, *hash};
}

}  // namespace

/// What is asked for, for messages about why it can't be had.
struct HubClient::Question {
  const HubName& name;
  std::string_view revision;
  const RepositoryPath* path = nullptr;
  std::string what;  ///< "the list of files of ORG/NAME"
};

struct HubClient::Answer final : HttpBody {
  HttpHead head;
  std::string text;
  std::string what;

  bool begin(const HttpHead& h) override {
    head = h;
    text.clear();
    return true;
  }
  bool take(std::span<const std::byte> bytes) override {
    if (text.size() + bytes.size() > kMaxAnswerBytes)
      throw FormatError("{}: an answer of more than {} MiB", what, kMaxAnswerBytes >> 20);
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
  Json json() const {
    try {
      return Json::parse(text);
    } catch (const Json::exception&) {
      throw FormatError("{}: the answer is no JSON; is HF_ENDPOINT the address of a hub?", what);
    }
  }
};

HubClient::HubClient(const HubAddress& hub, HttpTransport& transport, HubClock& clock,
                     std::function<void(const std::string&)> say)
    : hub_(hub), transport_(transport), clock_(clock), say_(std::move(say)) {}

void HubClient::refuse(const HttpHead& head, const Question& question) const {
  const std::string* const code_header = head.find("X-Error-Code");
  const std::string code = code_header == nullptr ? "" : *code_header;
  const std::string& repository = question.name.repository();
  if (code == "GatedRepo" || head.status == 403) {
    throw IoError(
        "{} is gated{}: its page {} says whom it is given to; accept what it asks for, and give a "
        "token of that account in HF_TOKEN{}",
        repository, code == "GatedRepo" ? "" : " or private",
        hub_.endpoint.below("/" + repository).text(),
        hub_.token.empty() ? "" : " (that of " + hub_.token_origin + " isn't let in)");
  }
  if (code == "RevisionNotFound")
    throw NotFound("{} has no revision {}: give a branch, a tag or a commit of it", repository,
                   sirocco::quoted(question.revision));
  if (code == "EntryNotFound" || (head.status == 404 && question.path != nullptr))
    throw NotFound("{} has no file {} any more; pull it again", repository,
                   sirocco::quoted(question.path == nullptr ? "" : question.path->text(), 400));
  // Who isn't let in is told no more than who asks for what isn't there.
  if (head.status == 401 && !hub_.token.empty() && code != "RepoNotFound")
    throw IoError("the hub {} doesn't take the token of {}: give a valid one", hub_.endpoint.text(),
                  hub_.token_origin);
  if (head.status == 401 || head.status == 404)
    throw NotFound(
        "the hub {} has no model {} for {}: check the name; a private or gated model "
        "needs a token in HF_TOKEN",
        hub_.endpoint.text(), repository,
        hub_.token.empty() ? "everyone" : "the token of " + hub_.token_origin);
  const std::string* const message = head.find("X-Error-Message");
  throw IoError("{}: the server answers with status {}{}{}", question.what, head.status,
                message == nullptr ? "" : ": ",
                message == nullptr ? "" : sirocco::quoted(*message, 200));
}

std::optional<Setback> HubClient::exchange(const Url& url, const Question& question,
                                           std::span<const HttpHeader> headers, HttpBody& body,
                                           const std::stop_token& stop) {
  Url at = url;
  for (int redirects = 0;; ++redirects) {
    std::vector<HttpHeader> sent(headers.begin(), headers.end());
    if (!hub_.token.empty() && at.origin() == hub_.endpoint.origin())
      sent.push_back({"Authorization", "Bearer " + hub_.token});
    Sieve sieve(body);
    const HttpEnd end = transport_.get(at.text(), sent, sieve, stop);
    if (end.kind == HttpEnd::Kind::kCancelled) throw Cancelled("interrupted");
    if (end.kind == HttpEnd::Kind::kRefused) throw IoError("{}: {}", question.what, end.reason);
    const HttpHead& head = sieve.head();
    if (is_redirect(head.status)) {
      const std::string* const location = head.find("Location");
      if (location == nullptr)
        throw FormatError("{}: the server redirects to nowhere", question.what);
      if (redirects == kMaxRedirects)
        throw FormatError("{}: more than {} redirects", question.what, kMaxRedirects);
      const Url next = at.resolved(*location, question.what);
      if (at.is_encrypted() && !next.is_encrypted())
        throw FormatError("{}: a redirect from https to http ({}), which isn't followed",
                          question.what, sirocco::quoted(next.origin()));
      at = next;
      continue;
    }
    if (head.status != 0 && !sieve.passes()) {
      if (std::optional<Setback> setback = setback_of(head, clock_.date())) return setback;
      // Another host's refusal says nothing of the repository: its addresses are made for a while.
      if (at.origin() != hub_.endpoint.origin() && (head.status == 401 || head.status == 403))
        return Setback{fmt::format("{} refuses ({})", at.origin(), head.status), std::nullopt};
      refuse(head, question);
    }
    if (end.kind == HttpEnd::Kind::kCut) return Setback{end.reason, std::nullopt};
    return std::nullopt;
  }
}

HubClient::Answer HubClient::ask(const Url& url, const Question& question,
                                 const std::stop_token& stop) {
  Patience patience(clock_, kMaxTries, say_);
  while (true) {
    Answer answer;
    answer.what = question.what;
    const std::optional<Setback> setback = exchange(url, question, {}, answer, stop);
    if (!setback) return answer;
    patience.wait_after(*setback, question.what, stop);
  }
}

std::string HubClient::commit_of(const HubName& name, const std::string& revision,
                                 const std::stop_token& stop) {
  const Question question{name, revision, nullptr, fmt::format("{} on the hub", name.repository())};
  const Json answer =
      ask(hub_.endpoint.below(fmt::format("/api/models/{}/revision/{}", name.repository(),
                                          percent_encoded(revision))),
          question, stop)
          .json();
  const std::string* const sha = answer.is_object() ? text_at(answer, "sha") : nullptr;
  if (sha == nullptr || !ContentHash::parse(ContentHash::Kind::kGitBlob, *sha))
    throw FormatError("{}: the answer names no commit; is HF_ENDPOINT the address of a hub?",
                      question.what);
  return *sha;
}

std::vector<RepositoryFile> HubClient::files_of(const HubName& name, const std::string& commit,
                                                const std::stop_token& stop) {
  const Question question{name, commit, nullptr,
                          fmt::format("the list of files of {}", name.repository())};
  Url page = hub_.endpoint.below(
      fmt::format("/api/models/{}/tree/{}?recursive=true", name.repository(), commit));
  std::vector<RepositoryFile> files;
  for (int pages = 1;; ++pages) {
    const Answer answer = ask(page, question, stop);
    const Json list = answer.json();
    if (!list.is_array()) throw FormatError("{}: the answer is no list", question.what);
    for (const Json& entry : list) {
      if (std::optional<RepositoryFile> file = file_in(entry, question.what))
        files.push_back(std::move(*file));
    }
    if (files.size() > kMaxFiles)
      throw FormatError("{}: more than {} files", question.what, kMaxFiles);
    const std::string* const links = answer.head.find("Link");
    const std::string next = links == nullptr ? "" : next_page(*links);
    if (next.empty()) break;
    if (pages == kMaxPages) throw FormatError("{}: more than {} pages", question.what, kMaxPages);
    page = page.resolved(next, question.what);
    if (page.origin() != hub_.endpoint.origin())
      throw FormatError("{}: goes on at another server, {}", question.what,
                        sirocco::quoted(page.origin()));
  }
  std::ranges::sort(files, {}, &RepositoryFile::path);
  const auto twice = std::ranges::adjacent_find(files, {}, &RepositoryFile::path);
  if (twice != files.end())
    throw FormatError("{}: lists {} twice", question.what, sirocco::quoted(twice->path.text()));
  return files;
}

std::optional<Setback> HubClient::fetch(const HubName& name, const std::string& commit,
                                        const RepositoryPath& path,
                                        std::span<const HttpHeader> headers, HttpBody& body,
                                        const std::stop_token& stop) {
  const Question question{name, commit, &path, path.text()};
  const Url url = hub_.endpoint.below(fmt::format("/{}/resolve/{}/{}", name.repository(), commit,
                                                  percent_encoded(path.text(), true)));
  return exchange(url, question, headers, body, stop);
}

}  // namespace sirocco
