#include "sirocco/cli/terminal/history.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kLongestEntry = std::size_t{1} << 16;
/// A longer file is written anew, with the entries that fill half of it.
constexpr std::size_t kLongFile = std::size_t{1} << 20;

std::size_t trailing_backslashes(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  return line.size() - (last == line.npos ? 0 : last + 1);
}

std::string encoded(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    out += line;
    out.append(trailing_backslashes(line), '\\');
    if (end == text.size()) return out + '\n';
    out += "\\\n";
    text.remove_prefix(end + 1);
  }
}

std::deque<std::string> decoded(std::string_view file) {
  std::deque<std::string> entries;
  std::string entry;
  bool goes_on = false;
  while (!file.empty()) {
    const std::size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    const std::size_t backslashes = trailing_backslashes(line);
    goes_on = backslashes % 2 == 1;
    line.remove_suffix(backslashes - backslashes / 2);
    entry += line;
    if (goes_on) {
      entry += '\n';
    } else {
      entries.push_back(std::exchange(entry, {}));
    }
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  if (goes_on) entry.pop_back();
  entries.push_back(std::move(entry));
  return entries;
}

bool is_safe(const std::string& text) { return terminal_safe(text) == text; }

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\n") == text.npos; }

std::deque<std::string> read_entries(const std::filesystem::path& path) {
  std::deque<std::string> entries;
  try {
    const std::string text = read_file(path);
    entries = decoded(text);
    std::erase_if(entries, [](const std::string& e) { return is_blank(e) || !is_safe(e); });
    if (entries.size() > kMaxEntries)
      entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(kMaxEntries));
    if (text.size() > kLongFile) {
      std::string kept;
      for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        const std::string more = encoded(*entry);
        if (kept.size() + more.size() > kLongFile / 2) break;
        kept.insert(0, more);
      }
      AtomicFile file(path);
      file.write(kept);
      file.commit();
    }
  } catch (const Error&) {
    // What the file can't give is no history.
  }
  return entries;
}

int open_to_append(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0 && fchmod(file, 0600) != 0) {
    close(file);
    return -1;
  }
  return file;
}

}  // namespace

History::History(const std::filesystem::path& file)
    : entries_(read_entries(file)), descriptor_(open_to_append(file)) {}

History::~History() {
  if (descriptor_ >= 0) close(descriptor_);
}

void History::add(const std::string& text) {
  if (is_blank(text) || (!entries_.empty() && entries_.back() == text)) return;
  entries_.push_back(text);
  if (entries_.size() > kMaxEntries) entries_.pop_front();
  if (descriptor_ < 0 || text.size() > kLongestEntry || !is_safe(text)) return;
  const std::string entry = encoded(text);
  // One write, so that several programs may append; a full disk costs the history only.
  if (write(descriptor_, entry.data(), entry.size()) < 0) {
    close(descriptor_);
    descriptor_ = -1;
  }
}

}  // namespace sirocco
