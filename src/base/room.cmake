target_compile_definitions(mullion_base PRIVATE MULLION_VERSION="${PROJECT_VERSION}")
