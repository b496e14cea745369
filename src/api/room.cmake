# The route table comes from schema/routes.yaml.
set(routes_directory ${CMAKE_BINARY_DIR}/generated/api)
add_custom_command(
  OUTPUT ${routes_directory}/routes.inc ${routes_directory}/handlers.inc ${routes_directory}/scopes.inc
         ${routes_directory}/metrics.inc
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/generate_routes.py ${routes_directory}
  DEPENDS ${CMAKE_SOURCE_DIR}/tools/generate_routes.py ${CMAKE_SOURCE_DIR}/schema/routes.yaml
          ${CMAKE_SOURCE_DIR}/schema/metrics.yaml
  COMMENT "Generating the route table")
add_custom_target(generate_routes DEPENDS ${routes_directory}/routes.inc ${routes_directory}/handlers.inc)
if(TARGET mullion_api)
  get_target_property(api_kind mullion_api TYPE)
  if(NOT api_kind STREQUAL "INTERFACE_LIBRARY")
    add_dependencies(mullion_api generate_routes)
    target_include_directories(mullion_api PUBLIC ${CMAKE_BINARY_DIR}/generated)
  endif()
endif()
