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

# CLI11::CLI11 for the programs, nlohmann_json::nlohmann_json for them, for data/ and for tests that read JSON.
function(halfscope_need_cli11)
  halfscope_header_library(CLI11::CLI11 CLI/CLI.hpp PACKAGE CLI11 DEBIAN libcli11-dev)
endfunction()
function(halfscope_need_json)
  halfscope_header_library(nlohmann_json::nlohmann_json nlohmann/json.hpp
    PACKAGE nlohmann_json DEBIAN nlohmann-json3-dev)
endfunction()
# halfscope_toml: toml++ as a header, without exceptions. The package's own target links its compiled library, which
# throws.
function(halfscope_need_toml)
  if(TARGET halfscope_toml)
    return()
  endif()
  find_path(HALFSCOPE_TOML_INCLUDE NAMES toml++/toml.h PATHS ${CMAKE_SOURCE_DIR}/.deps/include)
  if(NOT HALFSCOPE_TOML_INCLUDE)
    message(FATAL_ERROR "toml++/toml.h is missing: install libtomlplusplus-dev, or fill .deps/ with ./dev gpu-pack")
  endif()
  add_library(halfscope_toml INTERFACE IMPORTED GLOBAL)
  target_include_directories(halfscope_toml INTERFACE ${HALFSCOPE_TOML_INCLUDE})
  target_compile_definitions(halfscope_toml INTERFACE TOML_HEADER_ONLY=1 TOML_EXCEPTIONS=0)
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

# Libraries that the engine does without where they are missing; then gzipped files, archives of arrays and pictures are
# refused. Sets HALFSCOPE_ZLIB_TARGET, HALFSCOPE_LIBZIP_TARGET and HALFSCOPE_STB_TARGET to what to link, or to nothing,
# in the folder that calls it.
macro(halfscope_find_file_libraries)
  set(HALFSCOPE_ZLIB_TARGET "")
  set(HALFSCOPE_LIBZIP_TARGET "")
  set(HALFSCOPE_STB_TARGET "")
  if(HALFSCOPE_ZLIB)
    if(NOT TARGET ZLIB::ZLIB)
      find_package(ZLIB QUIET)
      if(TARGET ZLIB::ZLIB)
        set_target_properties(ZLIB::ZLIB PROPERTIES IMPORTED_GLOBAL TRUE)
      endif()
    endif()
    if(TARGET ZLIB::ZLIB)
      set(HALFSCOPE_ZLIB_TARGET ZLIB::ZLIB)
    else()
      message(STATUS "No zlib (zlib1g-dev): gzipped files will be refused")
    endif()
  endif()
  if(HALFSCOPE_LIBZIP)
    # By its pkg-config file: Debian's CMake file of libzip also asks for its command-line tools.
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::HALFSCOPE_LIBZIP_MODULE)
      pkg_check_modules(HALFSCOPE_LIBZIP_MODULE QUIET IMPORTED_TARGET GLOBAL libzip>=1.5)
    endif()
    if(TARGET PkgConfig::HALFSCOPE_LIBZIP_MODULE)
      set(HALFSCOPE_LIBZIP_TARGET PkgConfig::HALFSCOPE_LIBZIP_MODULE)
    else()
      message(STATUS "No libzip (libzip-dev): npz files will be refused")
    endif()
  endif()
  if(HALFSCOPE_STB)
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::HALFSCOPE_STB_MODULE)
      pkg_check_modules(HALFSCOPE_STB_MODULE QUIET IMPORTED_TARGET GLOBAL stb)
    endif()
    if(TARGET PkgConfig::HALFSCOPE_STB_MODULE)
      # Debian's stb is a compiled library; elsewhere it may be headers alone, which do not link.
      include(CheckCXXSourceCompiles)
      set(CMAKE_REQUIRED_LIBRARIES PkgConfig::HALFSCOPE_STB_MODULE)
      check_cxx_source_compiles([[
        #include <stb/stb_image.h>
        #if __has_include(<stb/stb_image_resize2.h>)
        #include <stb/stb_image_resize2.h>
        #define resize stbir_resize_uint8_linear
        #else
        #include <stb/stb_image_resize.h>
        #define resize stbir_resize_uint8
        #endif
        int main() { return &stbi_load_from_memory != nullptr && &resize != nullptr ? 0 : 1; }
      ]] HALFSCOPE_STB_LINKS)
      unset(CMAKE_REQUIRED_LIBRARIES)
    endif()
    if(HALFSCOPE_STB_LINKS)
      set(HALFSCOPE_STB_TARGET PkgConfig::HALFSCOPE_STB_MODULE)
    else()
      message(STATUS "No stb (libstb-dev): folders of pictures will be refused")
    endif()
  endif()
endmacro()

# halfscope_link_file_libraries(target scope): those that halfscope_find_file_libraries() found, each with the
# definition that says so.
function(halfscope_link_file_libraries target scope)
  foreach(library ZLIB LIBZIP STB)
    if(HALFSCOPE_${library}_TARGET)
      target_compile_definitions(${target} ${scope} HALFSCOPE_HAS_${library})
      target_link_libraries(${target} ${scope} ${HALFSCOPE_${library}_TARGET})
    endif()
  endforeach()
endfunction()
