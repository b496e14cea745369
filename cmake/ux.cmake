# The web interface as bytes of the program (docs/ux.md): mullion_ux_pack is a library that holds the pack and nothing else.
#
# MULLION_UX       ON: build it, or fail; AUTO: build it, or say why not and go on without; OFF: do without
# MULLION_UX_PACK  a pack that was built elsewhere, instead of building one
if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR MULLION_SANITIZE OR MULLION_FUZZ)
  set(mullion_ux_default OFF)
else()
  set(mullion_ux_default AUTO)
endif()
set(MULLION_UX ${mullion_ux_default} CACHE STRING "The web interface: AUTO, ON or OFF")
set(MULLION_UX_PACK "" CACHE FILEPATH "A pack of the web interface to link instead of building one")
set_property(CACHE MULLION_UX PROPERTY STRINGS AUTO ON OFF)
if(NOT MULLION_UX MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "MULLION_UX is ${MULLION_UX}: expected AUTO, ON or OFF")
endif()

set(ux_directory ${CMAKE_BINARY_DIR}/ux)
set(ux_pack ${ux_directory}/ux.pack)
if(MULLION_UX_PACK)
  get_filename_component(ux_pack ${MULLION_UX_PACK} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
  if(NOT EXISTS ${ux_pack})
    message(FATAL_ERROR "MULLION_UX_PACK: there is no file ${ux_pack}")
  endif()
  file(READ ${ux_pack} ux_magic LIMIT 8 HEX)
  if(NOT ux_magic STREQUAL "4d55585041434b31")  # MUXPACK1
    message(FATAL_ERROR "MULLION_UX_PACK: ${ux_pack} is no pack of the web interface")
  endif()
  add_custom_target(ux_pack)
elseif(MULLION_UX STREQUAL "OFF")
  set(ux_pack ${ux_directory}/none.pack)
  file(CONFIGURE OUTPUT ${ux_pack} CONTENT "" @ONLY)
  add_custom_target(ux_pack)
else()
  # Tests of the interface are no part of it; node_modules is there when somebody works on it.
  file(GLOB_RECURSE ux_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ux/src/* ${CMAKE_SOURCE_DIR}/ux/public/*)
  file(GLOB ux_settings CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ux/* ${CMAKE_SOURCE_DIR}/ux/.npmrc)
  list(FILTER ux_settings EXCLUDE REGEX "/(src|public|tests|node_modules|dist|README\\.md)$")
  add_custom_command(
    OUTPUT ${ux_pack} ${ux_pack}.built  # missing after a build that could not make it, so that the next one tries
    COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/build_ux.py --mode ${MULLION_UX} ${ux_directory} ${ux_pack}
    DEPENDS ${ux_sources} ${ux_settings} ${CMAKE_SOURCE_DIR}/tools/build_ux.py ${CMAKE_SOURCE_DIR}/tools/pack_ux.py
    USES_TERMINAL
    COMMENT "Building the web interface")
  add_custom_target(ux_pack DEPENDS ${ux_pack})
endif()

set(ux_object ${CMAKE_SOURCE_DIR}/src/server/built_in_ux.S)
add_library(mullion_ux_pack STATIC ${ux_object})
set_source_files_properties(${ux_object} PROPERTIES OBJECT_DEPENDS ${ux_pack})
target_compile_definitions(mullion_ux_pack PRIVATE MULLION_UX_PACK_FILE="${ux_pack}")
# Instead of the options for C++. No paths of this machine in the program: debug information would name the file.
set_target_properties(mullion_ux_pack PROPERTIES COMPILE_OPTIONS "-g0")
add_dependencies(mullion_ux_pack ux_pack)
