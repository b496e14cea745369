# The built-in objects become string constants.
set(builtin_dir ${CMAKE_SOURCE_DIR}/src/packs/builtin)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${builtin_dir}/basic-store.yaml ${builtin_dir}/first-start.yaml ${builtin_dir}/builtin.cc.in)
file(READ ${builtin_dir}/basic-store.yaml MULLION_BASIC_STORE)
file(READ ${builtin_dir}/first-start.yaml MULLION_FIRST_START)
configure_file(${builtin_dir}/builtin.cc.in ${CMAKE_BINARY_DIR}/generated/packs/builtin.cc @ONLY)
target_sources(mullion_packs PRIVATE ${CMAKE_BINARY_DIR}/generated/packs/builtin.cc)
# Tests read packs beside the sources.
if(TARGET test_packs)
  target_compile_definitions(test_packs PRIVATE MULLION_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()
