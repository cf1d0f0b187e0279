#include "sirocco/hub/downloads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/content_range.hpp"

namespace sirocco {
namespace {

constexpr int kMaxTries = 6;

/// One file of the downloads. Guarded by their mutex, but for the partial file itself.
struct Item {
  PartialFile* file;
  bool answered = false;  ///< whether the server has shown if it gives parts
  std::set<std::size_t> busy;
  bool in_check = false;
  int wrong_copies = 0;
};

/// What a thread does next. A segment belongs to one beginning of its file.
struct Job {
  Item* item;
  std::optional<std::size_t> segment;  ///< to be fetched; the file is to be checked without
  int beginning;
};

class Downloads;

/// Takes an answer for a segment into its file.
class SegmentBody final : public HttpBody {
 public:
  SegmentBody(Downloads& downloads, Job& job, Patience& patience)
      : downloads_(downloads), job_(job), patience_(patience) {}

  bool begin(const HttpHead& head) override;
  bool take(std::span<const std::byte> bytes) override;

  /// What doesn't fit the list of files; empty while all does.
  const std::string& wrong() const { return wrong_; }
  /// Why the answer is of no use, without being wrong; empty while it is of use.
  const std::string& useless() const { return useless_; }

 private:
  bool begin_part(const HttpHead& head);
  bool begin_whole(const HttpHead& head);
  bool is_wrong(std::uint64_t size);

  Downloads& downloads_;
  Job& job_;
  Patience& patience_;
  std::string wrong_;
  std::string useless_;
};

class Downloads {
 public:
  Downloads(const HubConnection& connection, const HubName& name, const std::string& commit,
            std::span<const std::unique_ptr<PartialFile>> files)
      : connection_(connection), name_(name), commit_(commit), files_(files) {
    for (const auto& file : files) {
      total_ += file->file().size;
      if (!file->is_checked()) items_.push_back({file.get(), false, {}, false, 0});
    }
  }

  void run(PullObserver& observer, const std::stop_token& outer) {
    const std::stop_callback pass_on(outer, [this] { stop(); });
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < connection_.connections; ++i) threads.emplace_back([this] { work(); });
      try {
        watch(observer, connection_.connections);
      } catch (...) {
        stop();
        throw;
      }
    }
    deliver(observer);
    if (failure_) std::rethrow_exception(failure_);
    if (outer.stop_requested()) throw Cancelled("interrupted");
  }

  /// The server gives no parts: the job goes on as the whole file's. False where another thread has
  /// begun it anew already.
  bool begin_anew_in_one(Job& job) {
    const std::lock_guard lock(mutex_);
    if (job.item->file->beginning() != job.beginning) return false;
    restart(*job.item, true);
    job.beginning = job.item->file->beginning();
    job.segment = 0;
    job.item->busy = {0};
    job.item->answered = true;
    return true;
  }
  void has_answered(Job& job) {
    const std::lock_guard lock(mutex_);
    job.item->answered = true;
    changed_.notify_all();
  }

 private:
  void stop() {
    stop_.request_stop();
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  void watch(PullObserver& observer, int threads) {
    constexpr std::chrono::milliseconds kBetween{100};
    std::unique_lock lock(mutex_);
    while (ended_threads_ < threads) {
      ended_.wait_for(lock, kBetween);
      lock.unlock();
      deliver(observer);
      observer.progress(bytes_there(), total_);
      lock.lock();
    }
  }

  /// Of all files. Asked of them, since a file that begins anew while bytes come in would confuse a
  /// count.
  std::uint64_t bytes_there() const {
    std::uint64_t sum = 0;
    for (const std::unique_ptr<PartialFile>& file : files_) sum += file->bytes_there();
    return sum;
  }

  void deliver(PullObserver& observer) {
    std::vector<std::string> notes;
    {
      const std::lock_guard lock(mutex_);
      notes.swap(notes_);
    }
    for (const std::string& note : notes) observer.note(note);
  }

  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(line);
    ended_.notify_all();
  }

