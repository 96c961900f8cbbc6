# One library per folder of bosen/. Sources and headers are globbed, so adding a file needs no edit here.

# bosen_layer(<folder> [DEPENDS <folder>...] [LIBRARIES <target>...] [PRIVATE_LIBRARIES <target>...])
#
# Defines bosen_<folder> from bosen/<folder>/**.cc: a static library, or an interface library while there are headers only.
# DEPENDS names folders of bosen/ that its sources may include, LIBRARIES what its headers need from elsewhere,
# PRIVATE_LIBRARIES what only its sources need.
function(bosen_layer folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
  bosen_library(bosen_${folder} ${ARGN} EXPORT_NAME ${folder} SOURCES ${sources} HEADERS ${headers})
  set_property(GLOBAL APPEND PROPERTY BOSEN_LAYERS ${folder})
endfunction()

# bosen_library(<target> [EXPORT_NAME <name>] [DEPENDS <folder>...] [LIBRARIES <target>...]
#               [PRIVATE_LIBRARIES <target>...] [SOURCES <file>...] [HEADERS <file>...])
#
# The same for given files. With EXPORT_NAME it is installed as bosen::<name>. Headers are compiled on their own by the target
# all_verify_interface_header_sets: those that a source includes first too, as it has read a precompiled header before.
function(bosen_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORT_NAME" "DEPENDS;LIBRARIES;PRIVATE_LIBRARIES;SOURCES;HEADERS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "bosen_library(${target}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  set(layers)
  foreach(folder IN LISTS arg_DEPENDS)
    if(NOT TARGET bosen_${folder})
      message(FATAL_ERROR "${target} depends on bosen_${folder}, which has to be defined before it")
    endif()
    list(APPEND layers bosen_${folder})
  endforeach()

  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE_LIBRARIES})
    bosen_compile_options(${target})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} ${scope} ${layers} ${arg_LIBRARIES})
  if(arg_EXPORT_NAME)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_EXPORT_NAME})
    set_property(GLOBAL APPEND PROPERTY BOSEN_INSTALLED_LIBRARIES ${target})
  endif()

  # Its own target, because an installed target has to install all headers of its sets, and most of ours are internal.
  if(arg_HEADERS)
    add_library(${target}_headers INTERFACE)
    target_link_libraries(${target}_headers INTERFACE ${target} ${arg_PRIVATE_LIBRARIES} bosen_warnings
      bosen_code_generation)
    target_sources(${target}_headers INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${arg_HEADERS})
    set_target_properties(${target}_headers PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# bosen_program(<target> NAME <file name> [LIBRARIES <target>...] [SOURCES <file>...]): a program in <build>/bin.
function(bosen_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NAME" "LIBRARIES;SOURCES")
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  bosen_compile_options(${target})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${arg_NAME} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()

# bosen_install_program(<target>): a program for users; the target bosen_programs builds them all, and nothing else.
add_custom_target(bosen_programs)
function(bosen_install_program target)
  add_dependencies(bosen_programs ${target})
  install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
