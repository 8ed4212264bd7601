# libsodium, which checks and makes signatures: GEM_SODIUM_INCLUDE_DIR,
# GEM_SODIUM_LIBRARY, and the option GEM_SIGNATURE.

# The static library, where there is one, keeps a device's binary in one file.
find_path(GEM_SODIUM_INCLUDE_DIR sodium.h)
find_library(GEM_SODIUM_LIBRARY NAMES libsodium.a sodium)

set(gem_has_sodium OFF)
if(GEM_SODIUM_INCLUDE_DIR AND GEM_SODIUM_LIBRARY)
  set(gem_has_sodium ON)
endif()
option(GEM_SIGNATURE "Build the runtime's signature component (needs libsodium)" ${gem_has_sodium})
if(GEM_SIGNATURE AND NOT gem_has_sodium)
  message(FATAL_ERROR "libsodium not found (package libsodium-dev): install it, or configure with "
                      "-DGEM_SIGNATURE=OFF for a runtime that leaves checking signatures to the "
                      "application")
elseif(NOT gem_has_sodium)
  message(STATUS "No libsodium (package libsodium-dev): building without gem::signature; an "
                 "application that checks signatures brings its own gem_verifier_t. Once it is "
                 "installed: -DGEM_SIGNATURE=ON")
endif()
