#include "sirocco/pipeline/outcome_frames.hpp"

#include <fmt/core.h>

#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/frame_of.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kOfOutcome = "an outcome of the tail";

void write_likeliest(ByteWriter& writer, const ChosenToken& token) {
  writer.write(token.token);
  writer.write_optional(token.log_probability, [&](float value) { writer.write(value); });
  writer.write_each(token.likeliest, [&](const TokenProbability& likely) {
    writer.write(likely.token);
    writer.write(likely.log_probability);
  });
}

ChosenToken read_likeliest(ByteReader& reader, std::int64_t vocabulary) {
  const auto token = [&](std::string_view what) {
    const auto id = reader.read<TokenId>(what);
    if (id.value() < 0 || id.value() >= vocabulary)
      throw FormatError("{}: there is no token {} among {}", kOfOutcome, id.value(), vocabulary);
    return id;
  };
  ChosenToken out{.token = token("a token")};
  out.log_probability = reader.read_optional([&] { return reader.read<float>("ln p"); }, "ln p");
  out.likeliest = reader.read_each(
      [&] {
        const TokenId likely = token("a likely token");
        return TokenProbability{likely, reader.read<float>("ln p of a likely one")};
      },
      static_cast<std::uint64_t>(vocabulary), "likely tokens");
  return out;
}

}  // namespace

namespace {

Frame frame_of_floats(FrameKind kind, std::span<const float> values, std::int64_t rows,
                      std::int64_t columns, std::uint64_t number) {
  Frame frame;
  frame.header = {.kind = kind,
                  .dtype = DType::kF32,
                  .rows = rows,
                  .columns = columns,
                  .step = number,
                  .sequence = {}};
  const std::span<const std::byte> bytes = std::as_bytes(values);
  frame.payload.assign(bytes.begin(), bytes.end());
  return frame;
}

}  // namespace

Frame activation_frame(const SentHidden& hidden, std::uint64_t number) {
  return frame_of_floats(FrameKind::kActivation, hidden.values, hidden.rows, hidden.width, number);
}

Frame logits_frame(std::span<const float> values, std::int64_t columns, std::uint64_t number) {
  return frame_of_floats(FrameKind::kLogits, values, std::ssize(values) / columns, columns, number);
}

std::span<const float> read_logits(const Frame& frame, std::int64_t max_rows,
                                   std::int64_t columns) {
  const FrameHeader& header = frame.header;
  if (header.dtype != DType::kF32 || header.rows > max_rows || header.columns != columns) {
    throw FormatError("logits of step {} are [{}, {}]; expected f32 [{} or fewer, {}]", header.step,
                      header.rows, header.columns, max_rows, columns);
  }
  // Memory of its own, which any type may lie in.
  return {reinterpret_cast<const float*>(frame.payload.data()),
          static_cast<std::size_t>(header.rows * header.columns)};
}

void read_activation(const Frame& frame, std::int64_t rows, std::int64_t width, SentHidden& out) {
  const FrameHeader& header = frame.header;
  if (header.dtype != DType::kF32 || header.rows != rows || header.columns != width) {
    throw FormatError("hidden states of step {} are [{}, {}]; expected f32 [{}, {}]", header.step,
                      header.rows, header.columns, rows, width);
  }
  out.rows = rows;
  out.width = width;
  out.values.resize(static_cast<std::size_t>(rows * width));
  std::memcpy(out.values.data(), frame.payload.data(), frame.payload.size());
}

Frame outcome_frame(const StepOutcome& outcome, std::uint64_t number) {
  ByteWriter writer;
  for (const RowOutcome& row : outcome.rows) {
    writer.write(static_cast<std::uint8_t>(row.index()));
    if (const auto* one = std::get_if<ChosenToken>(&row)) {
      write_likeliest(writer, *one);
    } else if (const auto* several = std::get_if<ChosenTokens>(&row)) {
      writer.write_each(*several,
                        [&](const ChosenToken& token) { write_likeliest(writer, token); });
    } else if (const auto* fault = std::get_if<StepFault>(&row)) {
      writer.write_enum(*fault);
    }
  }
  writer.write_values(outcome.logits);
  return frame_of(FrameKind::kTokens, number, writer);
}

