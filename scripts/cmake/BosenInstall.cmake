# cmake --install: the libraries, the public headers, the programs, and what find_package(bosen) reads.

include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY BOSEN_INSTALLED_LIBRARIES)
install(TARGETS ${libraries} EXPORT bosenTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Not a list made now, so that a new #include needs no configuring again.
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE headers)
install(CODE "set(source \"${PROJECT_SOURCE_DIR}\")\nset(destination \"${headers}\")")
install(SCRIPT "${CMAKE_CURRENT_LIST_DIR}/BosenInstallHeaders.cmake")

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bosen)
install(EXPORT bosenTargets NAMESPACE bosen:: DESTINATION ${package_folder})
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/bosenConfig.cmake.in" "${PROJECT_BINARY_DIR}/bosenConfig.cmake"
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/bosenConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/bosenConfig.cmake" "${PROJECT_BINARY_DIR}/bosenConfigVersion.cmake"
  DESTINATION ${package_folder})
