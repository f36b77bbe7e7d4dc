# Header-only libraries and Google Benchmark: from the distribution, or from .deps/, which `./dev gpu-pack` fills for
# machines without packages. Each function makes the target that find_package would make, or ends with what to install.

# halfscope_header_library(TARGET header PACKAGE package DEBIAN name): an imported interface target for one header.
function(halfscope_header_library target header)
  cmake_parse_arguments(arg "" "PACKAGE;DEBIAN" "" ${ARGN})
  if(TARGET ${target})
    return()
  endif()
  find_package(${arg_PACKAGE} QUIET)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    return()
  endif()
  find_path(HALFSCOPE_${arg_PACKAGE}_INCLUDE NAMES ${header} PATHS ${CMAKE_SOURCE_DIR}/.deps/include)
  if(NOT HALFSCOPE_${arg_PACKAGE}_INCLUDE)
    message(FATAL_ERROR "${header} is missing: install ${arg_DEBIAN}, or fill .deps/ with ./dev gpu-pack")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE ${HALFSCOPE_${arg_PACKAGE}_INCLUDE})
endfunction()

# CLI11::CLI11 and nlohmann_json::nlohmann_json, for the programs and for tests that read JSON.
function(halfscope_need_cli11)
  halfscope_header_library(CLI11::CLI11 CLI/CLI.hpp PACKAGE CLI11 DEBIAN libcli11-dev)
endfunction()
function(halfscope_need_json)
  halfscope_header_library(nlohmann_json::nlohmann_json nlohmann/json.hpp
    PACKAGE nlohmann_json DEBIAN nlohmann-json3-dev)
endfunction()

# benchmark::benchmark.
function(halfscope_need_benchmark)
  if(TARGET benchmark::benchmark)
    return()
  endif()
  find_package(benchmark QUIET)
  if(TARGET benchmark::benchmark)
    set_target_properties(benchmark::benchmark PROPERTIES IMPORTED_GLOBAL TRUE)
    return()
  endif()
  find_package(Threads REQUIRED)
  find_library(HALFSCOPE_BENCHMARK_LIBRARY NAMES benchmark PATHS ${CMAKE_SOURCE_DIR}/.deps/lib)
  if(NOT HALFSCOPE_BENCHMARK_LIBRARY)
    message(FATAL_ERROR "Google Benchmark is missing: install libbenchmark-dev, or fill .deps/ with ./dev gpu-pack")
  endif()
  add_library(benchmark::benchmark UNKNOWN IMPORTED GLOBAL)
  set_target_properties(benchmark::benchmark PROPERTIES
    IMPORTED_LOCATION ${HALFSCOPE_BENCHMARK_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/.deps/include
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endfunction()

# What the window is made of. Imported targets live in one folder, so that every folder that links the window asks anew.
macro(halfscope_find_window_libraries)
  find_package(PkgConfig REQUIRED)
  set(OpenGL_GL_PREFERENCE LEGACY)  # libGL: all that a bare libgl-dev brings
  find_package(OpenGL REQUIRED)
  find_package(glfw3 3.3 REQUIRED)
  pkg_check_modules(IMGUI REQUIRED IMPORTED_TARGET imgui)
  pkg_check_modules(STB REQUIRED IMPORTED_TARGET stb)
  pkg_check_modules(FREETYPE QUIET IMPORTED_TARGET freetype2)
endmacro()
