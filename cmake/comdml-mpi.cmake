# Target comdml::mpi: for programs that include comdml/comm/mpi.hpp. Links MPI. Defines COMDML_HAS_MPI.
add_library(comdml_mpi INTERFACE)
add_library(comdml::mpi ALIAS comdml_mpi)
# OMPI_SKIP_MPICXX, MPICH_SKIP_MPICXX: without MPI's own C++ bindings, which it has given up.
target_compile_definitions(comdml_mpi INTERFACE COMDML_HAS_MPI OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
target_link_libraries(comdml_mpi INTERFACE comdml::comdml MPI::MPI_CXX)
