# Run as a script: the core library has no constructors, no state and no need of the
# C++ library.
#
#   cmake -DNM=nm -DOBJDUMP=objdump -DLIBRARY=libgem_core.a -P CheckLibrary.cmake
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
