#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/paths_testing.hpp"

namespace sirocco {

/// The whole text of a page of documentation, which is named from the top of the checkout.
inline std::string page_text(const std::string& page) {
  std::ostringstream file;
  file << std::ifstream(source_path(page)).rdbuf();
  return file.str();
}

/// Expects `text` on a page between the marks of `what`.
inline void expect_on_page(const std::string& page, std::string_view what,
                           const std::string& text) {
  const std::string begin_mark = fmt::format("<!-- {}: begin -->\n", what);
  const std::string whole = page_text(page);
  const std::size_t begin = whole.find(begin_mark);
  const std::size_t end = whole.find(fmt::format("<!-- {}: end -->", what));
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t first = begin + begin_mark.size();
  EXPECT_EQ(whole.substr(first, end - first), text)
      << "Put this between the marks of " << page << ":\n"
      << text;
}

}  // namespace sirocco
