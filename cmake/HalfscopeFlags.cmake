# The numeric flags: one set for every file of the engine, because contraction or fast-math change bits that
# Halfscope exists to show. Explicit std::fma is used where a fused operation is meant.
add_library(halfscope_flags INTERFACE)
target_compile_options(halfscope_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wpedantic -Wshadow>
  $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false --prec-div=true --prec-sqrt=true --ftz=false -Xcompiler=-ffp-contract=off>)
if(HALFSCOPE_NATIVE)
  # 512-bit vectors pay off in the GEMM and in conversions, which is most of a training step.
  target_compile_options(halfscope_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-march=native -mprefer-vector-width=512>)
endif()
if(HALFSCOPE_SANITIZE)
  target_compile_options(halfscope_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${HALFSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(halfscope_flags INTERFACE -fsanitize=${HALFSCOPE_SANITIZE})
endif()
