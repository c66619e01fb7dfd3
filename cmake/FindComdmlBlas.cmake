# Finds the headers of xtensor-blas and OpenBLAS, and gives them as the imported target ComdmlBlas::ComdmlBlas.
#
# xtensor-blas's own package is not used: it links whatever FindBLAS and FindLAPACK come upon, which may be a second
# BLAS beside OpenBLAS, and then the linker's order decides who computes. Only its headers are wanted; they call the
# cblas_ functions, which OpenBLAS has. The library is named by hand: set COMDML_OPENBLAS_LIBRARY to choose another file.
find_path(COMDML_XTENSOR_BLAS_INCLUDE_DIR NAMES xtensor-blas/xblas.hpp)
find_library(COMDML_OPENBLAS_LIBRARY NAMES openblas openblaso)
mark_as_advanced(COMDML_XTENSOR_BLAS_INCLUDE_DIR COMDML_OPENBLAS_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ComdmlBlas
  REQUIRED_VARS COMDML_OPENBLAS_LIBRARY COMDML_XTENSOR_BLAS_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "On Debian: apt-get install libopenblas-openmp-dev libxtensor-blas-dev"
)

if(ComdmlBlas_FOUND AND NOT TARGET ComdmlBlas::ComdmlBlas)
  add_library(ComdmlBlas::ComdmlBlas INTERFACE IMPORTED)
  target_include_directories(ComdmlBlas::ComdmlBlas INTERFACE "${COMDML_XTENSOR_BLAS_INCLUDE_DIR}")
  target_link_libraries(ComdmlBlas::ComdmlBlas INTERFACE "${COMDML_OPENBLAS_LIBRARY}")
endif()
