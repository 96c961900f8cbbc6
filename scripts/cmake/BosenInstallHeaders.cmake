# Runs at install time, with `source` (root of the repository) and `destination` set: installs bosen/bosen.h and every
# header of ours that it includes, however deep. What an app does not need stays internal.

cmake_policy(VERSION 3.25)

set(pending bosen/bosen.h)
set(reached)
while(pending)
  list(POP_FRONT pending header)
  if(header IN_LIST reached)
    continue()
  endif()
  list(APPEND reached ${header})
  file(STRINGS "${source}/${header}" lines REGEX "^#include \"bosen/")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" included "${line}")
    list(APPEND pending ${included})
  endforeach()
endwhile()

foreach(header IN LISTS reached)
  cmake_path(GET header PARENT_PATH folder)
  file(INSTALL "${source}/${header}" DESTINATION "${destination}/${folder}")
endforeach()
