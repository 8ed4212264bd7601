# Options and compiler settings that the whole tree shares.

option(GEM_RUNTIME_ONLY "Build the runtime and gem-run only: no MLIR, no Abseil, no protobuf" OFF)
option(GEM_IMPORTERS "With GEM_RUNTIME_ONLY, also the importers: needs Abseil and zlib, not MLIR" OFF)
option(GEM_BUILD_TESTS "Build the tests" ON)
option(GEM_TEXT "Build the runtime's text component (needs utf8proc)" ON)
option(GEM_WERROR "Treat warnings as errors" OFF)
option(GEM_STATIC_LLVM "Link MLIR and LLVM statically (for release)" OFF)
set(GEM_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
option(GEM_FUZZ "Build the fuzz targets of test/fuzz, and everything so that it can be fuzzed (clang)"
       OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(GEM_CCACHE ccache)
if(GEM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${GEM_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GEM_CCACHE})
endif()

# -ffp-contract=off: results must not depend on what a compiler fuses
# (docs/adr/0003-numerics.md).
add_compile_options(-Wall -Wextra -Wno-unused-parameter -ffp-contract=off
                    -ffunction-sections -fdata-sections)
add_compile_options($<$<CONFIG:Debug>:-fno-omit-frame-pointer>)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # libstdc++ 12 deprecates what its own std::stable_sort uses; clang reports it.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Reports std::string operations that are right (GCC bug 105651).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(GEM_WERROR)
  add_compile_options(-Werror)
endif()
if(APPLE)
  add_link_options(-Wl,-dead_strip)
else()
  add_link_options(-Wl,--gc-sections)
endif()
if(GEM_SANITIZE)
  add_compile_options(-fsanitize=${GEM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${GEM_SANITIZE})
endif()
if(GEM_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "GEM_FUZZ: expected clang, which has libFuzzer, but got "
                        "${CMAKE_CXX_COMPILER_ID}; use the preset asan")
  endif()
  # Counts what is covered and compared. The same objects make the ordinary programs,
  # which ignore the counters, and the fuzz targets, which link libFuzzer.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include
                    ${PROJECT_BINARY_DIR})
