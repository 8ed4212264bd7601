# Bundles as a build step:
#
#   gem_add_bundle        compiles a model for devices
#   gem_get_bundle        where a bundle is
#   gem_bundle_manifest   what was made, as JSON
#   gem_embed_bundle      a bundle inside a program
#   gem_add_runtime       a runtime with only the kernels that bundles need
#
# docs/build-step.md is their reference.
include_guard(GLOBAL)

# The policies of 3.19, on purpose: CMP0116 of 3.20 has CMake rewrite depfiles for Ninja, and
# it does not quote what Ninja would read as given ('$', '#': they rebuild for ever). Unset,
# the depfile is handed over as gem-compile wrote it, which names its target as Ninja does:
# relative to the build folder, where the commands therefore run.
cmake_policy(PUSH)
cmake_policy(VERSION 3.19)

include("${CMAKE_CURRENT_LIST_DIR}/GemArguments.cmake")

# gem_add_bundle(NAME name MODEL path DEVICES device... [QUANTIZE format] [MAX_SIZE size]
#                [MAX_LATENCY time] [MAX_BITS bits] [CALIBRATE file] [EVALUATE file]
#                [FAIL_IF condition...] [MIN_TEXTS n] [RECIPE file] [STATISTICS file]
#                [PRUNE_TO share] [KEEP_DOMAIN share] [VALIDATE file]
#                [VOCABULARY_CORPUS file] [SEQUENCE n] [PAD] [SET key=value...]
#                [SIGN_KEY file] [MERGE] [OUTPUT_DIRECTORY folder] [EXCLUDE_FROM_ALL]
#                [JOB_POOL pool] [DEPENDS file-or-target...] [OPTIONS option...])
function(gem_add_bundle)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "PAD;MERGE;EXCLUDE_FROM_ALL"
    "NAME;MODEL;QUANTIZE;MAX_SIZE;MAX_LATENCY;MAX_BITS;CALIBRATE;EVALUATE;MIN_TEXTS;RECIPE;STATISTICS;PRUNE_TO;KEEP_DOMAIN;VALIDATE;VOCABULARY_CORPUS;SEQUENCE;SIGN_KEY;OUTPUT_DIRECTORY;JOB_POOL"
    "DEVICES;FAIL_IF;SET;DEPENDS;OPTIONS")
  set(call "gem_add_bundle(${ARG_NAME})")
  _gem_check_arguments("${call}" "NAME;MODEL;DEVICES" "DEVICES;FAIL_IF;SET")
  _gem_check_new_target("${call}" "${ARG_NAME}")
  _gem_tool("${call}" gem-compile compile)
  set(key_file "")
  set(bundle_tool "")
  if(ARG_SIGN_KEY)
    _gem_input_path("${call}" SIGN_KEY "${ARG_SIGN_KEY}" key_file)
    _gem_bundle_tool("${call}" sign bundle_tool)
  endif()
  if(ARG_MERGE)
    list(LENGTH ARG_DEVICES count)
    if(count EQUAL 1)
      message(FATAL_ERROR "${call}: MERGE puts several devices into one bundle, but DEVICES names one")
    endif()
    _gem_bundle_tool("${call}" merge bundle_tool)
  endif()

  # Everything but the device and the outputs.
  _gem_input_path("${call}" MODEL "${ARG_MODEL}" model)
  set(arguments "${model}")
  set(inputs)
  if(NOT IS_DIRECTORY "${model}")
    list(APPEND inputs "${model}") # What a folder holds is found in the depfile.
  endif()
  foreach(keyword IN ITEMS CALIBRATE EVALUATE RECIPE STATISTICS VALIDATE VOCABULARY_CORPUS)
    if(NOT "${ARG_${keyword}}" STREQUAL "")
      _gem_input_path("${call}" ${keyword} "${ARG_${keyword}}" path)
      _gem_option(arguments ${keyword} "${path}")
      list(APPEND inputs "${path}")
    endif()
  endforeach()
  foreach(keyword IN ITEMS QUANTIZE MAX_SIZE MAX_LATENCY MAX_BITS MIN_TEXTS PRUNE_TO KEEP_DOMAIN
                           SEQUENCE)
    if(NOT "${ARG_${keyword}}" STREQUAL "")
      _gem_option(arguments ${keyword} "${ARG_${keyword}}")
    endif()
  endforeach()
  foreach(keyword IN ITEMS FAIL_IF SET)
    foreach(value IN LISTS ARG_${keyword})
      _gem_option(arguments ${keyword} "${value}")
    endforeach()
  endforeach()
  if(ARG_PAD)
    list(APPEND arguments --pad)
  endif()
  list(APPEND arguments ${ARG_OPTIONS})
  if(ARG_FAIL_IF AND NOT ARG_EVALUATE)
    message(FATAL_ERROR "${call}: FAIL_IF judges figures of texts: give them with EVALUATE file")
  endif()

  if("${ARG_OUTPUT_DIRECTORY}" STREQUAL "")
    set(ARG_OUTPUT_DIRECTORY "gem/${ARG_NAME}")
  endif()
  _gem_output_path("${call}" OUTPUT_DIRECTORY "${ARG_OUTPUT_DIRECTORY}" folder)
  _gem_output_path("${call}" "the binary folder" "CMakeFiles/gem/${ARG_NAME}" private)
  _gem_check_subfolder("${call}")
  file(MAKE_DIRECTORY "${folder}" "${private}")
  set(pool)
  if(ARG_JOB_POOL)
    set(pool JOB_POOL "${ARG_JOB_POOL}")
  endif()

  _gem_device_names("${call}" "${compile}" known)
  set(devices)
  set(compiled_bundles)
  set(bundles)
  set(reports)
  set(targets)
  foreach(device IN LISTS ARG_DEVICES)
    _gem_device("${call}" "${known}" "${device}" key profile)
    if(key IN_LIST devices)
      message(FATAL_ERROR "${call}: DEVICES names '${key}' twice")
    endif()
    list(APPEND devices "${key}")
    set(bundle "${folder}/${ARG_NAME}-${key}.gemb")
    set(report "${folder}/${ARG_NAME}-${key}.json")
    set(compiled "${bundle}")
    if(key_file OR ARG_MERGE)
      # Compiled first, then signed or merged into its place.
      set(compiled "${private}/${ARG_NAME}-${key}.gemb")
    endif()
    set(depfile "${private}/${ARG_NAME}-${key}.d")
    _gem_relative("${compiled}" relative_bundle)
    _gem_relative("${report}" relative_report)
    _gem_relative("${depfile}" relative_depfile)
    set(device_option "--device=${device}")
    if(profile)
      set(device_option "--device=${profile}")
    endif()
    add_custom_command(OUTPUT "${compiled}" "${report}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}" "${private}"
      COMMAND "${compile}" ${arguments} "${device_option}" "--output=${relative_bundle}"
              "--report=${relative_report}" "--depfile=${relative_depfile}" --quiet
      DEPENDS ${inputs} ${profile} "${compile}" ${ARG_DEPENDS}
      DEPFILE "${depfile}"
      WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
      COMMENT "Compiling ${ARG_NAME} for ${key}"
      ${pool} VERBATIM)
    list(APPEND compiled_bundles "${compiled}")
    list(APPEND reports "${report}")
    list(APPEND targets ${ARG_NAME}.${key})
    if(ARG_MERGE)
      add_custom_target(${ARG_NAME}.${key} DEPENDS "${compiled}" "${report}")
    else()
      _gem_sign("${bundle_tool}" "${key_file}" "${compiled}" "${bundle}")
      list(APPEND bundles "${bundle}")
      add_custom_target(${ARG_NAME}.${key} DEPENDS "${bundle}" "${report}")
    endif()
  endforeach()

  if(ARG_MERGE)
    set(bundle "${folder}/${ARG_NAME}.gemb")
    set(merged "${bundle}")
    if(key_file)
      set(merged "${private}/${ARG_NAME}.gemb")
    endif()
    add_custom_command(OUTPUT "${merged}"
      COMMAND "${bundle_tool}" merge ${compiled_bundles} "--output=${merged}" --quiet
      DEPENDS ${compiled_bundles} "${bundle_tool}"
      COMMENT "Merging the devices of ${ARG_NAME}" VERBATIM)
    _gem_sign("${bundle_tool}" "${key_file}" "${merged}" "${bundle}")
    add_custom_target(${ARG_NAME}.merged DEPENDS "${bundle}")
    add_dependencies(${ARG_NAME}.merged ${targets})
    # One file, made by one target, for each device.
    string(REGEX REPLACE "[^;]+" "${bundle}" bundles "${devices}")
    string(REGEX REPLACE "[^;]+" "${ARG_NAME}.merged" targets "${devices}")
  endif()

  set(all ALL)
  if(ARG_EXCLUDE_FROM_ALL)
    set(all)
  endif()
  add_custom_target(${ARG_NAME} ${all})
  add_dependencies(${ARG_NAME} ${targets})
  set_target_properties(${ARG_NAME} PROPERTIES
    GEM_DEVICES "${devices}" GEM_BUNDLES "${bundles}" GEM_REPORTS "${reports}"
    GEM_TARGETS "${targets}")
