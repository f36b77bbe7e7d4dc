# halfscope_embed_shaders(TARGET FILE...): makes a header "shaders.h" in which each shader is a string constant named
# after its file (heat_map.vert.glsl: shaders::heat_map_vert), and lets TARGET include it. Run as a script (-P) by the
# build, it writes that header. The comment before a shader's #version is left out: nothing may stand before that.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  function(halfscope_embed_shaders target)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/shaders)
    set(header ${folder}/shaders.h)
    string(REPLACE ";" "," files "${ARGN}")
    add_custom_command(OUTPUT ${header}
      COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DFILES=${files} -P ${CMAKE_SOURCE_DIR}/cmake/HalfscopeShaders.cmake
      DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/HalfscopeShaders.cmake
      COMMENT "Embedding shaders" VERBATIM)
    target_sources(${target} PRIVATE ${header})
    target_include_directories(${target} PRIVATE ${folder})
  endfunction()
  return()
endif()

set(text "// Made by cmake/HalfscopeShaders.cmake from shaders/; do not change.\n#pragma once\n\nnamespace halfscope::shaders {\n")
string(REPLACE "," ";" files "${FILES}")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "\\.glsl$" "" name ${name})
  string(REPLACE "." "_" name ${name})
  file(READ ${file} source)
  string(REGEX REPLACE "^.*(#version)" "\\1" source "${source}")
  string(APPEND text "\ninline constexpr const char* ${name} = R\"glsl(${source})glsl\";\n")
endforeach()
string(APPEND text "\n}  // namespace halfscope::shaders\n")
file(WRITE ${HEADER} "${text}")
