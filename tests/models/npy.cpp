#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>

#include "tests/models/npy_testing.hpp"

namespace sirocco::testing {
namespace {

/// Elements of the types that `descriptors` matches, as they are stored (Stored) and as they are
/// wanted.
template <class T, class... Stored>
NpyArray<T> read(const std::filesystem::path& path, const char* descriptors) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    throw std::runtime_error(path.string() + ": not an .npy file");
  const std::size_t header =
      static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  const std::string description = bytes.substr(10, header);
  std::smatch match;
  const std::regex pattern(std::string("'descr': '<(") + descriptors +
                           ")'.*'fortran_order': False.*'shape': \\(([^)]*)\\)");
  if (!std::regex_search(description, match, pattern))
    throw std::runtime_error(path.string() + ": unexpected " + description);
  const auto element = static_cast<std::size_t>(match[1].str().back() - '0');
  NpyArray<T> out;
  std::size_t count = 1;
  const std::string shape = match[2];
  const std::regex number("[0-9]+");
  for (std::sregex_iterator i(shape.begin(), shape.end(), number), end; i != end; ++i) {
    out.shape.push_back(std::stoll(i->str()));
    count *= static_cast<std::size_t>(out.shape.back());
  }
  if (bytes.size() != 10 + header + count * element)
    throw std::runtime_error(path.string() + ": wrong size");
  out.values.reserve(count);
  const auto take = [&]<class S>(S value) {
    if (sizeof(S) != element) return;
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&value, bytes.data() + 10 + header + i * sizeof(S), sizeof(S));
      out.values.push_back(static_cast<T>(value));
    }
  };
  (take(Stored{}), ...);
  return out;
}

}  // namespace

NpyArray<float> read_npy_floats(const std::filesystem::path& path) {
  return read<float, float>(path, "f4");
}
NpyArray<std::int32_t> read_npy_integers(const std::filesystem::path& path) {
  return read<std::int32_t, std::int32_t, std::uint16_t>(path, "[iu]4|u2");
}

}  // namespace sirocco::testing
