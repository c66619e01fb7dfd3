// SPDX-License-Identifier: BSL-1.0
// Run by mpirun with four ranks, each of which runs all tests.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/launch.hpp"
#include "comdml/comm/mpi.hpp"
#include "comdml/comm/mpi_sum.hpp"
#include "comdml/testing/check_transport.hpp"

using namespace comdml;

namespace {

constexpr seconds patience{60};

/// MPI lasts from the first test to the end of the program.
int world_rank() {
  static const comm::mpi_session session;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

comm::remote_options patient() { return {.fleet = 7, .grace = seconds{30}, .linger = seconds{30}}; }

/// Calls f(endpoint) on the first ranks; throws everywhere if one has failed.
template <class Function>
void on_ranks(std::size_t agents, comm::remote_options how, Function&& f) {
  const bool takes_part = static_cast<std::size_t>(world_rank()) < agents;
  MPI_Comm some = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, takes_part ? 1 : MPI_UNDEFINED, 0, &some);
  std::string failure;
  if (takes_part) {
    try {
      comm::mpi_endpoint line{how, comm::mpi_options{.world = some}};
      if (!line.wait_for_peers(patience).empty()) throw run_error{"ranks do not meet"};
      line.restart_clock();
      f(line);
    } catch (const std::exception& error) {
      failure = error.what();
    }
  }
  int failures = failure.empty() ? 0 : 1;
  MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (!failure.empty()) throw run_error{failure};
  if (failures > 0) throw run_error{"another rank has failed"};
}

}  // namespace

TEST_CASE("MPI endpoints are a sound transport") {
  for (const std::size_t window : {std::size_t{4}, std::size_t{1}}) {
    auto how = patient();
    how.window = window;
    testing::check_transport([&](std::size_t agents, auto check) { on_ranks(agents, how, check); },
                             {.members = 4, .patience = patience});
  }
}

TEST_CASE("MPI's own all-reduce sums, for the groups of every epoch") {
  on_ranks(4, patient(), [](comm::mpi_endpoint& line) {
    const agent_id self = line.self();
    link_matrix links{4};
    for (std::uint32_t i = 0; i < 4; ++i)
      for (std::uint32_t j = 0; j < i; ++j) links.set_both(agent_id{i}, agent_id{j}, {bits_per_second::infinity(), {}});
    std::uint32_t epoch = 0;
    for (const std::uint32_t members : {4U, 3U, 4U, 1U}) {
      ++epoch;
      std::vector<agent_id> ids;
      for (std::uint32_t i = 0; i < members; ++i) ids.push_back(agent_id{i});
      if (self.value >= members) continue;
      const comm::group group{epoch_index{epoch}, ids, links};
      for (std::uint16_t kind = 1; kind < 5; ++kind) {
        std::vector<float> values(1000, static_cast<float>(self.value + kind));
        const comm::outcome done =
            comm::all_reduce(line, comm::mpi_sum{}, group, {epoch, kind, 0}, values, line.clock().now() + patience);
        CHECK(done.result == comm::result::ok);
        CHECK(values == std::vector<float>(1000, static_cast<float>(members * kind + members * (members - 1) / 2)));
      }
    }
  });
}

TEST_CASE("a member that never comes is a time-out of MPI's all-reduce, too") {
  on_ranks(2, patient(), [](comm::mpi_endpoint& line) {
    link_matrix links{2};
    links.set_both(agent_id{0}, agent_id{1}, {bits_per_second::infinity(), {}});
    const comm::group both{epoch_index{1}, {agent_id{0}, agent_id{1}}, links};
    constexpr comm::tag over{9, 9, 0};
    std::vector<float> values(10, 1.0F);
    if (line.self() == agent_id{0}) {
      const auto soon = [&] { return line.clock().now() + seconds{0.05}; };
      CHECK(comm::all_reduce(line, comm::mpi_sum{}, both, {1, 1, 0}, values, soon()).result == comm::result::timed_out);
      CHECK(line.send(agent_id{1}, over, {}, line.clock().now() + patience) == comm::result::ok);
    } else {
      CHECK(line.receive(agent_id{0}, over, line.clock().now() + patience).result == comm::result::ok);
    }
  });
}

TEST_CASE("the launcher's environment tells what MPI tells") {
  const auto told = comm::launch_from_environment();
  REQUIRE(told.has_value());
  int size = 0;
  world_rank();
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  CHECK(told->rank == static_cast<std::uint32_t>(world_rank()));
  CHECK(told->size == static_cast<std::uint32_t>(size));
  CHECK(told->local_rank < told->local_size);
}
