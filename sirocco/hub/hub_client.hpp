#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "sirocco/hub/http.hpp"
#include "sirocco/hub/hub_name.hpp"
#include "sirocco/hub/patience.hpp"
#include "sirocco/hub/selection.hpp"
#include "sirocco/hub/url.hpp"

namespace sirocco {

/// A HubAddress is where a hub is, and who asks.
struct HubAddress {
  Url endpoint;
  std::string token;  ///< empty without one
  /// Where the token came from, for messages: "HF_TOKEN", or a file.
  std::string token_origin;
};

/// The hub that the environment names: HF_ENDPOINT, else huggingface.co; the token of HF_TOKEN,
/// else of the file that huggingface_hub keeps it in (HF_TOKEN_PATH, HF_HOME). Throws FormatError
/// or InvalidArgument for what can't be.
HubAddress hub_of_environment();

/// A HubClient asks a hub (the public HTTP API of huggingface.co) what a repository has, and
/// fetches from it. It follows a bounded number of redirects, over http and https only, never from
/// https to http; the token goes to the hub's own origin and nowhere else. For one thread, as its
/// transport.
class HubClient {
 public:
  /// Both are kept by the caller for as long as the client.
  HubClient(const HubAddress& hub, HttpTransport& transport, HubClock& clock,
            std::function<void(const std::string&)> say);

  /// The commit (40 hexadecimal digits) that `revision` is of a repository now. Throws NotFound or
  /// IoError, which say what to do; so do the others.
  std::string commit_of(const HubName& name, const std::string& revision,
                        const std::stop_token& stop);

  /// The files of a repository, all pages of the list, sorted by path; names that begin with a dot
  /// are left out. Throws FormatError for an answer that isn't a list of files, for names that lead
  /// out of a folder, and beyond the bounds.
  std::vector<RepositoryFile> files_of(const HubName& name, const std::string& commit,
                                       const std::stop_token& stop);

  /// One answer to a request for a file, redirects followed. A status that isn't 200, 206 or 416 is
  /// an error or a setback. `headers` go to every server on the way.
  std::optional<Setback> fetch(const HubName& name, const std::string& commit,
                               const RepositoryPath& path, std::span<const HttpHeader> headers,
                               HttpBody& body, const std::stop_token& stop);

 private:
  struct Question;
  struct Answer;
  std::optional<Setback> exchange(const Url& url, const Question& question,
                                  std::span<const HttpHeader> headers, HttpBody& body,
                                  const std::stop_token& stop);
  Answer ask(const Url& url, const Question& question, const std::stop_token& stop);
  [[noreturn]] void refuse(const HttpHead& head, const Question& question) const;

  const HubAddress& hub_;
  HttpTransport& transport_;
  HubClock& clock_;
  std::function<void(const std::string&)> say_;
};

}  // namespace sirocco
