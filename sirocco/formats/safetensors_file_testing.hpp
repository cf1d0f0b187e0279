#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Builds safetensors files for tests, right ones and wrong ones: what is added is written as it is
/// told.
namespace sirocco {

class SafetensorsTestFile {
 public:
  template <class T>
  SafetensorsTestFile& tensor(std::string_view name, std::string_view dtype, std::string_view shape,
                              const std::vector<T>& values) {
    const std::size_t begin = data_.size();
    data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    return entry(fmt::format("\"{}\":{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}",
                             name, dtype, shape, begin, data_.size()));
  }
  /// A member of the header, as it is.
  SafetensorsTestFile& entry(std::string_view text) {
    header_ += fmt::format("{}{}", header_.empty() ? "" : ",", text);
    return *this;
  }
  SafetensorsTestFile& data(std::string_view bytes) {
    data_ += bytes;
    return *this;
  }

  std::string bytes() const { return with_header("{" + header_ + "}"); }
  std::string with_header(std::string_view header) const {
    const std::uint64_t length = header.size();
    std::string out(sizeof length, '\0');
    std::memcpy(out.data(), &length, sizeof length);
    return out.append(header) + data_;
  }

 private:
  std::string header_;
  std::string data_;
};

}  // namespace sirocco
