# The consensus core is Rust; cargo fetches its crates and checks them against crates.sha256 (src/cluster/raft_core/README.md).
set(CORE_CARGO_VERSION 1.85)
set(CORE_HINT "Debian: apt-get install cargo-web rustc-web protobuf-compiler, or any cargo from ${CORE_CARGO_VERSION} on")
find_program(CARGO cargo)
find_program(PROTOC protoc)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT CARGO)
  message(FATAL_ERROR "cargo is missing: the consensus core (src/cluster/raft_core) is built with it. ${CORE_HINT}")
endif()
execute_process(COMMAND ${CARGO} --version OUTPUT_VARIABLE cargo_says RESULT_VARIABLE cargo_failed)
if(cargo_failed OR NOT cargo_says MATCHES "cargo ([0-9]+\\.[0-9]+)" OR CMAKE_MATCH_1 VERSION_LESS CORE_CARGO_VERSION)
  message(FATAL_ERROR "${CARGO} is too old or does not run (${cargo_says}): the consensus core needs ${CORE_CARGO_VERSION}. ${CORE_HINT}")
endif()
if(NOT PROTOC)
  message(FATAL_ERROR "protoc is missing: crates of the consensus core generate their messages with it. ${CORE_HINT}")
endif()

set(core_source ${CMAKE_SOURCE_DIR}/src/cluster/raft_core)
# The same library fits every build tree: trees that are given one directory compile it once.
set(MULLION_CARGO_DIR ${CMAKE_BINARY_DIR}/cargo CACHE PATH "Where cargo builds the consensus core")
set(core_library ${MULLION_CARGO_DIR}/target/release/libraft_core.a)
set(core_jobs $ENV{MULLION_JOBS})
if(NOT core_jobs)
  cmake_host_system_information(RESULT core_jobs QUERY NUMBER_OF_LOGICAL_CORES)
endif()
file(GLOB core_files CONFIGURE_DEPENDS ${core_source}/src/*.rs)
add_custom_command(
  OUTPUT ${core_library}
  COMMAND ${CMAKE_COMMAND} -E env PROTOC=${PROTOC} ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/build_core.py ${core_source}
          ${MULLION_CARGO_DIR} ${core_jobs}
  COMMAND ${CMAKE_COMMAND} -E touch ${core_library}
  DEPENDS ${core_files} ${core_source}/Cargo.toml ${core_source}/crates.sha256 ${CMAKE_SOURCE_DIR}/tools/build_core.py
          ${CMAKE_SOURCE_DIR}/tools/check_crates.py
  COMMENT "Building the consensus core with cargo"
  VERBATIM)
add_custom_target(raft_core DEPENDS ${core_library})
add_dependencies(mullion_cluster raft_core)
# What the core's library brings of Rust's own is mostly unused: 0.7 MB remain of 3.4.
target_link_libraries(mullion_cluster PUBLIC ${core_library} -Wl,--gc-sections)
