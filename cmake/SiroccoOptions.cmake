# What every target of the project is compiled with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
add_compile_definitions(SIROCCO_VERSION="${PROJECT_VERSION}")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# ccache learns from the compilation what a source includes, without preprocessing it first (a tenth of the time); a clone
# in another folder finds the same compilations; and precompiled headers are cached too.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_DEPEND=1 "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE_PROGRAM}")
endif()

option(SIROCCO_WARNINGS_AS_ERRORS "Treat warnings as errors (the test run does)" OFF)
set(SIROCCO_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. address,undefined or thread")

add_library(sirocco_options INTERFACE)
# The numeric contract needs products and sums rounded separately unless the source spells out an FMA.
target_compile_options(sirocco_options INTERFACE -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic
  -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies inside std::string's own operator+ (GCC bug 105651), and the members of a variant's other
  # alternatives where an optional of it is destroyed (105562); clang builds the same with both warnings on.
  target_compile_options(sirocco_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(SIROCCO_WARNINGS_AS_ERRORS)
  target_compile_options(sirocco_options INTERFACE -Werror)
endif()
if(SIROCCO_SANITIZE)
  target_compile_options(sirocco_options INTERFACE -fsanitize=${SIROCCO_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(sirocco_options INTERFACE -fsanitize=${SIROCCO_SANITIZE})
endif()
option(SIROCCO_FUZZERS "Build the libFuzzer targets and instrument the folders that they run (clang only)" OFF)
if(SIROCCO_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SIROCCO_FUZZERS needs clang; the compiler is ${CMAKE_CXX_COMPILER_ID}. Use the preset asan-ubsan.")
  endif()
  target_link_options(sirocco_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Reading the standard headers is a third of what it takes to compile a source with sanitizers. The release build reads them
# anew for each, so that each includes what it needs.
option(SIROCCO_PRECOMPILE_HEADERS "Precompile the standard headers that a folder's sources include" OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # So that the same headers are the same bytes.
  add_compile_options(-Xclang -fno-pch-timestamp)
endif()
set(SIROCCO_PRECOMPILED <algorithm> <array> <cmath> <cstdint> <cstring> <functional> <limits> <map> <memory> <numeric> <optional>
  <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
