# Debian's MLIR/LLVM 19 and the other libraries of the compiler side.

find_package(MLIR 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

find_package(Threads REQUIRED)
find_package(absl REQUIRED CONFIG)
find_package(Protobuf 3.21 REQUIRED)
find_package(ZLIB REQUIRED)

# Debian's export names the shared LLVM for every MLIR library. For a static
# build, name the component libraries instead; never mix the two.
if(GEM_STATIC_LLVM)
  llvm_map_components_to_libnames(gem_llvm_libs Core Support Passes TargetParser BinaryFormat
    Demangle BitWriter IRReader Linker AsmParser FrontendOpenMP)
  foreach(lib IN LISTS MLIR_EXPORTED_TARGETS)
    if(TARGET ${lib})
      get_target_property(links ${lib} INTERFACE_LINK_LIBRARIES)
      if(links)
        list(REMOVE_ITEM links LLVM)
        list(APPEND links ${gem_llvm_libs})
        set_target_properties(${lib} PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
      endif()
    endif()
  endforeach()
endif()

# lld links these binaries several times faster than ld; g++ 12 finds it by -B.
find_program(GEM_LLD ld.lld-19)
if(GEM_LLD)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_link_options(-fuse-ld=lld)
  else()
    add_link_options(-fuse-ld=lld -B/usr/lib/llvm-19/bin)
  endif()
endif()

# mlir_tablegen() takes its -I from the directory's include directories.
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
separate_arguments(gem_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")

add_library(gem_mlir INTERFACE)
target_compile_definitions(gem_mlir INTERFACE ${gem_llvm_definitions})
target_compile_options(gem_mlir INTERFACE -fno-exceptions)
if(GEM_SANITIZE MATCHES undefined)
  # It looks at the types of MLIR's objects, whose own libraries are built without it.
  target_compile_options(gem_mlir INTERFACE -fno-sanitize=vptr)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # libstdc++ 12's own std::stable_sort trips over this in C++20.
  target_compile_options(gem_mlir INTERFACE -Wno-deprecated-declarations)
endif()

# One precompiled header for everything that includes MLIR.
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/generated/gem_pch.cpp CONTENT "")
add_library(gem_pch STATIC ${PROJECT_BINARY_DIR}/generated/gem_pch.cpp)
target_link_libraries(gem_pch PUBLIC gem_mlir)
target_precompile_headers(gem_pch PRIVATE
  <mlir/Bytecode/BytecodeOpInterface.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/IR/Builders.h>
  <mlir/IR/BuiltinAttributes.h> <mlir/IR/BuiltinOps.h> <mlir/IR/BuiltinTypes.h> <mlir/IR/Dialect.h>
  <mlir/IR/DialectImplementation.h> <mlir/IR/OpDefinition.h> <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h> <mlir/IR/SymbolTable.h> <mlir/Interfaces/InferTypeOpInterface.h>
  <mlir/Interfaces/SideEffectInterfaces.h> <mlir/Pass/Pass.h>)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # Lets ccache share the precompiled header between builds.
  target_compile_options(gem_pch PUBLIC "SHELL:-Xclang -fno-pch-timestamp")
endif()

# gem_mlir_library(NAME sources... LINK libs... MLIR component-libs... DEPENDS targets...)
function(gem_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;MLIR;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  gem_link_mlir(${name} ${ARG_MLIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# Links MLIR: the component libraries named, or the one shared library.
function(gem_link_mlir name)
  target_link_libraries(${name} PUBLIC gem_mlir)
  if(GEM_STATIC_LLVM)
    target_link_libraries(${name} PUBLIC ${ARGN})
  else()
    target_link_libraries(${name} PUBLIC MLIR LLVM)
  endif()
  # An executable would be compiled with -fPIE, which the libraries' precompiled
  # header does not fit.
  get_target_property(type ${name} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${name} REUSE_FROM gem_pch)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