endfunction()

# A bundle signed into another; nothing when there is no key and they are the same.
function(_gem_sign bundle_tool key from to)
  if(key)
    get_filename_component(name "${to}" NAME)
    add_custom_command(OUTPUT "${to}"
      COMMAND "${bundle_tool}" sign "${from}" "--key=${key}" "--output=${to}" --quiet
      DEPENDS "${from}" "${key}" "${bundle_tool}"
      COMMENT "Signing ${name}" VERBATIM)
  endif()
endfunction()

# gem_get_bundle(variable BUNDLE name [DEVICE device] [REPORT])
function(gem_get_bundle variable)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "REPORT" "BUNDLE;DEVICE" "")
  set(call "gem_get_bundle(${ARG_BUNDLE})")
  _gem_check_arguments("${call}" "BUNDLE" "")
  _gem_find_bundle("${call}" "${ARG_BUNDLE}" "${ARG_DEVICE}" bundle report target)
  if(ARG_REPORT)
    set(${variable} "${report}" PARENT_SCOPE)
  else()
    set(${variable} "${bundle}" PARENT_SCOPE)
  endif()
endfunction()

# gem_bundle_manifest(NAME name BUNDLES bundle... [OUTPUT file])
function(gem_bundle_manifest)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "EXCLUDE_FROM_ALL" "NAME;OUTPUT" "BUNDLES")
  set(call "gem_bundle_manifest(${ARG_NAME})")
  _gem_check_arguments("${call}" "NAME;BUNDLES" "BUNDLES")
  _gem_check_new_target("${call}" "${ARG_NAME}")
  if(NOT ARG_OUTPUT)
    set(ARG_OUTPUT "gem/${ARG_NAME}.json")
  endif()
  _gem_output_path("${call}" OUTPUT "${ARG_OUTPUT}" output)

  # One entry a line: name, bundle, report.
  set(entries "")
  set(inputs)
  set(names)
  foreach(bundle IN LISTS ARG_BUNDLES)
    _gem_check_bundle("${call}" "${bundle}")
    get_target_property(devices ${bundle} GEM_DEVICES)
    foreach(device IN LISTS devices)
      _gem_find_bundle("${call}" "${bundle}" "${device}" file report target)
      string(APPEND entries "${bundle}|${file}|${report}\n")
      list(APPEND inputs "${file}" "${report}")
      get_filename_component(file_name "${file}" NAME)
      list(APPEND names "${file_name}|${file}")
    endforeach()
  endforeach()
  _gem_check_file_names("${call}" "${names}")
  list(REMOVE_DUPLICATES inputs)

  set(list "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/gem/${ARG_NAME}.list")
  file(GENERATE OUTPUT "${list}" CONTENT "${entries}") # Its time stays when it does.
  set(script "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/GemManifest.cmake")
  add_custom_command(OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DLIST=${list}" "-DOUTPUT=${output}" -P "${script}"
    DEPENDS ${inputs} "${list}" "${script}"
    COMMENT "Writing the manifest ${ARG_NAME}" VERBATIM)
  set(all ALL)
  if(ARG_EXCLUDE_FROM_ALL)
    set(all)
  endif()
  add_custom_target(${ARG_NAME} ${all} DEPENDS "${output}")
  add_dependencies(${ARG_NAME} ${ARG_BUNDLES})
  set_target_properties(${ARG_NAME} PROPERTIES GEM_MANIFEST "${output}")
