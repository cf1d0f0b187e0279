#include "sirocco/server/openai/answer_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sirocco/base/utf8.hpp"

namespace sirocco::openai {

namespace {

void write_chance(json::Writer& out, const TokenChance& chance) {
  out.member("token", token_text(chance.bytes)).member("id", chance.id.value());
  out.name("logprob");
  if (chance.log_probability) {
    out.number(told_log_probability(*chance.log_probability));
  } else {
    out.null();
  }
  out.name("bytes").open_array();
  for (const char c : chance.bytes) out.number(std::int64_t{static_cast<unsigned char>(c)});
  out.close_array();
}

}  // namespace

std::string_view finish_name(Finish finish) { return finish == Finish::kStop ? "stop" : "length"; }

std::string token_text(std::string_view bytes) {
  std::string out;
  std::size_t i = 0;
  while (i < bytes.size()) {
    const Utf8Unit unit = decode_utf8(bytes, i);
    for (std::size_t k = i; k < i + unit.size; ++k) {
      if (unit.valid) {
        out += bytes[k];
      } else {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[k]));
      }
    }
    i += unit.size;
  }
  return out;
}

float told_log_probability(float value) {
  constexpr float kImpossible = -9999.0f;
  return std::isfinite(value) ? std::max(value, kImpossible) : kImpossible;
}

void write_tokens(json::Writer& out, std::span<const AnswerToken> tokens) {
  out.open_array();
  for (const AnswerToken& token : tokens) {
    out.open_object();
    write_chance(out, token.chosen);
    out.name("top_logprobs").open_array();
    for (const TokenChance& chance : token.alternatives) {
      out.open_object();
      write_chance(out, chance);
      out.close_object();
    }
    out.close_array().close_object();
  }
  out.close_array();
}

void write_head(json::Writer& out, const AnswerHead& head, std::string_view object) {
  out.member("id", head.id).member("object", object).member("created", head.created);
  out.member("model", head.model).member("system_fingerprint", head.fingerprint);
}

void write_usage(json::Writer& out, const Usage& usage) {
  out.name("usage").open_object();
  out.member("prompt_tokens", usage.prompt).member("completion_tokens", usage.generated);
  out.member("total_tokens", usage.prompt + usage.generated);
  out.name("prompt_tokens_details").open_object();
  out.member("cached_tokens", usage.cached).close_object().close_object();
}

}  // namespace sirocco::openai
