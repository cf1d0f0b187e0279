#include "sirocco/server/fetch/picture_fetcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/curl_transport.hpp"
#include "sirocco/hub/url.hpp"
#include "sirocco/server/fetch/transfer.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kWhat = "a picture's address";
constexpr std::size_t kMaxAddresses = 16;

std::chrono::milliseconds milliseconds(Seconds seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

bool is_redirect(int status) {
  constexpr std::array kRedirects = {301, 302, 303, 307, 308};
  return std::ranges::find(kRedirects, status) != kRedirects.end();
}

/// Whether bytes of that type may be a picture; what they are, they say themselves.
bool may_be_picture(std::string_view type) {
  return type.empty() || type.starts_with("image/") || type == "application/octet-stream" ||
         type == "binary/octet-stream";
}

/// The bytes that files hold which somebody has, of all threads together.
class HeldBytes {
 public:
  explicit HeldBytes(std::size_t most) : most_(most) {}
  bool take(std::size_t bytes) {
    std::size_t now = held_.load();
    do {
      if (bytes > most_ - now) return false;
    } while (!held_.compare_exchange_weak(now, now + bytes));
    return true;
  }
  void give_back(std::size_t bytes) { held_ -= bytes; }

 private:
  const std::size_t most_;
  std::atomic<std::size_t> held_ = 0;
};

/// A host as it is compared: without the dot that a name may end with.
std::string_view plain_host(std::string_view host) {
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

}  // namespace

bool is_listed_host(std::string_view host, std::span<const std::string> hosts) {
  host = plain_host(host);
  return std::ranges::any_of(hosts, [&](std::string_view listed) {
    return listed.starts_with('.') ? host.ends_with(listed) && host.size() > listed.size()
                                   : host == listed;
  });
}

/// What a fetching and the thread that does it share.
struct Fetching::State {
  const std::string url;
  const std::size_t max_bytes;
  const std::function<void()> ring;
  std::stop_source stop;
  mutable std::mutex mutex;
  // Under the mutex: nothing before the end.
  std::optional<std::variant<FetchedFile, std::exception_ptr>> end;

  State(std::string u, std::size_t most, std::function<void()> r)
      : url(std::move(u)), max_bytes(most), ring(std::move(r)) {}
};

Fetching::Fetching(std::shared_ptr<State> state) : state_(std::move(state)) {}
Fetching& Fetching::operator=(Fetching&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Fetching::~Fetching() {
  if (state_ != nullptr) state_->stop.request_stop();
}

bool Fetching::ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->end.has_value();
}

FetchedFile Fetching::take() {
  const std::lock_guard lock(state_->mutex);
  SIROCCO_CHECK(state_->end.has_value());
  if (const auto* error = std::get_if<std::exception_ptr>(&*state_->end))
    std::rethrow_exception(*error);
  return std::exchange(std::get<FetchedFile>(*state_->end), nullptr);
}

struct PictureFetcher::State {
  explicit State(FetchOptions o)
      : options(std::move(o)), held(std::make_shared<HeldBytes>(options.max_held_bytes)) {}

  void work();
  FetchedFile fetch(const Fetching::State& job) const;
  std::vector<IpAddress> checked_addresses(const Url& url) const;

  FetchOptions options;
  std::shared_ptr<HeldBytes> held;  // files may outlive the fetcher
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Fetching::State>> waiting;
  std::vector<std::shared_ptr<Fetching::State>> running;
  bool ends = false;
  std::vector<std::thread> threads;
};

std::vector<IpAddress> PictureFetcher::State::checked_addresses(const Url& url) const {
  if (!options.hosts.empty() && !is_listed_host(url.host(), options.hosts))
    throw InvalidArgument("{} isn't among the hosts that pictures are fetched from",
                          sirocco::quoted(url.host()));
  std::vector<IpAddress> addresses = options.resolve(url.host());
  if (addresses.size() > kMaxAddresses)
    addresses.erase(addresses.begin() + kMaxAddresses, addresses.end());
  const std::vector<IpNetwork> own = own_networks();
  const auto is_refused = [&](const IpAddress& address) {
    if (options.also_allowed && options.also_allowed(address, url.port())) return false;
    return non_public_range(address).has_value() ||
           std::ranges::any_of(own,
                               [&](const IpNetwork& network) { return network.holds(address); });
  };
  // What it leads to inside is nobody's affair outside.
  if (addresses.empty() || std::ranges::any_of(addresses, is_refused))
    throw InvalidArgument("{} isn't a public host; pictures are fetched from no other",
                          sirocco::quoted(url.host()));
  return addresses;
}

FetchedFile PictureFetcher::State::fetch(const Fetching::State& job) const {
  const Clock::time_point until = Clock::now() + milliseconds(options.max_s);
  const std::stop_token stop = job.stop.get_token();
  Url url = Url::parse(job.url, kWhat);
  for (int redirects = 0;; ++redirects) {
    const std::vector<IpAddress> addresses = checked_addresses(url);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) throw IoError("it took more than {:.0f} s", options.max_s);
    TransferEnd end =
        transfer(url, addresses,
                 {.max_bytes = std::min(job.max_bytes, options.max_bytes),
                  .connect_timeout = std::min(left, milliseconds(options.max_connect_s)),
                  .timeout = left},
                 stop);
    if (is_redirect(end.status) && !end.location.empty()) {
      if (redirects == options.max_redirects)
        throw InvalidArgument("it is redirected more than {} times", options.max_redirects);
      Url next = url.resolved(end.location, kWhat);
      if (url.is_encrypted() && !next.is_encrypted())
        throw InvalidArgument("it is redirected from https to http");
      url = std::move(next);
      continue;
    }
    if (end.status != 200)
      throw InvalidArgument("its server answers with the status {}", end.status);
    if (!may_be_picture(end.content_type))
      throw InvalidArgument("its server says that it is {}", sirocco::quoted(end.content_type));
    const std::size_t bytes = end.body.size();
    if (!held->take(bytes))
      throw Busy("there is no room for more fetched pictures; try again later");
    return {new std::vector<std::byte>(std::move(end.body)),
            [held = held, bytes](const std::vector<std::byte>* file) {
              delete file;
              held->give_back(bytes);
            }};
  }
}

