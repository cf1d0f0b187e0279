# sirocco_folder(NAME [PROGRAM] [FUZZED] DEPENDS folder… LINK target… EXCLUDE regex…)
#
# One static library for one folder of sources: every .cpp in it (and below), tests apart. Tests (*_test.cpp) become one
# program NAME_test (SiroccoTest.cmake). DEPENDS names the sirocco folders that this one may include;
# LINK the outside libraries, which stay private to the folder unless written after PUBLIC. Sources whose path matches an
# EXCLUDE are left to the caller. PROGRAM: it belongs to the program, not to the library that is installed. FUZZED: the
# fuzzers run it, so that their builds count its branches.
function(sirocco_folder name)
  cmake_parse_arguments(ARG "PROGRAM;FUZZED" "" "DEPENDS;LINK;TEST_LINK;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  foreach(pattern IN LISTS ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")

  add_library(sirocco_${name} STATIC ${sources})
  target_include_directories(sirocco_${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  list(TRANSFORM ARG_DEPENDS PREPEND sirocco_)
  target_link_libraries(sirocco_${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:sirocco_options> ${ARG_LINK})

  if(SIROCCO_PRECOMPILE_HEADERS)
    target_precompile_headers(sirocco_${name} PRIVATE ${SIROCCO_PRECOMPILED})
  endif()
  if(SIROCCO_FUZZERS AND ARG_FUZZED)
    target_compile_options(sirocco_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()

  if(NOT ARG_PROGRAM)
    sirocco_install_folder(${name})
  endif()

  if(SIROCCO_TESTS AND tests)
    sirocco_test(${name}_test LABEL ${name} SOURCES ${tests} LINK sirocco_${name} ${ARG_TEST_LINK})
  endif()
endfunction()
