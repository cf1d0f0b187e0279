# Adds the web page to sirocco_server: a source that holds the files of files/, written anew when one of them changes. It is
# included by sirocco/server/CMakeLists.txt; run as a script with FOLDER, NAMES (with a | between) and OUTPUT, it writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  set(rows "")
  string(REPLACE "|" ";" names "${NAMES}")
  foreach(name IN LISTS names)
    file(READ "${FOLDER}/${name}" bytes HEX)
    file(SHA256 "${FOLDER}/${name}" hash)
    string(SUBSTRING "${hash}" 0 32 hash)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    # Compilers are slow with one line of a hundred thousand letters.
    string(REPEAT "." 32 line)
    string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${bytes}")
    string(REPLACE "\n" "\"\n     \"" escaped "${escaped}")
    string(APPEND rows "    {\"${name}\", std::string_view(\"${escaped}\", ${size}), \"${hash}\"},\n")
  endforeach()
  file(WRITE "${OUTPUT}" "// Written by sirocco/server/page/page.cmake.
#include \"sirocco/server/page/page.hpp\"

namespace sirocco {
namespace {

constexpr PageFile kFiles[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() { return kFiles; }

}  // namespace sirocco
")
  return()
endif()

set(page_folder "${CMAKE_CURRENT_SOURCE_DIR}/page/files")
file(GLOB page_names RELATIVE "${page_folder}" CONFIGURE_DEPENDS "${page_folder}/*")
list(SORT page_names)
list(TRANSFORM page_names PREPEND "${page_folder}/" OUTPUT_VARIABLE page_files)
string(REPLACE ";" "|" page_list "${page_names}")
set(page_source "${CMAKE_CURRENT_BINARY_DIR}/page_files.cpp")
add_custom_command(OUTPUT "${page_source}"
  COMMAND "${CMAKE_COMMAND}" "-DFOLDER=${page_folder}" "-DNAMES=${page_list}" "-DOUTPUT=${page_source}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/page/page.cmake"
  DEPENDS ${page_files} "${CMAKE_CURRENT_SOURCE_DIR}/page/page.cmake"
  COMMENT "Embedding the web page" VERBATIM)
target_sources(sirocco_server PRIVATE "${page_source}")
