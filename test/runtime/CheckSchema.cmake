# Run as a script: the schema is what it was, or a legal successor.
#
#   cmake -DROOT=<repository> -P CheckSchema.cmake
set(schema ${ROOT}/runtime/schema)
find_program(FLATC flatc)
if(NOT FLATC)
  message("SKIPPED: flatc not found (package flatbuffers-compiler)")
  return()
endif()

file(GLOB frozen RELATIVE ${schema}/frozen ${schema}/frozen/*)
list(SORT frozen COMPARE NATURAL)
if(NOT frozen)
  message(FATAL_ERROR "no frozen schema in ${schema}/frozen")
endif()
foreach(version IN LISTS frozen)
  foreach(name gem_bundle gem_tokenizer)
    execute_process(COMMAND ${FLATC} --conform ${schema}/frozen/${version}/${name}.fbs
                            ${schema}/${name}.fbs
                    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${name}.fbs breaks with version ${version}: ${output}")
    endif()
  endforeach()
endforeach()
list(GET frozen -1 newest)
foreach(name gem_bundle gem_tokenizer)
  file(READ ${schema}/${name}.fbs current)
  file(READ ${schema}/frozen/${newest}/${name}.fbs released)
  if(NOT current STREQUAL released)
    message(FATAL_ERROR "${name}.fbs differs from frozen/${newest}: raise the format's minor "
                        "version and freeze it (runtime/schema/README.md)")
  endif()
endforeach()
execute_process(COMMAND ${ROOT}/scripts/generate-schema --check RESULT_VARIABLE result
                ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
