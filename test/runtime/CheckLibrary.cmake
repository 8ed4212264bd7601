# Run as a script: the core library has no constructors, no state, no need of the
# C++ library, and keeps its size.
#
#   cmake -DNM=nm -DOBJDUMP=objdump -DSIZE=size -DLIBRARY=libgem_core.a
#         -DLIMIT=<bytes, 0: none> -P CheckLibrary.cmake
execute_process(COMMAND ${OBJDUMP} -h ${LIBRARY} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
if(sections MATCHES "\\.(init_array|ctors)")
  message(FATAL_ERROR "${LIBRARY} has global constructors")
endif()
# .data.rel.ro and its kind hold constants with addresses.
string(REGEX MATCHALL "[^\n]* \\.(data|bss)(\\.[^r\n][^ \n]*)? +[0-9a-f]+" writable "${sections}")
foreach(section IN LISTS writable)
  if(NOT section MATCHES " 0+$")
    message(FATAL_ERROR "${LIBRARY} has mutable static data: ${section}")
  endif()
endforeach()

execute_process(COMMAND ${NM} -u ${LIBRARY} OUTPUT_VARIABLE undefined COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "_Zn[wa][^\n]*|_Zd[la][^\n]*|_ZSt[^\n]*|_ZNS[^\n]*|__cxa_[^\n]*|__gxx_[^\n]*|_ZTI[^\n]*"
       needed "${undefined}")
if(needed)
  message(FATAL_ERROR "${LIBRARY} needs the C++ library: ${needed}")
endif()

# Code and constants as a program gets them: a function that several objects have
# (an accessor of the schema) counts once.
execute_process(COMMAND ${SIZE} -A ${LIBRARY} OUTPUT_VARIABLE sizes COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\n\\.(text|rodata)[^ ]* +[0-9]+" sections "${sizes}")
set(total 0)
foreach(section IN LISTS sections)
  string(REGEX REPLACE "\n([^ ]+) +[0-9]+" "\\1" name "${section}")
  string(REGEX REPLACE ".* " "" bytes "${section}")
  if(name MATCHES "^\\.(text|rodata)\\._Z" AND DEFINED "seen_${name}")
    continue()
  endif()
  set("seen_${name}" TRUE)
  math(EXPR total "${total} + ${bytes}")
endforeach()
message("core library: ${total} bytes of code and constants, limit ${LIMIT}")
if(LIMIT AND total GREATER LIMIT)
  message(FATAL_ERROR "${LIBRARY} has outgrown its limit")
endif()
