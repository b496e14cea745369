# The settings table is generated from schema/settings.yaml.
set(settings_table ${CMAKE_BINARY_DIR}/generated/settings/table.inc)
add_custom_command(
  OUTPUT ${settings_table}
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tools/generate_settings.py ${settings_table}
  DEPENDS ${CMAKE_SOURCE_DIR}/schema/settings.yaml ${CMAKE_SOURCE_DIR}/tools/generate_settings.py)
target_sources(mullion_settings PRIVATE ${settings_table})
target_include_directories(mullion_settings PRIVATE ${CMAKE_BINARY_DIR}/generated)
add_custom_target(generate_settings DEPENDS ${settings_table})
