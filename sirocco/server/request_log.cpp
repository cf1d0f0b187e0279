#include "sirocco/server/request_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/model_figures.hpp"

namespace sirocco {
namespace {

void write_figures(json::Writer& out, const ModelFigures& figures) {
  out.member("model", figures.model).member("prompt_tokens", figures.prompt_tokens);
  if (figures.sound_s > 0) out.member("sound_seconds", figures.sound_s);
  out.member("generated_tokens", figures.generated_tokens);
  out.member("finish", finish_reason_name(figures.reason()));
  // Of a client that goes, nobody waits for the engine to tell the rest.
  if (figures.ended_jobs == 0) return;
  out.member("cached_tokens", figures.cached_tokens).member("queued_seconds", figures.queued_s);
  out.member("first_token_seconds", figures.first_s);
}

}  // namespace

std::string request_line(const http::ExchangeRecord& record, std::time_t time) {
  json::Writer out;
  out.open_object();
  out.member("time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time)));
  out.member("id", record.id).member("peer", record.peer);
  if (!record.key_label.empty()) out.member("key", record.key_label);
  out.member("method", record.method).member("path", record.raw_path);
  if (!record.route.empty()) out.member("route", record.route);
  out.member("status", record.status);
  out.member("sent_bytes", static_cast<std::int64_t>(record.sent_bytes));
  out.member("seconds", record.seconds);
  if (record.cut_off) out.member("cut_off", true);
  if (record.figures != nullptr) write_figures(out, *record.figures);
  out.close_object();
  return out.take();
}

std::string log_words(const http::ExchangeRecord& record) {
  std::string words = http::access_line(record);
  if (record.figures == nullptr) return words;
  const ModelFigures& figures = *record.figures;
  words += fmt::format(" model {} prompt {} generated {} {}", sirocco::quoted(figures.model),
                       figures.prompt_tokens, figures.generated_tokens,
                       finish_reason_name(figures.reason()));
  if (figures.ended_jobs == 0) return words;
  return words + fmt::format(" cached {} queued {:.3f} s first {:.3f} s", figures.cached_tokens,
                             figures.queued_s, figures.first_s);
}

void RequestLog::Close::operator()(std::FILE* file) const {
  if (file != stdout) std::fclose(file);
}

RequestLog::RequestLog(const std::filesystem::path& path)
    : file_(path == "-" ? stdout : std::fopen(path.c_str(), "ae")) {
  if (file_ == nullptr)
    throw IoError("{} can't be written: {}", path.string(), std::strerror(errno));
}

void RequestLog::write(const http::ExchangeRecord& record) {
  const std::string line = request_line(record, std::time(nullptr)) + "\n";
  // A line at a time, so that it can be followed and ends with the server.
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                       std::fflush(file_.get()) == 0;
  if (!written && !failed_)
    log_warning("the log of requests can't be written: {}", std::strerror(errno));
  failed_ = !written;
}

}  // namespace sirocco
