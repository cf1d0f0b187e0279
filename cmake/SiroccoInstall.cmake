# What `cmake --install` puts elsewhere: the program, and the library as a package that find_package(sirocco) finds there.
# The library is the folders that aren't marked PROGRAM (SiroccoFolder.cmake), under one name: sirocco::sirocco. What the
# folders link to from outside is found again by siroccoConfig.cmake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/sirocco")

# sirocco_install_folder(NAME): the library of the folder that is being configured, and its headers.
function(sirocco_install_folder name)
  set_target_properties(sirocco_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS sirocco_${name} EXPORT sirocco ARCHIVE INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(DIRECTORY . DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sirocco/${name}" FILES_MATCHING PATTERN "*.hpp"
    PATTERN "*_testing.hpp" EXCLUDE PATTERN "*-inl.hpp" EXCLUDE PATTERN x86 EXCLUDE PATTERN simd EXCLUDE)
endfunction()

# The name that programs link to; the same in this tree, so that examples/ is written once.
add_library(sirocco_library INTERFACE)
add_library(sirocco::sirocco ALIAS sirocco_library)
target_link_libraries(sirocco_library INTERFACE sirocco_engine)
target_compile_features(sirocco_library INTERFACE cxx_std_20)
set_target_properties(sirocco_library PROPERTIES EXPORT_NAME sirocco)

install(TARGETS sirocco_library EXPORT sirocco)
install(EXPORT sirocco NAMESPACE sirocco:: FILE siroccoTargets.cmake DESTINATION "${package_folder}")
# Before 1.0 a minor version may change what programs are written against.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/siroccoConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
configure_file(cmake/siroccoConfig.cmake.in "${PROJECT_BINARY_DIR}/siroccoConfig.cmake" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/siroccoConfig.cmake" "${PROJECT_BINARY_DIR}/siroccoConfigVersion.cmake" DESTINATION "${package_folder}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
