# Flags that every target of the project is built with. 02-determinism: no contraction, no fast-math, no LTO.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
add_library(assay_flags INTERFACE)
target_compile_options(assay_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  # Designated initialisers leave out what has a default; g++ 12 would warn about each.
  -Wno-missing-field-initializers
  -ffp-contract=off -fno-fast-math)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports std::string concatenation under -O2 as overlapping copies (GCC bug 105651).
  target_compile_options(assay_flags INTERFACE -Wno-restrict)
endif()
if(ASSAY_WERROR)
  target_compile_options(assay_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(assay_flags INTERFACE -Wthread-safety)
endif()
if(ASSAY_SANITIZE)
  target_compile_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++'s flow analysis loses track in instrumented code: it warns about <regex> and <optional>.
    target_compile_options(assay_flags INTERFACE -Wno-maybe-uninitialized)
    if(ASSAY_SANITIZE MATCHES "undefined")
      # Whether a virtual table can be read, libubsan finds out by a pipe; where a test takes all
      # descriptors there is none, and a good object is reported.
      target_compile_options(assay_flags INTERFACE -fno-sanitize=vptr)
    endif()
  endif()
endif()
if(ASSAY_FUZZ)
  target_compile_options(assay_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(ASSAY_CCACHE ccache)
if(ASSAY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ASSAY_CCACHE})
endif()
find_program(ASSAY_MOLD mold)
if(ASSAY_MOLD AND NOT CMAKE_CROSSCOMPILING AND NOT ASSAY_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
