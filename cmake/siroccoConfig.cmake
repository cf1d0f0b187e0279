# find_package(sirocco) reads this from where sirocco was installed. It finds what the folders of sirocco/ link to from
# outside, as their CMakeLists.txt do, and defines sirocco::sirocco.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(fmt)
find_dependency(spdlog)
find_dependency(nlohmann_json)
find_dependency(simdjson)
find_dependency(ICU COMPONENTS uc)
find_dependency(PkgConfig)

pkg_check_modules(PCRE2 QUIET IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC QUIET IMPORTED_TARGET libutf8proc)
foreach(library IN ITEMS PCRE2 UTF8PROC)
  if(NOT ${library}_FOUND)
    set(sirocco_FOUND FALSE)
    set(sirocco_NOT_FOUND_MESSAGE "sirocco needs ${library}, which pkg-config doesn't find.")
    return()
  endif()
endforeach()

include("${CMAKE_CURRENT_LIST_DIR}/siroccoTargets.cmake")
