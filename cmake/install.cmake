# What `cmake --install` writes: headers, the CMake package, the pkg-config file, the licence.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(comdml_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/comdml")
install(TARGETS comdml EXPORT comdml-targets FILE_SET HEADERS COMPONENT development
  FILE_SET kernel_text COMPONENT development FILE_SET milp COMPONENT development
  FILE_SET zeromq COMPONENT development FILE_SET mpi COMPONENT development)
install(EXPORT comdml-targets NAMESPACE comdml:: DESTINATION "${comdml_package_dir}" COMPONENT development)

configure_package_config_file(
  cmake/comdml-config.cmake.in "${PROJECT_BINARY_DIR}/package/comdml-config.cmake"
  INSTALL_DESTINATION "${comdml_package_dir}"
)
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/package/comdml-config-version.cmake"
  COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT
)
configure_file(cmake/comdml.pc.in "${PROJECT_BINARY_DIR}/package/comdml.pc" @ONLY)

install(
  FILES
    "${PROJECT_BINARY_DIR}/package/comdml-config.cmake"
    "${PROJECT_BINARY_DIR}/package/comdml-config-version.cmake"
    cmake/FindComdmlBlas.cmake
    cmake/FindComdmlGlpk.cmake
    cmake/FindComdmlZeromq.cmake
    cmake/comdml-kernels.cmake
    cmake/comdml-milp.cmake
    cmake/comdml-mpi.cmake
    cmake/comdml-zeromq.cmake
  DESTINATION "${comdml_package_dir}"
  COMPONENT development
)
install(FILES "${PROJECT_BINARY_DIR}/package/comdml.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig"
  COMPONENT development)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
