# How our targets are compiled: bosen_compile_options(<target>) applies it. Nothing here is global, so a project that adds
# bosen as a subdirectory keeps its own flags.

find_program(BOSEN_CCACHE ccache)
mark_as_advanced(BOSEN_CCACHE)

add_library(bosen_warnings INTERFACE)
target_compile_options(bosen_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wold-style-cast -Wcast-align -Wextra-semi -Wundef
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: g++ 12 warns about std::string's own operator+.
  target_compile_options(bosen_warnings INTERFACE -Wno-restrict)
endif()

add_library(bosen_code_generation INTERFACE)
target_compile_features(bosen_code_generation INTERFACE cxx_std_20)
# Line numbers in back traces and profiles of release builds cost nothing at run time.
target_compile_options(bosen_code_generation INTERFACE $<$<CONFIG:Release>:-g1>)
if(BOSEN_NATIVE)
  target_compile_options(bosen_code_generation INTERFACE -march=native)
endif()

if(BOSEN_SANITIZE)
  target_compile_options(bosen_code_generation INTERFACE
    -fsanitize=${BOSEN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bosen_code_generation INTERFACE -fsanitize=${BOSEN_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code hides from g++ what is initialised, and fences are not modelled by its thread sanitizer.
    target_compile_options(bosen_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

# After bosen_code_generation, whose choice it narrows.
add_library(bosen_fewer_checks INTERFACE)
if(BOSEN_SANITIZE MATCHES "undefined")
  target_compile_options(bosen_fewer_checks INTERFACE -fno-sanitize=null,alignment)
endif()

# bosen_compile_options(<target> [PRECOMPILED <target>])
#
# Compiles `target` as C++20 with our warnings, the chosen sanitizers, precompiled headers and, where there is one, ccache.
function(bosen_compile_options target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PRECOMPILED" "")
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:bosen_warnings> $<BUILD_INTERFACE:bosen_code_generation>)
  # Both checks stay where bytes become values. Elsewhere they would double the time to compile; what uses a null pointer
  # ends in the address sanitizer anyway.
  if(NOT target MATCHES "^bosen_(base|wire|core|net)$")
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:bosen_fewer_checks>)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # The sanitizers' presets compile several sources at once. In these, sources give one name to different things, or
  # (test_support) g++ 12 takes the length of a vector for negative then.
  if(target MATCHES "^(poseidon|poseidon_(data|solver)|unit_(monitor|net|sim|poseidon_net)|test_(support|emulated_cuda))$")
    set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  endif()
  if(NOT arg_PRECOMPILED)
    set(arg_PRECOMPILED bosen_precompiled)
  endif()
  # The exceptions have options of their own, with which it would not be valid.
  if(TARGET ${arg_PRECOMPILED} AND NOT target MATCHES "^(${arg_PRECOMPILED}|poseidon_cpu|bench_gemm)$")
    target_precompile_headers(${target} REUSE_FROM ${arg_PRECOMPILED})
  endif()
  if(BOSEN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Without these it caches nothing that has a precompiled header.
    set_target_properties(${target} PROPERTIES
      CXX_COMPILER_LAUNCHER "env;CCACHE_SLOPPINESS=pch_defines,time_macros;${BOSEN_CCACHE}")
  endif()
endfunction()
