# What the functions of GemBundle.cmake share: checks of arguments, names and paths.

# Unknown keywords, keywords without a value, and required ones that are missing. Reads what
# cmake_parse_arguments set with the prefix ARG. `lists` are the keywords with several values,
# where a misspelt keyword would pass for one of them; a bundle may have such a name.
macro(_gem_check_arguments call required lists)
  foreach(_gem_value IN LISTS ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${call}: unknown argument '${_gem_value}'")
  endforeach()
  foreach(_gem_keyword IN LISTS ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "${call}: ${_gem_keyword} is given without a value")
  endforeach()
  foreach(_gem_keyword IN ITEMS ${required})
    if("${ARG_${_gem_keyword}}" STREQUAL "")
      message(FATAL_ERROR "${call}: no ${_gem_keyword} given; docs/build-step.md has the arguments")
    endif()
  endforeach()
  foreach(_gem_keyword IN ITEMS ${lists})
    foreach(_gem_value IN LISTS ARG_${_gem_keyword})
      if(_gem_value MATCHES "^[A-Z][A-Z_]+$" AND NOT TARGET "${_gem_value}")
        message(FATAL_ERROR "${call}: unknown argument '${_gem_value}' (after ${_gem_keyword})")
      endif()
    endforeach()
  endforeach()
endmacro()

function(_gem_check_new_target call name)
  if(NOT name MATCHES "^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    message(FATAL_ERROR "${call}: NAME: expected letters, digits and _ . + -, but got '${name}'")
  endif()
  if(TARGET ${name})
    message(FATAL_ERROR "${call}: there is a target '${name}' already: choose another NAME")
  endif()
endfunction()

# The path of a tool.
function(_gem_tool call tool variable)
  if(NOT TARGET gem::${tool})
    message(FATAL_ERROR "${call}: needs ${tool}, which is not among the installed tools of gem")
  endif()
  get_target_property(path gem::${tool} IMPORTED_LOCATION)
  set(${variable} "${path}" PARENT_SCOPE)
endfunction()

# The path of gem-bundle, which must know a command: some are only in it where the libraries that
# they need were there.
function(_gem_bundle_tool call command variable)
  _gem_tool("${call}" gem-bundle path)
  execute_process(COMMAND "${path}" ${command} --help RESULT_VARIABLE result
                  OUTPUT_QUIET ERROR_QUIET)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${call}: needs 'gem-bundle ${command}', which '${path}' was built without")
  endif()
  set(${variable} "${path}" PARENT_SCOPE)
endfunction()

# MAX_SIZE 6MB -> --max-size=6MB
function(_gem_option list keyword value)
  string(TOLOWER "${keyword}" option)
  string(REPLACE "_" "-" option "${option}")
  # A ';' of the value does not end it.
  string(REPLACE ";" "\\;" value "${value}")
  set(${list} "${${list}};--${option}=${value}" PARENT_SCOPE)
endfunction()

# Refuses a path that build files cannot name.
function(_gem_check_path call keyword path)
  # Depfiles and makefiles have no spelling for these that every generator reads, nor have lists
  # of CMake and of the manifest; see docs/build-step.md.
  if(path MATCHES "[]['\"&;*:()|\\]")
    message(FATAL_ERROR "${call}: ${keyword}: the path '${path}' has the character "
                        "'${CMAKE_MATCH_0}', which build tools cannot track: rename the file or folder")
  endif()
endfunction()

# An input as an absolute path. One that is made by the build is allowed not to be there yet.
function(_gem_input_path call keyword path variable)
  get_filename_component(absolute "${path}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  _gem_check_path("${call}" "${keyword}" "${absolute}")
  get_source_file_property(is_generated "${absolute}" GENERATED)
  string(FIND "${absolute}" "${CMAKE_BINARY_DIR}/" in_build)
  if(NOT EXISTS "${absolute}" AND NOT is_generated AND NOT in_build EQUAL 0)
    message(FATAL_ERROR "${call}: ${keyword}: '${absolute}' does not exist")
  endif()
  set(${variable} "${absolute}" PARENT_SCOPE)
endfunction()

# An output as an absolute path, relative to the current binary folder.
function(_gem_output_path call keyword path variable)
  get_filename_component(absolute "${path}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
  _gem_check_path("${call}" "${keyword}" "${absolute}")
  set(${variable} "${absolute}" PARENT_SCOPE)
endfunction()

# CMake's makefiles name a file that they keep for depfiles wrongly where the path from the build
# folder to the current binary folder has a space.
function(_gem_check_subfolder call)
  file(RELATIVE_PATH subfolder "${CMAKE_BINARY_DIR}" "${CMAKE_CURRENT_BINARY_DIR}")
  if(CMAKE_GENERATOR MATCHES "Makefiles" AND subfolder MATCHES " ")
    message(FATAL_ERROR "${call}: the binary folder '${subfolder}' has a space, which CMake's "
                        "makefiles cannot track: rename it in add_subdirectory, or use Ninja")
  endif()
endfunction()

# A path as Ninja names it: relative inside the build folder, absolute outside.
function(_gem_relative path variable)
  string(FIND "${path}" "${CMAKE_BINARY_DIR}/" position)
  if(position EQUAL 0)
    file(RELATIVE_PATH path "${CMAKE_BINARY_DIR}" "${path}")
  endif()
  set(${variable} "${path}" PARENT_SCOPE)
endfunction()

# The names of gem-compile's devices; asked for once.
function(_gem_device_names call compile variable)
  get_property(names GLOBAL PROPERTY GEM_DEVICE_NAMES)
  if(NOT names)
    execute_process(COMMAND "${compile}" --list-devices RESULT_VARIABLE result
                    OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${call}: '${compile} --list-devices' failed: ${output}")
    endif()
    # A table: a heading, devices and the further cores of some, an empty line, notes.
    string(REGEX REPLACE "\n\n.*" "" output "${output}")
    string(REGEX MATCHALL "\n[a-z0-9][^ \n]*" names "${output}")
    string(REPLACE "\n" "" names "${names}")
    if(NOT names)
      message(FATAL_ERROR "${call}: '${compile} --list-devices' lists no device")
    endif()
    set_property(GLOBAL PROPERTY GEM_DEVICE_NAMES "${names}")
  endif()
  set(${variable} "${names}" PARENT_SCOPE)
endfunction()

# A device by its name, or by a profile in a file: what outputs and DEVICE call it, and the file or
# "". That of a profile is its file's, as the name inside may change after the configuration.
function(_gem_device call known device key_variable profile_variable)
  if(device MATCHES "\\.textproto$")
    _gem_input_path("${call}" DEVICES "${device}" profile)
    get_filename_component(key "${profile}" NAME_WLE)
    if(NOT key MATCHES "^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
      message(FATAL_ERROR "${call}: DEVICES: the name of '${profile}' becomes that of the bundle: "
                          "expected letters, digits and _ . + -")
    endif()
    set(${key_variable} "${key}" PARENT_SCOPE)
    set(${profile_variable} "${profile}" PARENT_SCOPE)
    return()
  endif()
  if(NOT device IN_LIST known)
    list(JOIN known ", " names)
    message(FATAL_ERROR "${call}: unknown device '${device}'; there are ${names}, and any profile "
                        "in a FILE.textproto")
  endif()
  set(${key_variable} "${device}" PARENT_SCOPE)
  set(${profile_variable} "" PARENT_SCOPE)
endfunction()

function(_gem_check_bundle call name)
  if(TARGET ${name})
    get_target_property(devices ${name} GEM_DEVICES)
    if(devices)
      return()
    endif()
  endif()
  message(FATAL_ERROR "${call}: there is no bundle '${name}': add it with gem_add_bundle before "
                      "this call")
endfunction()

# A bundle's file, its report, and the target that makes both.
function(_gem_find_bundle call name device bundle_variable report_variable target_variable)
  _gem_check_bundle("${call}" "${name}")
  get_target_property(devices ${name} GEM_DEVICES)
  get_target_property(bundles ${name} GEM_BUNDLES)
  get_target_property(reports ${name} GEM_REPORTS)
  get_target_property(targets ${name} GEM_TARGETS)
  list(JOIN devices ", " names)
  if(device STREQUAL "")
    # Merged devices are in one file.
    set(files ${bundles})
    list(REMOVE_DUPLICATES files)
    list(LENGTH files count)
    if(NOT count EQUAL 1)
      message(FATAL_ERROR "${call}: which DEVICE of '${name}'? There are ${names}")
    endif()
    list(GET devices 0 device)
  endif()
  list(FIND devices "${device}" index)
  if(index EQUAL -1)
    message(FATAL_ERROR "${call}: '${name}' is not compiled for the device '${device}'; there are "
                        "${names}")
  endif()
  list(GET bundles ${index} bundle)
  list(GET reports ${index} report)
  set(${bundle_variable} "${bundle}" PARENT_SCOPE)
  set(${report_variable} "${report}" PARENT_SCOPE)
  list(GET targets ${index} target)
  set(${target_variable} "${target}" PARENT_SCOPE)
endfunction()

# Pairs "file name|path": one name may not stand for two files.
function(_gem_check_file_names call pairs)
  list(REMOVE_DUPLICATES pairs)
  set(seen)
  foreach(pair IN LISTS pairs)
    string(REGEX REPLACE "[|].*" "" name "${pair}")
    if(name IN_LIST seen)
      message(FATAL_ERROR "${call}: two bundles have the file name '${name}': rename one of them")
    endif()
    list(APPEND seen "${name}")
  endforeach()
endfunction()
