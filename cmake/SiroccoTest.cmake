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

function(sirocco_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} sirocco_options sirocco_test_options GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SIROCCO_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  string(REGEX REPLACE "_test$" "" test "${name}")
  string(REGEX REPLACE "^${ARG_LABEL}_" "${ARG_LABEL}." test "${test}")
  add_test(NAME ${test} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${test} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 1800)
endfunction()
