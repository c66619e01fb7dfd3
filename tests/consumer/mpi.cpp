// A user's program that asks for the component mpi; one rank, started by nobody.
#include <comdml/comdml.hpp>
#include <comdml/comm/mpi.hpp>

#include <cstdio>

int main() {
  using namespace comdml;
  const comm::mpi_session session;
  const comm::mpi_endpoint line{{}};
  std::printf("%zu peers\n", line.peers().size());
  return 0;
}
