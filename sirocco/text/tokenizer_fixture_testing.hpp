#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// For tests: a Metadata made by hand, or read from what tools/make_tokenizer_golden.py writes.
class FixtureMetadata : public Metadata {
 public:
  FixtureMetadata() = default;

  static FixtureMetadata load(const std::string& path);

  void set(const std::string& key, MetadataValue value) { values_[key] = std::move(value); }
  void set_text(const std::string& key, std::string_view text) {
    set(key, keep(std::string(text)));
  }
  void set_texts(const std::string& key, const std::vector<std::string>& texts) {
    std::vector<std::string_view> views;
    for (const std::string& text : texts) views.push_back(keep(text));
    set(key, std::move(views));
  }
  void erase(const std::string& key) { values_.erase(key); }

  const MetadataValue* find(std::string_view path) const override {
    const auto found = values_.find(path);
    return found == values_.end() ? nullptr : &found->second;
  }
  std::vector<std::string_view> paths() const override {
    std::vector<std::string_view> names;
    for (const auto& value : values_) names.emplace_back(value.first);
    return names;
  }
  std::string_view origin() const override { return "fixture.gguf"; }

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  std::list<std::string> texts_;
  std::map<std::string, MetadataValue, std::less<>> values_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Reads little-endian values off the front of a byte string.
class FixtureReader {
 public:
  explicit FixtureReader(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }

  template <class T>
  T number() {
    T value{};
    take(sizeof(T)).copy(reinterpret_cast<char*>(&value), sizeof(T));
    return value;
  }
  /// Seven bits a byte, the lowest first; the eighth says that more follow.
  std::size_t size() {
    std::size_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= std::size_t{byte & 127U} << shift;
      if (byte < 128) break;
    }
    return value;
  }
  std::string_view text() { return take(size()); }
  std::string_view bytes() { return take(size()); }

 private:
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) throw std::runtime_error("the fixture ends too early");
    const std::string_view front = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return front;
  }

  std::string_view bytes_;
};

inline FixtureMetadata FixtureMetadata::load(const std::string& path) {
  FixtureMetadata metadata;
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const std::string file = read_file(path);
  FixtureReader reader(file);
  const auto numbers_of = [](std::string_view bytes) {
    std::vector<std::int64_t> numbers;
    for (const char byte : bytes) numbers.push_back(static_cast<unsigned char>(byte));
    return numbers;
  };
  while (!reader.done()) {
    const std::string key(reader.text());
    const char type = reader.number<char>();
    if (type == '@') {
      metadata = load(folder + std::string(reader.text()) + ".vocab");
    } else if (type == 's') {
      metadata.set_text(key, reader.text());
    } else if (type == 'b') {
      metadata.set(key, reader.number<std::uint8_t>() != 0);
    } else if (type == 'i') {
      metadata.set(key, reader.number<std::int64_t>());
    } else if (type == 'S') {
      std::vector<std::string> texts(reader.size());
      for (std::string& text : texts) text = reader.text();
      metadata.set_texts(key, texts);
    } else if (type == 'M') {
      const auto& tokens =
          std::get<std::vector<std::string_view>>(*metadata.find("tokenizer.ggml.tokens"));
      std::vector<std::string> texts(reader.size());
      for (std::string& text : texts) {
        text = tokens.at(reader.number<std::uint16_t>());
        text.append(" ").append(tokens.at(reader.number<std::uint16_t>()));
      }
      metadata.set_texts(key, texts);
    } else if (type == 'B') {
      metadata.set(key, numbers_of(reader.bytes()));
    } else if (type == 'P') {
      metadata.set(key, numbers_of(read_file(folder + std::string(reader.text()))));
    } else if (type == 'F') {
      std::vector<double> numbers(reader.size());
      for (double& number : numbers) number = static_cast<double>(reader.number<float>());
      metadata.set(key, std::move(numbers));
    } else {
      throw std::runtime_error("unknown type in " + path);
    }
  }
  return metadata;
}

}  // namespace sirocco
