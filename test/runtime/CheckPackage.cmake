# Run as a script: the installed package builds the example, which runs.
#
#   cmake -DBUILD=<build> -DROOT=<repository> -DOUT=<folder> -DGENERATOR=Ninja
#         -DC_COMPILER=cc -P CheckPackage.cmake
file(REMOVE_RECURSE ${OUT})
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component runtime --prefix ${OUT}/prefix)
# No path of this machine may be in what is installed.
file(GLOB_RECURSE installed ${OUT}/prefix/*.cmake ${OUT}/prefix/*.h)
foreach(file IN LISTS installed)
  file(READ ${file} text)
  foreach(path IN ITEMS ${ROOT} ${BUILD} ${OUT})
    string(FIND "${text}" "${path}" found)
    if(NOT found EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()
run(${CMAKE_COMMAND} -S ${ROOT}/examples/c-app -B ${OUT}/build -G ${GENERATOR}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_PREFIX_PATH=${OUT}/prefix
    "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror ${C_FLAGS}")
run(${CMAKE_COMMAND} --build ${OUT}/build)
run(${OUT}/build/c-app ${ROOT}/test/runtime/golden/v1.0.gemb 5 6 7)
if(NOT output MATCHES "^class [0-4] label [0-4], logit -?[0-9.]+\n$")
  message(FATAL_ERROR "c-app printed: ${output}")
endif()
