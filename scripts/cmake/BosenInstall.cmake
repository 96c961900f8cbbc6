# cmake --install: the libraries, the public headers, the programs, and what find_package(bosen) reads.

include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY BOSEN_INSTALLED_LIBRARIES)
install(TARGETS ${libraries} EXPORT bosenTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# The public API and the plain types below it. Layers are internal: their headers stay here.
file(GLOB public_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bosen/*.h")
file(GLOB base_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bosen/base/*.h")
install(FILES ${public_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bosen)
install(FILES ${base_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bosen/base)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bosen)
install(EXPORT bosenTargets NAMESPACE bosen:: DESTINATION ${package_folder})
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/bosenConfig.cmake.in" "${PROJECT_BINARY_DIR}/bosenConfig.cmake"
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/bosenConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/bosenConfig.cmake" "${PROJECT_BINARY_DIR}/bosenConfigVersion.cmake"
  DESTINATION ${package_folder})
