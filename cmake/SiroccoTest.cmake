# sirocco_test(NAME LABEL label SOURCES source… LINK target…)
#
# One GoogleTest program, one CTest test: all cases run in one process, since to start a sanitized program a thousand times
# costs more than what it tests. NAME is a target's; CTest calls it LABEL.REST, without _test: models_golden_test is
# models.golden, nn_test is nn. `NAME --gtest_filter=…` runs some cases.
#
# A test's own code is compiled for speed of compilation: it is a third of all code and runs once. What it tests is compiled
# as ever. SIROCCO_SANITIZED tells tests what tree they are in.
add_library(sirocco_test_options INTERFACE)
if(SIROCCO_SANITIZE)
  target_compile_options(sirocco_test_options INTERFACE -O0)
  target_compile_definitions(sirocco_test_options INTERFACE SIROCCO_SANITIZED)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(sirocco_test_options INTERFACE -O1)
endif()

# A precompiled header wants one way of addressing in all that use it; CMake has another for libraries than for programs.
target_compile_options(sirocco_test_options INTERFACE -fPIE)

# Every test's main function, the headers that nearly all include, and the only source that knows where the checkout is.
add_library(sirocco_test_support STATIC "${PROJECT_SOURCE_DIR}/tests/support/main.cpp"
  "${PROJECT_SOURCE_DIR}/tests/support/paths_testing.cpp")
target_include_directories(sirocco_test_support PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(sirocco_test_support PUBLIC GTest::gmock
  PRIVATE fmt::fmt nlohmann_json::nlohmann_json rapidcheck sirocco_options sirocco_test_options)
if(SIROCCO_PRECOMPILE_HEADERS)
  target_precompile_headers(sirocco_test_support PRIVATE ${SIROCCO_PRECOMPILED} <gmock/gmock.h> <gtest/gtest.h> <fstream>
    <nlohmann/json.hpp> <random> <rapidcheck.h> <sstream>)
endif()
set_target_properties(sirocco_test_support PROPERTIES POSITION_INDEPENDENT_CODE OFF)
set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/support/paths_testing.cpp" PROPERTIES
  COMPILE_DEFINITIONS "SIROCCO_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\";SIROCCO_GOLDEN_DIR=\"${PROJECT_BINARY_DIR}/golden\"" SKIP_PRECOMPILE_HEADERS ON)

function(sirocco_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} sirocco_test_support sirocco_options sirocco_test_options)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  if(SIROCCO_PRECOMPILE_HEADERS)
    target_precompile_headers(${name} REUSE_FROM sirocco_test_support)
  endif()
  string(REGEX REPLACE "_test$" "" test "${name}")
  string(REGEX REPLACE "^${ARG_LABEL}_" "${ARG_LABEL}." test "${test}")
  add_test(NAME ${test} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${test} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 1800)
endfunction()

# sirocco_optimized_test(SOURCE…): tests whose own loops take longer than to optimize them; with -O2 in every tree.
function(sirocco_optimized_test)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON)
endfunction()