endfunction()

# gem_embed_bundle(TARGET target BUNDLE name [DEVICE device] [SYMBOL symbol])
function(gem_embed_bundle)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "TARGET;BUNDLE;DEVICE;SYMBOL" "")
  set(call "gem_embed_bundle(${ARG_TARGET} ${ARG_BUNDLE})")
  _gem_check_arguments("${call}" "TARGET;BUNDLE" "")
  if(NOT TARGET ${ARG_TARGET})
    message(FATAL_ERROR "${call}: there is no target '${ARG_TARGET}': add it before this call")
  endif()
  if(NOT CMAKE_ASM_COMPILER)
    message(FATAL_ERROR "${call}: the bundle is embedded by the assembler: name the language ASM, "
                        "as in project(app LANGUAGES C ASM)")
  endif()
  _gem_find_bundle("${call}" "${ARG_BUNDLE}" "${ARG_DEVICE}" bundle report bundle_target)
  set(symbol "${ARG_SYMBOL}")
  if(symbol STREQUAL "")
    string(MAKE_C_IDENTIFIER "${ARG_BUNDLE}" symbol)
  elseif(NOT symbol MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "${call}: SYMBOL: expected a C identifier, but got '${symbol}'")
  endif()
  if(bundle MATCHES "[\"\\]")
    message(FATAL_ERROR "${call}: the assembler cannot be told the path '${bundle}': it has a quote "
                        "or a backslash; build in another folder")
  endif()

  # A folder a target, so that two may embed different bundles under one name.
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/gem/embedded/${ARG_TARGET}")
  set(source "${folder}/${symbol}.S")
  set(header "${folder}/${symbol}.h")
  get_filename_component(bundle_name "${bundle}" NAME)
  string(TOUPPER "${symbol}" guard)
  set(templates "${CMAKE_CURRENT_FUNCTION_LIST_DIR}")
  configure_file("${templates}/embedded_bundle.S.in" "${source}" @ONLY)
  configure_file("${templates}/embedded_bundle.h.in" "${header}" @ONLY)
  # The assembler reads the bundle, which no scanner of includes sees.
  set_source_files_properties("${source}" TARGET_DIRECTORY ${ARG_TARGET}
                              PROPERTIES OBJECT_DEPENDS "${bundle}" LANGUAGE ASM)
  target_sources(${ARG_TARGET} PRIVATE "${source}")
  target_include_directories(${ARG_TARGET} PRIVATE "${folder}")
  add_dependencies(${ARG_TARGET} ${bundle_target})