void PictureFetcher::State::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return ends || !waiting.empty(); });
    if (ends) return;
    const std::shared_ptr<Fetching::State> job = std::move(waiting.front());
    waiting.pop_front();
    if (job->stop.stop_requested()) continue;
    running.push_back(job);
    lock.unlock();
    std::variant<FetchedFile, std::exception_ptr> end;
    try {
      end = fetch(*job);
    } catch (...) {
      end = std::current_exception();
    }
    {
      const std::lock_guard of_job(job->mutex);
      job->end = std::move(end);
    }
    job->ring();
    lock.lock();
    std::erase(running, job);
  }
}

PictureFetcher::PictureFetcher(FetchOptions options) {
  start_curl();
  for (std::string& host : options.hosts) {
    for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::string_view name = std::string_view(host).substr(host.starts_with('.') ? 1 : 0);
    if (name.empty() || name.find_first_of("/:@*[] ") != std::string_view::npos)
      throw InvalidArgument(
          "{} is no name of a host: expected a.example, or .a.example for all "
          "names below it",
          sirocco::quoted(host));
  }
  if (options.threads < 1)
    throw InvalidArgument("pictures are fetched by {} threads", options.threads);
  if (!options.resolve) options.resolve = resolved_addresses;
  state_ = std::make_unique<State>(std::move(options));
  for (int i = 0; i < state_->options.threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
}

PictureFetcher::~PictureFetcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ends = true;
    for (const auto& job : state_->running) job->stop.request_stop();
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

const FetchOptions& PictureFetcher::options() const { return state_->options; }

Fetching PictureFetcher::begin(std::string url, std::size_t max_bytes, std::function<void()> ring) {
  auto job = std::make_shared<Fetching::State>(std::move(url), max_bytes, std::move(ring));
  {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->waiting, [](const auto& other) { return other->stop.stop_requested(); });
    if (state_->waiting.size() >= state_->options.max_waiting)
      throw Busy("{} pictures wait to be fetched; try again later", state_->waiting.size());
    state_->waiting.push_back(job);
  }
  state_->changed.notify_one();
  return Fetching(std::move(job));
}

}  // namespace sirocco
