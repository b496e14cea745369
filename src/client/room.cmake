# The requests that can be made come from the same tables as the routes.
set(client_directory ${CMAKE_BINARY_DIR}/generated/client)
set(client_tables ${client_directory}/declarations.inc ${client_directory}/definitions.inc)
add_custom_command(
  OUTPUT ${client_tables}
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/generate_client.py ${client_directory}
  DEPENDS ${CMAKE_SOURCE_DIR}/tools/generate_client.py ${CMAKE_SOURCE_DIR}/schema/routes.yaml
          ${CMAKE_SOURCE_DIR}/schema/answers.yaml)
target_sources(mullion_client PRIVATE ${client_tables})
target_include_directories(mullion_client PUBLIC ${CMAKE_BINARY_DIR}/generated)
add_custom_target(generate_client DEPENDS ${client_tables})