endfunction()

# gem_add_runtime(NAME name BUNDLES bundle... [CPUS cpu...])
function(gem_add_runtime)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "BUNDLES;CPUS")
  set(call "gem_add_runtime(${ARG_NAME})")
  _gem_check_arguments("${call}" "NAME;BUNDLES" "BUNDLES;CPUS")
  _gem_check_new_target("${call}" "${ARG_NAME}")
  if(NOT TARGET gem::core)
    message(FATAL_ERROR "${call}: needs the package gem_runtime for ${CMAKE_SYSTEM_NAME} "
                        "${CMAKE_SYSTEM_PROCESSOR}: name its prefix in CMAKE_PREFIX_PATH")
  endif()
  if(NOT CMAKE_CXX_COMPILER)
    message(FATAL_ERROR "${call}: the list of kernels is compiled as C++: name the language CXX, "
                        "as in project(app LANGUAGES C CXX)")
  endif()
  _gem_bundle_tool("${call}" kernels bundle_tool)
  set(files)
  set(targets)
  foreach(bundle IN LISTS ARG_BUNDLES)
    _gem_check_bundle("${call}" "${bundle}")
    get_target_property(of_bundle ${bundle} GEM_BUNDLES)
    list(APPEND files ${of_bundle})
    get_target_property(of_bundle ${bundle} GEM_TARGETS)
    list(APPEND targets ${of_bundle})
  endforeach()
  list(REMOVE_DUPLICATES files)
  list(REMOVE_DUPLICATES targets)
  set(cpus)
  foreach(cpu IN LISTS ARG_CPUS)
    list(APPEND cpus "--cpu=${cpu}")
  endforeach()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/gem/${ARG_NAME}")
  file(MAKE_DIRECTORY "${folder}")
  set(registry "${folder}/registry.cpp")
  add_custom_command(OUTPUT "${registry}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}"
    COMMAND "${bundle_tool}" kernels ${files} ${cpus} "--output=${registry}" --quiet
    DEPENDS ${files} "${bundle_tool}"
    COMMENT "Choosing the kernels of ${ARG_NAME}" VERBATIM)
  add_library(${ARG_NAME}.registry STATIC "${registry}")
  target_compile_features(${ARG_NAME}.registry PRIVATE cxx_std_20)
  target_link_libraries(${ARG_NAME}.registry PRIVATE gem::kernels)
  add_dependencies(${ARG_NAME}.registry ${targets})
  # The registry is asked for by gem::core, which may come before it, and so is linked whole.
  add_library(${ARG_NAME} INTERFACE)
  target_link_libraries(${ARG_NAME} INTERFACE
    gem::core "$<LINK_LIBRARY:WHOLE_ARCHIVE,${ARG_NAME}.registry>" gem::kernels)
  # What drops, of an object that is linked for one kernel, the others.
  if(APPLE)
    target_link_options(${ARG_NAME} INTERFACE -Wl,-dead_strip)
  else()
    target_link_options(${ARG_NAME} INTERFACE -Wl,--gc-sections)
  endif()
endfunction()

cmake_policy(POP)