void read_outcome(const Frame& frame, std::span<const WantedRow> wanted, std::int64_t vocabulary,
                  StepOutcome& out) {
  ByteReader reader(frame.payload, kOfOutcome);
  out.rows.clear();
  std::uint64_t logits = 0;
  for (const WantedRow& want : wanted) {
    const auto kind = reader.read<std::uint8_t>("a kind of outcome");
    const auto* token = std::get_if<WantToken>(&want.what);
    if (kind == 3 && token != nullptr) {
      out.rows.emplace_back(reader.read_enum(StepFault::kEmbeddingNotFinite, "a fault"));
    } else if (kind == 0 && std::holds_alternative<WantRowLogits>(want.what)) {
      out.rows.emplace_back(RowLogits{});
      logits += static_cast<std::uint64_t>(vocabulary);
    } else if (kind == 1 && !std::holds_alternative<WantRowLogits>(want.what)) {
      out.rows.emplace_back(read_likeliest(reader, vocabulary));
    } else if (kind == 2 && token != nullptr && token->choices > 1) {
      ChosenTokens several = reader.read_each([&] { return read_likeliest(reader, vocabulary); },
                                              token->choices, "tokens of choices");
      if (several.size() != token->choices)
        throw FormatError("{}: {} tokens of {} choices", kOfOutcome, several.size(),
                          token->choices);
      out.rows.emplace_back(std::move(several));
    } else {
      throw FormatError("{}: outcome {} isn't what was wanted", kOfOutcome, kind);
    }
  }
  reader.read_values(out.logits, logits, "logits");
  if (out.logits.size() != logits)
    throw FormatError("{}: {} logits; expected {}", kOfOutcome, out.logits.size(), logits);
  reader.finish();
}

Frame report_frame(const StageReport& report, std::uint64_t number) {
  ByteWriter writer;
  writer.write(report.timing.rows);
  writer.write(report.timing.seconds);
  writer.write(report.sent);
  return frame_of(FrameKind::kReport, number, writer);
}

StageReport read_report(const Frame& frame, int stage) {
  ByteReader reader(frame.payload, "a report of a stage");
  StageReport report;
  report.timing.stage = stage;
  report.timing.rows = reader.read<std::int64_t>("rows");
  report.timing.seconds = reader.read<double>("seconds");
  report.sent = reader.read<std::uint64_t>("bytes");
  reader.finish();
  return report;
}

Frame error_frame(const std::exception& error, std::uint64_t number, int stage) {
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const std::string_view text = no_memory ? "out of memory" : error.what();
  ByteWriter writer;
  writer.write(
      static_cast<std::uint8_t>(known != nullptr ? known->kind() : ErrorKind::kResourceExhausted));
  writer.write_string(stage == 0 ? std::string(text) : fmt::format("stage {}: {}", stage, text));
  return frame_of(FrameKind::kError, number, writer);
}

namespace {

std::exception_ptr error_of(ErrorKind kind, const std::string& text) {
  const auto of = [&]<class E>(std::type_identity<E>) {
    return std::make_exception_ptr(E("{}", text));
  };
  switch (kind) {
    case ErrorKind::kUnsupported:
      return of(std::type_identity<UnsupportedError>());
    case ErrorKind::kInvalidArgument:
      return of(std::type_identity<InvalidArgument>());
    case ErrorKind::kNotFound:
      return of(std::type_identity<NotFound>());
    case ErrorKind::kIo:
      return of(std::type_identity<IoError>());
    case ErrorKind::kResourceExhausted:
      return of(std::type_identity<ResourceExhausted>());
    case ErrorKind::kBusy:
      return of(std::type_identity<Busy>());
    case ErrorKind::kNotANumber:
      return of(std::type_identity<NotANumber>());
    case ErrorKind::kCancelled:
      return of(std::type_identity<Cancelled>());
    case ErrorKind::kFormat:
      break;
  }
  return of(std::type_identity<FormatError>());
}

}  // namespace

std::exception_ptr read_error(const Frame& frame) {
  ByteReader reader(frame.payload, "an error of a stage");
  const auto kind = static_cast<ErrorKind>(reader.read<std::uint8_t>("the kind of an error"));
  const std::string text = reader.read_string(std::uint64_t{1} << 16, "the text of an error");
  reader.finish();
  return error_of(kind, text);
}

}  // namespace sirocco
