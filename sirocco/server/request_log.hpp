#pragma once

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include "sirocco/server/http/server.hpp"

namespace sirocco {

/// The line of an exchange that ended at `time`, a JSON object without a line end: who asked, for
/// what, how it ended, how long it took, and the figures of a model that worked on it. Nothing of a
/// body or of a query.
std::string request_line(const http::ExchangeRecord& record, std::time_t time);
/// The same for people to read, without the time: http::access_line with the figures behind it.
std::string log_words(const http::ExchangeRecord& record);

/// A RequestLog is a file with a line for each exchange. Belongs to one thread.
class RequestLog {
 public:
  /// Appends to the file at `path`; "-": standard output. Throws IoError.
  explicit RequestLog(const std::filesystem::path& path);

  /// Writes the line of an exchange that has ended now. What can't be written is told once, by a
  /// warning.
  void write(const http::ExchangeRecord& record);

 private:
  struct Close {
    void operator()(std::FILE* file) const;
  };
  std::unique_ptr<std::FILE, Close> file_;
  bool failed_ = false;
};

}  // namespace sirocco
