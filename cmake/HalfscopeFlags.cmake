# The numeric flags: one set for every file of the engine, because contraction or fast-math change bits that
# Halfscope exists to show. Explicit std::fma is used where a fused operation is meant.
add_library(halfscope_flags INTERFACE)
target_compile_options(halfscope_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-math-errno -fno-trapping-math $<$<CXX_COMPILER_ID:GNU>:-fvect-cost-model=dynamic> -Wall -Wextra -Wpedantic -Wshadow>
  $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false --prec-div=true --prec-sqrt=true --ftz=false -Xcompiler=-ffp-contract=off>)
# nvcc merely warns where a formula for both devices calls what only the host has, and then fails on the device.
target_compile_options(halfscope_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CUDA>:-Werror=cross-execution-space-call>)
# gcc 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105329).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(halfscope_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(HALFSCOPE_NATIVE)
  include(CheckCXXCompilerFlag)
  # 512-bit vectors pay off in the GEMM and in conversions, which is most of a training step.
  foreach(flag -march=native -mprefer-vector-width=512)
    string(MAKE_C_IDENTIFIER "HALFSCOPE_HAS${flag}" has_flag)
    check_cxx_compiler_flag(${flag} ${has_flag})
    if(${has_flag})
      target_compile_options(halfscope_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${flag}>)
    endif()
  endforeach()
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Vectors go from function to function of one build alone: how other flags would pass them does not matter.
  target_compile_options(halfscope_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-psabi>)
endif()
if(HALFSCOPE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "HALFSCOPE_FUZZ needs libFuzzer: install clang, and configure with -DCMAKE_CXX_COMPILER=clang++")
  endif()
  set(HALFSCOPE_SANITIZE fuzzer-no-link,address,undefined)
endif()
if(HALFSCOPE_SANITIZE)
  target_compile_options(halfscope_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${HALFSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(halfscope_flags INTERFACE -fsanitize=${HALFSCOPE_SANITIZE})
endif()
