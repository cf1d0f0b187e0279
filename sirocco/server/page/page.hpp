#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sirocco/server/http/routes.hpp"

namespace sirocco {

/// A file of the web page as the program holds it.
struct PageFile {
  std::string_view name;     ///< "index.html"
  std::string_view content;  ///< its bytes
  std::string_view hash;     ///< of them, in hexadecimal digits
};

/// All files of the web page, by name: those in sirocco/server/page/files/ when it was built.
std::span<const PageFile> page_files();

/// The routes of the web page: index.html at `/`, all else below `/page/`, open to everyone, since
/// a key is asked for by what the page calls. Nothing that it shows can run: its headers allow
/// scripts, styles and requests of its own origin only, and no other page may frame it. Browsers
/// keep the files and ask each time whether they are the same (ETag).
std::vector<http::Route> page_routes();

}  // namespace sirocco
