# The libraries that bosen is built on. A missing one is named together with its Debian package; scripts/setup installs
# them all.

# bosen_require_package(<package> <Debian package> [<find_package arguments>...])
macro(bosen_require_package package debian_package)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} is missing: apt-get install ${debian_package} (or run scripts/setup for everything)")
  endif()
endmacro()

# bosen_require_module(<pkg-config module> <Debian package>) -> target PkgConfig::<module>
macro(bosen_require_module module debian_package)
  pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${module}_FOUND)
    message(FATAL_ERROR "${module} is missing: apt-get install ${debian_package} (or run scripts/setup for everything)")
  endif()
endmacro()

# bosen_require_header(<header> <Debian package>)
function(bosen_require_header header debian_package)
  string(MAKE_C_IDENTIFIER "BOSEN_HEADER_${header}" variable)
  find_path(${variable} ${header})
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "${header} is missing: apt-get install ${debian_package} (or run scripts/setup for everything)")
  endif()
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
bosen_require_package(Threads libc6-dev)
bosen_require_package(PkgConfig pkg-config)
bosen_require_package(fmt libfmt-dev)
bosen_require_package(spdlog libspdlog-dev)
bosen_require_package(CLI11 libcli11-dev)
bosen_require_package(yaml-cpp libyaml-cpp-dev)
bosen_require_package(nlohmann_json nlohmann-json3-dev)
bosen_require_package(ZLIB zlib1g-dev)
bosen_require_package(Boost libboost-context-dev COMPONENTS context)
bosen_require_module(libzmq libzmq3-dev)
bosen_require_header(zmq.hpp cppzmq-dev)
bosen_require_module(libisal libisal-dev)
bosen_require_module(libevent libevent-dev)

if(BOSEN_BUILD_POSEIDON)
  # Not find_package(dnnl): Debian's insists on OpenCL's headers.
  bosen_require_header(oneapi/dnnl/dnnl.hpp libdnnl-dev)
  bosen_require_module(openblas libopenblas-openmp-dev)  # the one whose threads are oneDNN's
  bosen_require_package(OpenMP g++ COMPONENTS CXX)
  bosen_require_package(leveldb libleveldb-dev)
  bosen_require_package(PNG libpng-dev)
  bosen_require_module(libturbojpeg libturbojpeg0-dev)
endif()

if(BOSEN_BUILD_POSEIDON)
  include(BosenCuda)
endif()

if(BOSEN_BUILD_TESTS)
  bosen_require_package(GTest libgtest-dev)
  if(NOT DEFINED Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
    set(Python3_EXECUTABLE /usr/bin/python3)  # another one first on the path lacks the Debian packages that tests use
  endif()
  bosen_require_package(Python3 python3 COMPONENTS Interpreter)
endif()
if(BOSEN_BUILD_BENCHMARKS)
  bosen_require_package(benchmark libbenchmark-dev)
endif()