  /// A thread's life.
  void work() {
    try {
      const std::unique_ptr<HttpTransport> transport = connection_.connect();
      const auto tell = [this](const std::string& line) { say(line); };
      HubClient client(connection_.hub, *transport, connection_.clock, tell);
      while (std::optional<Job> job = next_job()) {
        if (job->segment) {
          Patience patience(connection_.clock, kMaxTries, tell);
          fetch(client, patience, *job);
        } else {
          check(*job->item);
        }
        finish(*job);
      }
    } catch (...) {
      {
        const std::lock_guard lock(mutex_);
        // What others throw because of it says less.
        if (!failure_ && !stop_.stop_requested()) failure_ = std::current_exception();
      }
      stop();
    }
    const std::lock_guard lock(mutex_);
    ++ended_threads_;
    ended_.notify_all();
  }

  /// Waits for something to do; nothing when all is done or to be stopped.
  std::optional<Job> next_job() {
    std::unique_lock lock(mutex_);
    while (true) {
      if (stop_.stop_requested()) return std::nullopt;
      bool all_done = true;
      for (Item& item : items_) {
        if (item.file->is_checked()) continue;
        all_done = false;
        if (item.in_check) continue;
        if (item.file->is_whole()) {
          if (!item.busy.empty()) continue;
          item.in_check = true;
          return Job{&item, std::nullopt, item.file->beginning()};
        }
        if (const std::optional<std::size_t> segment = free_segment(item)) {
          item.busy.insert(*segment);
          return Job{&item, segment, item.file->beginning()};
        }
      }
      if (all_done) return std::nullopt;
      changed_.wait(lock);
    }
  }

  /// One to fetch. Until the server has answered, one at a time: it may give no parts.
  static std::optional<std::size_t> free_segment(const Item& item) {
    if (!item.answered && !item.busy.empty()) return std::nullopt;
    for (std::size_t i = 0; i < item.file->segments(); ++i) {
      if (!item.busy.contains(i) && !item.file->segment(i).is_whole()) return i;
    }
    return std::nullopt;
  }

  void finish(const Job& job) {
    const std::lock_guard lock(mutex_);
    if (job.segment) {
      if (job.beginning == job.item->file->beginning()) job.item->busy.erase(*job.segment);
    } else {
      job.item->in_check = false;
    }
    changed_.notify_all();
  }

  /// With the mutex held.
  void restart(Item& item, bool in_one_segment) {
    item.busy.clear();
    item.file->start_anew(in_one_segment);
  }

  void fetch(HubClient& client, Patience& patience, Job& job) {
    PartialFile& file = *job.item->file;
    while (true) {
      std::vector<HttpHeader> headers;
      {
        const std::lock_guard lock(mutex_);
        if (file.beginning() != job.beginning) return;
        const PartialFile::Segment segment = file.segment(*job.segment);
        if (segment.is_whole()) return;
        if (segment.next() > 0 || segment.end < file.file().size) {
          headers.push_back({"Range", fmt::format("bytes={}-{}", segment.next(), segment.end - 1)});
          if (const std::string tag = file.tag(); !tag.empty())
            headers.push_back({"If-Range", tag});
        }
      }
      SegmentBody body(*this, job, patience);
      std::optional<Setback> setback =
          client.fetch(name_, commit_, file.file().path, headers, body, stop_.get_token());
      if (!body.wrong().empty()) {
        throw_away(job, body.wrong());
        return;
      }
      {
        const std::lock_guard lock(mutex_);
        if (file.beginning() != job.beginning || file.segment(*job.segment).is_whole()) return;
      }
      if (!setback)
        setback = Setback{body.useless().empty() ? "the answer ended early" : body.useless(),
                          std::nullopt};
      patience.wait_after(*setback, file.file().path.text(), stop_.get_token());
    }
  }

