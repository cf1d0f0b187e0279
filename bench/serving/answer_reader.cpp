#include "bench/serving/answer_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sirocco::bench {
namespace {

constexpr std::size_t kMaxFailure = 300;

/// The number behind `name`, as a member of an object.
std::optional<std::int64_t> number_of(std::string_view json, std::string_view name) {
  const std::size_t at = json.find(name);
  if (at == json.npos) return std::nullopt;
  std::int64_t number = 0;
  const char* begin = json.data() + at + name.size();
  if (begin != json.data() + json.size() && *begin == ' ') ++begin;
  if (std::from_chars(begin, json.data() + json.size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

/// What stands between the quotation marks behind `name`.
std::string_view text_of(std::string_view json, std::string_view name) {
  const std::size_t at = json.find(name);
  if (at == json.npos) return {};
  const std::size_t begin = at + name.size();
  std::size_t end = begin;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return json.substr(begin, std::min(end, json.size()) - begin);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

}  // namespace

/// Whether line_ is whole; what it takes is gone from `bytes`.
bool AnswerReader::take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  line_ += bytes.substr(0, end);
  bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
  if (end == std::string_view::npos) return false;
  if (line_.ends_with('\r')) line_.pop_back();
  return true;
}

void AnswerReader::feed(std::string_view bytes, double now) {
  while (!bytes.empty() && state_ != State::kEnd) {
    if (state_ == State::kChunk || state_ == State::kLength) {
      const std::string_view part = bytes.substr(0, left_);
      body(part, now);
      left_ -= part.size();
      bytes.remove_prefix(part.size());
      if (left_ == 0) state_ = state_ == State::kChunk ? State::kChunkEnd : State::kEnd;
      continue;
    }
    if (state_ == State::kClose) return body(bytes, now);
    if (!take_line(bytes)) return;
    switch (state_) {
      case State::kHead:
        head_line();
        break;
      case State::kSize: {
        const auto size = std::from_chars(line_.data(), line_.data() + line_.size(), left_, 16);
        if (size.ec != std::errc()) {
          failure_ = "a chunk without a size";
          state_ = State::kEnd;
        } else {
          state_ = left_ == 0 ? State::kTrailer : State::kChunk;
        }
        break;
      }
      case State::kChunkEnd:
        state_ = State::kSize;
        break;
      default:  // a trailer
        if (line_.empty()) state_ = State::kEnd;
    }
    line_.clear();
  }
}

void AnswerReader::head_line() {
  if (line_.empty()) return begin_body();
  if (status_ == 0) {
    const std::size_t space = std::min(line_.find(' '), line_.size() - 1);
    std::from_chars(line_.data() + space + 1, line_.data() + line_.size(), status_);
    return;
  }
  const std::string field = lower(line_);
  if (field.starts_with("transfer-encoding:") && field.ends_with("chunked")) chunked_ = true;
  if (field.starts_with("connection:") && field.ends_with("close")) keeps_alive_ = false;
  constexpr std::string_view kLength = "content-length:";
  if (field.starts_with(kLength)) {
    has_length_ = true;
    left_ = static_cast<std::size_t>(number_of(field, kLength).value_or(0));
  }
}

void AnswerReader::begin_body() {
  if (status_ >= 100 && status_ < 200) {
    status_ = 0;
  } else if (chunked_) {
    state_ = State::kSize;
  } else if (has_length_) {
    state_ = left_ == 0 ? State::kEnd : State::kLength;
  } else {
    keeps_alive_ = false;
    state_ = State::kClose;
  }
}

void AnswerReader::finish() {
  if (state_ != State::kEnd && state_ != State::kClose && failure_.empty()) {
    failure_ = "the connection ended within the answer";
  }
  state_ = State::kEnd;
  keeps_alive_ = false;
}

void AnswerReader::body(std::string_view bytes, double now) {
  if (status_ != 200) {
    failure_ += bytes.substr(0, kMaxFailure - std::min(kMaxFailure, failure_.size()));
    return;
  }
  for (std::size_t end; (end = bytes.find('\n')) != bytes.npos; bytes.remove_prefix(end + 1)) {
    event_line_ += bytes.substr(0, end);
    std::string_view line = event_line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data:")) event(line.substr(line.starts_with("data: ") ? 6 : 5), now);
    event_line_.clear();
  }
  event_line_ += bytes;
}

void AnswerReader::event(std::string_view data, double now) {
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  if (data.starts_with("{\"error\"")) {
    failure_ = data.substr(0, kMaxFailure);
    return;
  }
  std::string_view text = text_of(data, "\"content\":\"");
  if (text.empty()) text = text_of(data, "\"text\":\"");
  if (!text.empty()) {
    times_.push_back(now);
    raw_text_ += text;
  }
  if (const auto tokens = number_of(data, "\"completion_tokens\":")) {
    usage_.answer = *tokens;
    usage_.prompt = number_of(data, "\"prompt_tokens\":").value_or(0);
    usage_.cached = number_of(data, "\"cached_tokens\":").value_or(0);
  }
}

std::string AnswerReader::problem() const {
  if (status_ != 200) return "status " + std::to_string(status_) + ": " + failure_;
  if (!failure_.empty()) return failure_;
  if (!done_) return "the stream ended without [DONE]";
  return times_.empty() ? "an answer without a text" : "";
}

}  // namespace sirocco::bench
