# Precompiled headers. Most of a source's time to compile is the standard library's headers, which are the same in all; so
# they are compiled once for all targets that have the same options.

option(BOSEN_PRECOMPILE "Compile the headers that most sources include once, for all" ON)

if(BOSEN_PRECOMPILE AND NOT CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ forgets a precompiled header's diagnostic pragmas, with which <string> turns off just these.
  target_compile_options(bosen_warnings INTERFACE -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
endif()

# bosen_precompile(<target> HEADERS <header>... LIBRARIES <target>... [OPTIONS <option>...])
#
# What bosen_compile_options(... PRECOMPILED <target>) makes sources read before their first line. Only headers of others: a
# change of one of ours would compile everything again. Builds that compile several sources at once go without. They have
# less to gain, and notice #includes that are missing.
function(bosen_precompile target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LIBRARIES;OPTIONS")
  if(NOT BOSEN_PRECOMPILE OR CMAKE_UNITY_BUILD)
    return()
  endif()
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${target}.cc")  # CMake wants one, and it may be empty
  file(CONFIGURE OUTPUT "${source}" CONTENT "")
  add_library(${target} OBJECT "${source}")
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${target} PRIVATE ${arg_HEADERS})
  bosen_compile_options(${target} PRECOMPILED ${target})
  target_compile_options(${target} PRIVATE ${arg_OPTIONS})
endfunction()

# With more of them it gets so large that g++ collects garbage in each source, which takes as long as it saves.
set(bosen_common_headers
  <algorithm> <array> <chrono> <cmath> <cstddef> <cstdint> <cstring> <filesystem> <functional> <limits> <map> <memory> <mutex>
  <optional> <set> <span> <stdexcept> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
bosen_precompile(bosen_precompiled HEADERS ${bosen_common_headers} LIBRARIES fmt::fmt)
