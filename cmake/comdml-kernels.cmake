# Target comdml::kernels: the kernels of comdml/kernels/ compiled once, for projects with several source files that train.
# Those that link it, in place of or besides comdml::comdml, compile the kernels' declarations only. Built when linked.
file(CONFIGURE OUTPUT comdml_kernels.cpp
  CONTENT "#define COMDML_KERNELS_SOURCE\n#include \"comdml/kernels/kernels.hpp\"\n")
add_library(comdml_kernels STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/comdml_kernels.cpp")
add_library(comdml::kernels ALIAS comdml_kernels)
target_compile_definitions(comdml_kernels INTERFACE COMDML_KERNELS_COMPILED)
target_link_libraries(comdml_kernels PUBLIC comdml::comdml)