  void check(Item& item) {
    const RepositoryFile& expected = item.file->file();
    const ContentHash found =
        hash_of_file(item.file->path(), expected.hash.kind(), stop_.get_token());
    if (found == expected.hash) {
      item.file->set_checked();
      return;
    }
    throw_away(
        {&item, std::nullopt, item.file->beginning()},
        fmt::format("has the hash {}, the hub lists {}", found.text(), expected.hash.text()));
  }

  void throw_away(const Job& job, const std::string& why) {
    const std::string path = job.item->file->file().path.text();
    {
      const std::lock_guard lock(mutex_);
      if (job.beginning != job.item->file->beginning()) return;
      restart(*job.item, false);
      if (++job.item->wrong_copies > 1)
        throw FormatError(
            "{}: {}, a second time; it was thrown away: the server or something on the way to it "
            "gives other bytes",
            path, why);
    }
    say(fmt::format("{}: {}; it is thrown away and fetched once more", path, why));
  }

  const HubConnection& connection_;
  const HubName& name_;
  const std::string& commit_;
  const std::span<const std::unique_ptr<PartialFile>> files_;
  std::stop_source stop_;
  std::uint64_t total_ = 0;

  std::mutex mutex_;  // over what follows
  std::condition_variable changed_;
  std::condition_variable ended_;
  std::vector<Item> items_;
  std::vector<std::string> notes_;
  int ended_threads_ = 0;
  std::exception_ptr failure_;
};

bool SegmentBody::is_wrong(std::uint64_t size) {
  const std::uint64_t expected = job_.item->file->file().size;
  if (size == expected) return false;
  wrong_ = fmt::format("has {} bytes, the hub lists {}", size, expected);
  return true;
}

bool SegmentBody::begin(const HttpHead& head) {
  if (head.status == 416) {
    wrong_ = "is shorter than the hub lists it";
    return false;
  }
  return head.status == 206 ? begin_part(head) : begin_whole(head);
}

bool SegmentBody::begin_part(const HttpHead& head) {
  PartialFile& file = *job_.item->file;
  const std::optional<ContentRange> range = content_range(head);
  if (range && range->total && is_wrong(*range->total)) return false;
  const auto segment = file.segment(job_.beginning, *job_.segment);
  if (!segment) return false;
  if (!range || range->first != segment->next() || range->last >= segment->end) {
    useless_ = "the server gives another part of the file than was asked for";
    return false;
  }
  const std::string* const tag = head.find("ETag");
  // A weak one says nothing about bytes.
  if (tag != nullptr && !tag->starts_with("W/") && file.tag().empty()) file.set_tag(*tag);
  downloads_.has_answered(job_);
  return true;
}

bool SegmentBody::begin_whole(const HttpHead& head) {
  PartialFile& file = *job_.item->file;
  if (const auto length = content_length(head); length && is_wrong(*length)) return false;
  const auto segment = file.segment(job_.beginning, *job_.segment);
  if (!segment) return false;
  const bool is_all = segment->begin == 0 && segment->end == file.file().size;
  if ((!is_all || segment->next() > 0) && !downloads_.begin_anew_in_one(job_)) return false;
  const std::string* const tag = head.find("ETag");
  if (tag != nullptr && !tag->starts_with("W/")) file.set_tag(*tag);
  downloads_.has_answered(job_);
  return true;
}

bool SegmentBody::take(std::span<const std::byte> bytes) {
  PartialFile& file = *job_.item->file;
  const auto segment = file.segment(job_.beginning, *job_.segment);
  if (!segment) return false;
  if (bytes.size() > segment->end - segment->next()) {
    wrong_ = fmt::format("goes on behind the {} bytes that the hub lists", file.file().size);
    return false;
  }
  if (!file.append(job_.beginning, *job_.segment, bytes)) return false;
  patience_.gained();
  return true;
}

}  // namespace

void download(const HubConnection& connection, const HubName& name, const std::string& commit,
              std::span<const std::unique_ptr<PartialFile>> files, PullObserver& observer,
              const std::stop_token& stop) {
  Downloads(connection, name, commit, files).run(observer, stop);
}

}  // namespace sirocco
