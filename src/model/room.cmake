# Object types and messages are generated from schema/.
set(model_tables ${CMAKE_BINARY_DIR}/generated/model/object_types.inc ${CMAKE_BINARY_DIR}/generated/model/openapi.inc)
file(GLOB_RECURSE schema_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/*.yaml)
add_custom_command(
  OUTPUT ${model_tables}
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/generate_schema.py ${CMAKE_BINARY_DIR}/generated/model
  DEPENDS ${schema_files} ${CMAKE_SOURCE_DIR}/tools/generate_schema.py
          ${CMAKE_SOURCE_DIR}/tools/openapi_document.py)
set(model_messages ${CMAKE_BINARY_DIR}/generated/model/messages.inc ${CMAKE_BINARY_DIR}/generated/model/messages_code.inc)
add_custom_command(
  OUTPUT ${model_messages}
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/generate_messages.py ${CMAKE_BINARY_DIR}/generated/model
  DEPENDS ${CMAKE_SOURCE_DIR}/schema/messages.yaml ${CMAKE_SOURCE_DIR}/tools/generate_messages.py)
target_sources(mullion_model PRIVATE ${model_tables} ${model_messages})
target_include_directories(mullion_model PUBLIC ${CMAKE_BINARY_DIR}/generated)
add_custom_target(generate_model DEPENDS ${model_tables} ${model_messages})
