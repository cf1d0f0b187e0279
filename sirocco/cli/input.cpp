#include "sirocco/cli/input.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/reader_gone.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kLargestInput = std::size_t{1} << 30;

std::string read_all(std::FILE* file, std::string_view name) {
  std::string out;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file)) {
    if (out.size() + count > kLargestInput)
      throw ResourceExhausted("{}: more than 1 GiB; give less", name);
    out.append(buffer, count);
  }
  if (std::ferror(file) != 0) throw IoError("{}: can't be read: {}", name, std::strerror(errno));
  return out;
}

}  // namespace

std::string read_standard_input() { return read_all(stdin, "standard input"); }

std::string read_file(const std::filesystem::path& path) {
  const std::string name = sirocco::quoted(path.string(), 400);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) {
    if (errno == ENOENT) throw NotFound("no file {}; check the path", name);
    throw IoError("{} can't be opened: {}", name, std::strerror(errno));
  }
  return read_all(file.get(), name);
}

std::vector<TokenId> parse_token_ids(std::string_view text) {
  constexpr std::string_view kSeparators = " \t\r\n,[]";
  std::vector<TokenId> ids;
  std::size_t i = text.find_first_not_of(kSeparators);
  while (i != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, i), text.size());
    const std::string_view word = text.substr(i, end - i);
    std::int32_t value = 0;
    const auto [rest, status] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (status != std::errc() || rest != word.data() + word.size() || value < 0) {
      throw InvalidArgument("{} is not a token id; expected numbers separated by commas or spaces",
                            sirocco::quoted(word));
    }
    ids.emplace_back(value);
    i = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) throw ReaderGone();
    throw IoError("standard output can't be written: {}", std::strerror(errno));
  }
}

}  // namespace sirocco
