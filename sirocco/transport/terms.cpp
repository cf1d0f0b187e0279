#include "sirocco/transport/terms.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {
namespace {

constexpr std::uint64_t kMaxTerms = 1000;
constexpr std::uint64_t kMaxText = 1 << 16;

const Term* find(const std::vector<Term>& terms, const std::string& name) {
  const auto at =
      std::find_if(terms.begin(), terms.end(), [&](const Term& term) { return term.name == name; });
  return at == terms.end() ? nullptr : &*at;
}

}  // namespace

std::optional<std::string> first_difference(const std::vector<Term>& of_stage_0, int stage,
                                            const std::vector<Term>& of_stage) {
  const auto value = [](const Term* term) {
    return term == nullptr ? "none" : quoted(term->value);
  };
  const auto say = [&](const std::string& name, const Term* here, const Term* there) {
    return fmt::format("the stages differ in {}: stage 0 has {}, stage {} has {}", quoted(name),
                       value(here), stage, value(there));
  };
  for (const Term& here : of_stage_0) {
    const Term* const there = find(of_stage, here.name);
    if (there == nullptr || there->value != here.value) return say(here.name, &here, there);
  }
  for (const Term& there : of_stage)
    if (find(of_stage_0, there.name) == nullptr) return say(there.name, nullptr, &there);
  return std::nullopt;
}

std::vector<std::byte> encode_terms(const std::vector<Term>& terms) {
  ByteWriter writer;
  writer.write_each(terms, [&](const Term& term) {
    writer.write_string(term.name);
    writer.write_string(term.value);
  });
  return writer.take();
}

std::vector<Term> decode_terms(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "a hello");
  const auto read_term = [&] {
    Term term;
    term.name = reader.read_string(kMaxText, "a name");
    term.value = reader.read_string(kMaxText, "a value");
    return term;
  };
  std::vector<Term> terms = reader.read_each(read_term, kMaxTerms, "the terms");
  reader.finish();
  return terms;
}

}  // namespace sirocco
