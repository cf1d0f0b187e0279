// How a connection writes what answers an exchange.
#include <ctime>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/connection.hpp"

namespace sirocco::http {

Response Connection::response_of(const Refusal& refusal) const {
  Response response;
  response.status = refusal.status;
  response.headers = refusal.headers;
  ErrorBody body = surroundings_.options.error_body(refusal, exchange_->request);
  response.content_type = std::move(body.content_type);
  response.body = std::move(body.body);
  return response;
}

Task<void> Connection::refuse(Refusal refusal) {
  Response response = response_of(refusal);
  co_await send_response(std::move(response));
}

Task<void> Connection::send_response(Response response) {
  ResponseHead head;
  head.status = response.status;
  head.headers = std::move(response.headers);
  head.length = response.body.size();
  const bool bodiless = response.status == 204 || response.status == 304;
  head.framing = bodiless ? Framing::kNone : Framing::kLength;
  if (!bodiless) head.content_type = std::move(response.content_type);
  co_await send_head(std::move(head), bodiless ? std::string_view() : response.body);
  exchange_->ended = true;
}

Task<void> Connection::begin_stream(int status, std::string content_type, Headers headers,
                                    std::string_view idle_piece) {
  ResponseHead head;
  head.status = status;
  head.content_type = std::move(content_type);
  head.headers = std::move(headers);
  head.framing = exchange_->request.chunks ? Framing::kChunks : Framing::kClose;
  exchange_->closes |= head.framing == Framing::kClose;
  exchange_->idle_piece = idle_piece;
  co_await send_head(std::move(head), {});
}

/// The head, and the whole body where there is one.
Task<void> Connection::send_head(ResponseHead head, std::string_view body) {
  ExchangeState& exchange = *exchange_;
  SIROCCO_CHECK(!exchange.begun);
  const Request& request = exchange.request;
  exchange.closes |= surroundings_.draining || !request.keeps_alive;
  head.request_id = request.id;
  head.closes = exchange.closes;
  head.keeps_alive = !exchange.closes && !request.chunks;
  head.headers.insert(head.headers.end(), exchange.headers.begin(), exchange.headers.end());
  std::string text = response_head_text(head, std::time(nullptr));
  exchange.framing = head.framing;
  exchange.status = head.status;
  exchange.begun = true;
  if (request.method == Method::kHead) body = {};
  // One packet for what is small; no copy of what isn't.
  const bool small = body.size() < (16 << 10);
  if (small) text += body;
  co_await send_all(text);
  if (!small) co_await send_all(body);
  exchange.sent_bytes += body.size();
}

Task<void> Connection::send_piece(std::string_view piece) {
  SIROCCO_CHECK(exchange_->begun && !exchange_->ended);
  if (gone()) throw ClientGone();
  if (exchange_->request.method == Method::kHead) co_return;
  if (exchange_->framing == Framing::kChunks) {
    const std::string chunk = chunk_text(piece);
    co_await send_all(chunk);
  } else {
    co_await send_all(piece);
  }
  exchange_->sent_bytes += piece.size();
}

Task<void> Connection::end_stream() {
  SIROCCO_CHECK(exchange_->begun && !exchange_->ended);
  const bool chunks = exchange_->framing == Framing::kChunks;
  if (chunks && exchange_->request.method != Method::kHead) co_await send_all(kLastChunk);
  exchange_->ended = true;
}

Task<void> Connection::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    if (broken_) throw ClientGone();
    close_deadline_ = now() + limits().write_stall_s;
    const std::size_t written = co_await transport_->write_some(bytes);
    close_deadline_ = kNever;
    if (written == 0) broken_ = true;
    bytes.remove_prefix(written);
  }
}

}  // namespace sirocco::http
