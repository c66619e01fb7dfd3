// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train --transport mpi.
#include "ranks.hpp"

#include "comdml/core/errors.hpp"

#ifdef COMDML_HAS_MPI
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "any_transport.hpp"
#include "comdml/comm/launch.hpp"
#include "comdml/comm/mpi.hpp"
#include "comdml/comm/mpi_sum.hpp"
#include "comdml/learn/history.hpp"
#include "commands.hpp"
#include "interruption.hpp"
#include "told_run.hpp"
#include "train_task.hpp"
#endif

namespace program {

#ifndef COMDML_HAS_MPI

int train_as_rank(train_options, const output_options&, const std::string&) {
  throw comdml::input_error{"--transport mpi", "this program was built without MPI",
                            "install MPI (Debian: libopenmpi-dev openmpi-bin) and configure again with "
                            "-DCOMDML_WITH_MPI=ON, or see comdml agent, which needs none"};
}

#else

namespace {

using comdml::input_error;
using comdml::text;
namespace comm = comdml::comm;
namespace learn = comdml::learn;

/// How a rank's part ended, the most telling first.
enum class part : int { bad_input, failed, interrupted, lost_a_peer, done };

/// What all ranks take their part for: the most telling of all, of the lowest rank.
struct agreed {
  part how;
  int rank;
};

agreed agree(part own, int rank) {
  const std::array<int, 2> mine{static_cast<int>(own), rank};
  std::array<int, 2> all{};
  comm::detail::require_mpi(MPI_Allreduce(mine.data(), all.data(), 1, MPI_2INT, MPI_MINLOC, MPI_COMM_WORLD),
                            "MPI_Allreduce");
  return {static_cast<part>(all[0]), all[1]};
}

/// Calls `work`. \returns how that ended, and what it threw
template <class Work>
std::pair<part, std::exception_ptr> attempt(Work&& work) {
  try {
    return {work(), nullptr};
  } catch (const input_error&) {
    return {part::bad_input, std::current_exception()};
  } catch (const learn::peer_lost_error&) {
    return {part::lost_a_peer, std::current_exception()};
  } catch (...) {
    return {part::failed, std::current_exception()};
  }
}

void require_alike(std::uint64_t digest) {
  const std::array<std::uint64_t, 2> mine{digest, ~digest};
  std::array<std::uint64_t, 2> most{};
  comm::detail::require_mpi(MPI_Allreduce(mine.data(), most.data(), 2, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD),
                            "MPI_Allreduce");
  if (most[0] != ~most[1])
    throw input_error{"--transport mpi", "the ranks were given different options, or files with different contents",
                      "give all of them the same"};
}

/// This rank's agent, until its end; its peers hear of that.
part take_part(const train_task& task, const seat& place, learn::history& past, const any_observer& observer,
               const learn::control& hold) {
  comm::mpi_endpoint endpoint{comm::remote_options{.fleet = settings_digest(task, false)}};
  any_transport line{endpoint, hold.stop,
                     [&](any_transport& front, const comm::group& members, comm::tag what, std::span<float> values,
                         comdml::seconds deadline) {
                       return comm::mpi_sum{.stop = hold.stop}.sum(front, endpoint, members, what, values, deadline);
                     }};
  try {
    for (constexpr comdml::seconds while_looking{.2}; !hold.stop.stop_requested();)
      if (endpoint.wait_for_peers(endpoint.clock().now() + while_looking).empty()) break;
    endpoint.restart_clock();
    run_agent(task, line, place, past, observer, hold);
  } catch (const learn::interrupted&) {
    past.interrupted = true;
  }
  return past.interrupted ? part::interrupted : part::done;
}

int code_of(part how) {
  switch (how) {
    case part::bad_input:
      return exit_code::bad_input;
    case part::interrupted:
      return exit_code::interrupted;
    case part::done:
      return exit_code::done;
    default:
      return exit_code::run_failed;
  }
}

/// \returns an exit_code, the same on all ranks \throws what is to be told by this rank
int train_with_all(train_options wanted, const output_options& output, const std::string& typed,
                   const comm::launch& place) {
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);

  // What is wrong on one rank must not leave the others waiting.
  std::optional<train_task> task;
  const auto [prepared, problem] = attempt([&] {
    const auto agents = static_cast<std::uint64_t>(size);
    if (!wanted.fleet.agents) wanted.fleet.agents = agents;
    task.emplace(prepare(std::move(wanted)));
    if (task->fleet.agents.size() != agents)
      throw input_error{"--agents",
                        text("the fleet has ", task->fleet.agents.size(), " agents, and there are ", size, " ranks"),
                        "start as many ranks as there are agents (mpirun -n), or leave --agents out"};
    require_for_processes(*task, "--transport mpi");
    return part::done;
  });
  if (const agreed all = agree(prepared, rank); all.how != part::done) {
    if (all.rank == rank) std::rethrow_exception(problem);
    return code_of(all.how);
  }
  const auto [same, differs] = attempt([&] {
    require_alike(settings_digest(*task, false));
    return part::done;
  });
  if (same != part::done) {
    if (rank == 0) std::rethrow_exception(differs);
    return code_of(same);
  }

  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const seat own{.threads = task->options.threads > 0 ? task->options.threads
                                                      : std::max<std::size_t>(1, cores / place.local_size)};
  if (rank != 0) {
    if (const agreed all = agree(part::done, rank); all.how != part::done) return code_of(all.how);
    const interruption signals{nullptr};
    learn::history past;
    const any_observer nobody{[](const learn::round_report&) { return learn::verdict::go_on; }};
    const auto [ended, failure] =
        attempt([&] { return take_part(*task, own, past, nobody, {.stop = signals.token()}); });
    const agreed all = agree(ended, rank);
    if (all.rank == rank && failure) std::rethrow_exception(failure);
    return code_of(all.how);
  }
  bool begun = false;
  const auto speak = [&](const any_observer& observer, const learn::control& hold) {
    begun = true;
    (void)agree(part::done, rank);
    learn::history past;
    const auto [ended, failure] = attempt([&] { return take_part(*task, own, past, observer, hold); });
    const agreed all = agree(ended, rank);
    past.interrupted = all.how == part::interrupted;
    if (all.how == part::done || all.how == part::interrupted) return past;
    std::string why = text("rank ", all.rank, " could not go on");
    if (all.rank == rank) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        why = error.what();
      }
    }
    throw learn::incomplete_run{why, std::move(past)};
  };
  try {
    return run_told(*task, output, typed, speak);
  } catch (...) {
    if (!begun) (void)agree(part::bad_input, rank);
    throw;
  }
}

}  // namespace

int train_as_rank(train_options wanted, const output_options& output, const std::string& typed) {
  const auto place = comm::launch_from_environment();
  if (!place)
    throw input_error{"--transport mpi", "this process was not started as a rank of an MPI program",
                      "start it by a launcher: mpirun -n 4 comdml train --transport mpi ..., or srun"};
  const comm::mpi_session mpi;
  int code = exit_code::done;
  try {
    code = train_with_all(std::move(wanted), output, typed, *place);
  } catch (const input_error& error) {
    std::cerr << "comdml: " << error.what() << std::endl;
    code = exit_code::bad_input;
  } catch (const std::exception& error) {
    std::cerr << "comdml: the run failed: " << error.what() << std::endl;
    code = exit_code::run_failed;
  }
  // A launcher may kill all as soon as one ends with an error: not before everything is told and written.
  std::cout.flush();
  MPI_Barrier(MPI_COMM_WORLD);
  return code;
}

#endif

}  // namespace program
