#include "sirocco/server/http/exchange.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/server/http/connection.hpp"

namespace sirocco::http {

const Request& Exchange::request() const { return connection_.request(); }
std::string Exchange::take_body() { return std::exchange(connection_.request().body, {}); }
bool Exchange::client_gone() const { return connection_.gone(); }
Signal Exchange::signal() const { return connection_.signal(); }
void Exchange::leave_figures(std::shared_ptr<const ModelFigures> figures) {
  connection_.leave_figures(std::move(figures));
}

Task<Answered> Exchange::respond(Response response) {
  co_await connection_.send_response(std::move(response));
  co_return Answered();
}

Task<Stream> Exchange::start_stream(int status, std::string content_type, Headers headers) {
  co_await connection_.begin_stream(status, std::move(content_type), std::move(headers), {});
  co_return Stream(connection_);
}

Task<EventStream> Exchange::start_events(Headers headers) {
  headers.push_back({"Cache-Control", "no-cache"});
  // Understood by nginx, which would collect the events otherwise.
  headers.push_back({"X-Accel-Buffering", "no"});
  co_await connection_.begin_stream(200, "text/event-stream", std::move(headers), ":\n\n");
  co_return EventStream(Stream(connection_));
}

Task<void> Exchange::wait() { co_await connection_.wait(std::nullopt); }
Task<bool> Exchange::wait_for(Seconds longest) {
  const bool rung = co_await connection_.wait(longest);
  co_return rung;
}
Task<void> Exchange::run_on_worker(const std::function<void()>& work, Labor labor) {
  co_await connection_.run_on_worker(work, labor);
}

Task<void> Stream::send(std::string piece) { co_await connection_->send_piece(piece); }
Task<Answered> Stream::finish() {
  co_await connection_->end_stream();
  co_return Answered();
}

Task<void> EventStream::send(std::string_view data, std::string_view name) {
  co_await stream_.send(event_text(data, name));
}
Task<void> EventStream::send_comment(std::string_view text) {
  std::string line = ": ";
  line += text;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  line += "\n\n";
  co_await stream_.send(std::move(line));
}

std::string event_text(std::string_view data, std::string_view name) {
  std::string text;
  if (!name.empty()) text.append("event: ").append(name).append("\n");
  for (;;) {
    const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.size()) break;
    data.remove_prefix(end + (data.substr(end, 2) == "\r\n" ? 2 : 1));
  }
  return text += "\n";
}

}  // namespace sirocco::http
