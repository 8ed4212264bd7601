# Debian packages of what `cmake --install` installs: `cpack -G DEB` in a build folder makes
# gem-tools (component tools) and libgem-dev (component runtime).
#
# The static release build (preset release) makes tools that need no LLVM.

include(GNUInstallDirs)
set(CPACK_PACKAGE_NAME gem)
set(CPACK_PACKAGE_VENDOR "The GEM project")
if(NOT CPACK_PACKAGE_CONTACT) # Who distributes packages says who answers for them.
  set(CPACK_PACKAGE_CONTACT "The GEM project <maintainers@gem.invalid>")
endif()
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
# Each package has a description of its own, to which CPack would add the project's.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime)
if(NOT GEM_RUNTIME_ONLY)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# Debian's file system is under /usr; elsewhere the components are relocatable too.
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME gem-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "libgem-dev, cmake")
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "compiler of language models for small devices
gem-compile compiles a trained model into one file for a device; gem-run runs
it, gem-eval and gem-bench measure it, gem-inspect explains it. The CMake
package gem makes bundles a build step.")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libgem-dev)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libdevel)
# Static libraries, which shlibdeps does not look into: what they are linked with.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libc6-dev")
if(TARGET gem_text)
  string(APPEND CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS ", libutf8proc-dev")
endif()
if(TARGET gem_signature)
  string(APPEND CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS ", libsodium-dev")
endif()
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "runtime of compiled language models
A C library that verifies and runs the bundles that gem-compile makes, without
allocating while it runs. Libraries, headers, bindings and the CMake package
gem_runtime.")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
endif()

# The licence, where Debian looks for it.
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE COMPONENT ${component} RENAME copyright
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()
include(CPack)
