// Processes on this machine that send each other messages, encrypted, and that sum vectors as long as a ResNet-56 has
// parameters; the same sum by MPI beside it. Results are checked while they are timed.
//   bench_transports [--quick]          two and four processes over ZeroMQ, then four ranks of this program by mpirun
//   mpirun -n 4 bench_transports        the ranks alone
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/large_blocks.hpp"
#include "comdml/comm/launch.hpp"
#ifdef COMDML_HAS_MPI
#include "comdml/comm/mpi.hpp"
#include "comdml/comm/mpi_sum.hpp"
#endif
#ifdef COMDML_HAS_ZEROMQ
#include "comdml/comm/zeromq.hpp"
#endif

namespace {

using namespace comdml;

constexpr std::size_t message_bytes = 1'600'000;
constexpr std::size_t values = 855'770;
constexpr seconds patience{120};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double median(std::vector<double> of) {
  std::ranges::sort(of);
  return of[of.size() / 2];
}
void require(bool good, const char* what) {
  if (!good) throw run_error{what};
}

/// Milliseconds of one sum; all agents call it.
template <class Line, class Collective>
double time_sums(Line& line, std::uint32_t agents, std::uint32_t round, const Collective& collective,
                 std::size_t times) {
  std::vector<agent_id> ids;
  link_matrix links{agents};
  for (std::uint32_t i = 0; i < agents; ++i) {
    ids.push_back(agent_id{i});
    for (std::uint32_t j = 0; j < i; ++j) links.set_both(agent_id{i}, agent_id{j}, {bits_per_second::infinity(), {}});
  }
  const comm::group all{epoch_index{1}, ids, links};
  std::vector<float> vector(values);
  std::vector<double> lasts;
  const auto deadline = [&] { return line.clock().now() + patience; };
  for (std::uint16_t i = 0; i < times; ++i) {
    const auto kind = static_cast<std::uint16_t>(2 * i);
    std::ranges::fill(vector, static_cast<float>(agent_id{line.self()}.value + i));
    const auto met = comm::all_gather(line, all, {round, kind, 0}, {}, deadline());
    require(met.outcome.result == comm::result::ok, "agents do not meet");
    const double begin = seconds_now();
    const auto done =
        comm::all_reduce(line, collective, all, {round, static_cast<std::uint16_t>(kind + 1), 0}, vector, deadline());
    lasts.push_back(1000 * (seconds_now() - begin));
    require(done.result == comm::result::ok, "a sum failed");
    const auto expected = static_cast<float>(agents * i + agents * (agents - 1) / 2);
    require(std::ranges::all_of(vector, [&](float one) { return one == expected; }), "wrong sum");
  }
  return median(lasts);
}

/// GB/s from agent 1 to agent 0.
template <class Line>
double time_stream(Line& line, std::size_t messages) {
  constexpr comm::tag what{1, 1, 0};
  if (line.self() > agent_id{1}) return 0;
  const std::vector<std::byte> message(message_bytes, std::byte{42});
  const auto deadline = [&] { return line.clock().now() + patience; };
  double begin = 0;
  for (std::size_t i = 0; i < messages + 4; ++i) {
    if (line.self() == agent_id{1}) {
      require(line.send(agent_id{0}, what, message, deadline()) == comm::result::ok, "a message was not sent");
      continue;
    }
    require(line.receive(agent_id{1}, what, deadline()).data == message, "a message was changed");
    if (i == 3) begin = seconds_now();
  }
  return static_cast<double>(messages * message_bytes) / (seconds_now() - begin) / 1e9;
}

#ifdef COMDML_HAS_ZEROMQ
/// Calls f(endpoint) in so many processes. \returns what f gave in the first
double in_processes(std::uint32_t agents, const std::function<double(comm::zeromq_endpoint&)>& f) {
  std::vector<comm::curve_keys> keys;
  for (std::uint32_t i = 0; i < agents; ++i) keys.push_back(comm::make_keys());
  std::array<int, 2> address_pipe{};
  std::array<int, 2> result_pipe{};
  require(::pipe(address_pipe.data()) == 0 && ::pipe(result_pipe.data()) == 0, "no pipe");
  const auto live = [&](std::uint32_t self) {
    std::array<char, 64> address{};
    if (self > 0) require(::read(address_pipe[0], address.data(), address.size()) == 64, "no address");
    comm::zeromq_options own{.self = agent_id{self}, .keys = keys[self], .bind = "tcp://127.0.0.1:*"};
    for (std::uint32_t i = 0; i < agents; ++i)
      if (i != self) own.peers.push_back({agent_id{i}, keys[i].public_key(), i == 0 ? address.data() : ""});
    comm::zeromq_endpoint line{{}, own};
    if (self == 0) {
      line.engine().address().copy(address.data(), address.size() - 1);
      for (std::uint32_t i = 1; i < agents; ++i)
        require(::write(address_pipe[1], address.data(), address.size()) == 64, "no address");
    }
    require(line.wait_for_peers(patience).empty(), "agents do not meet");
    const double result = f(line);
    if (self == 0) require(::write(result_pipe[1], &result, sizeof result) == sizeof result, "no result");
  };
  for (std::uint32_t self = 0; self < agents; ++self) {
    const ::pid_t child = ::fork();
    require(child >= 0, "no process");
    if (child > 0) continue;
    try {
      live(self);
      std::_Exit(0);
    } catch (const std::exception& error) {
      std::cerr << "agent " << self << ": " << error.what() << '\n';
      std::_Exit(1);
    }
  }
  bool good = true;
  for (std::uint32_t i = 0; i < agents; ++i) {
    int status = 0;
    ::wait(&status);
    good = good && status == 0;
  }
  require(good, "a process failed");
  double result = 0;
  require(::read(result_pipe[0], &result, sizeof result) == sizeof result, "no result");
  for (const int open : {address_pipe[0], address_pipe[1], result_pipe[0], result_pipe[1]}) ::close(open);
  return result;
}
#endif

#ifdef COMDML_HAS_MPI
/// What one rank does; the first prints.
void be_a_rank(std::size_t times) {
  const comm::mpi_session session;
  std::vector<float> vector(values, 1.0F);
  std::vector<double> lasts;
  for (std::size_t i = 0; i < times; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = seconds_now();
    MPI_Allreduce(MPI_IN_PLACE, vector.data(), static_cast<int>(values), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    lasts.push_back(1000 * (seconds_now() - begin));
  }
  const double plain = median(lasts);
  comm::mpi_endpoint line{{}};
  require(line.wait_for_peers(patience).empty(), "ranks do not meet");
  const auto ranks = static_cast<std::uint32_t>(line.peers().size() + 1);
  const double own = time_sums(line, ranks, 1, comm::mpi_sum{}, times);
  const double generic = time_sums(line, ranks, 2, comm::halving_doubling{}, times);
  const double stream = time_stream(line, 10 * times);
  if (line.self() == agent_id{0}) std::printf("%.3f %.3f %.3f %.3f\n", plain, own, generic, stream);
}
#endif

}  // namespace

int main(int argc, char** argv) {
  comm::keep_large_blocks();
  const bool quick = argc > 1 && std::string_view{argv[1]} == "--quick";
  const std::size_t times = quick ? 3 : 41;
  try {
#ifdef COMDML_HAS_MPI
    if (comm::launch_from_environment()) {
      be_a_rank(times);
      return 0;
    }
#endif
#ifdef COMDML_HAS_ZEROMQ
    const double stream = in_processes(2, [&](auto& line) { return time_stream(line, 10 * times); });
    std::printf("ZeroMQ, encrypted: messages of 1.6 MB, GB/s                %8.2f\n", stream);
    const double zeromq =
        in_processes(4, [&](auto& line) { return time_sums(line, 4, 1, comm::halving_doubling{}, times); });
    std::printf("ZeroMQ, encrypted: sum of 3.4 MB, 4 processes, ms          %8.2f\n", zeromq);
#endif
#ifdef COMDML_HAS_MPI
    std::fflush(stdout);
    const std::string command =
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -n 4 --oversubscribe "
        "--mca mpi_yield_when_idle 1 '" +
        std::string{argv[0]} + "'" + (quick ? " --quick" : "");
    std::array<char, 256> line{};
    FILE* ranks = ::popen(command.c_str(), "r");
    double plain = 0;
    double own = 0;
    double generic = 0;
    double messages = 0;
    const bool told = ranks != nullptr && std::fgets(line.data(), line.size(), ranks) != nullptr &&
                      std::sscanf(line.data(), "%lf %lf %lf %lf", &plain, &own, &generic, &messages) == 4;
    if (ranks == nullptr || ::pclose(ranks) != 0 || !told) throw run_error{"the ranks failed"};
    std::printf("MPI: messages of 1.6 MB, GB/s                              %8.2f\n", messages);
    std::printf("MPI: the same sum by the same schedule, 4 ranks, ms        %8.2f\n", generic);
    std::printf("MPI: its own all-reduce with a deadline, 4 ranks, ms       %8.2f\n", own);
    std::printf("MPI: MPI_Allreduce and nothing else, 4 ranks, ms           %8.2f\n", plain);
#ifdef COMDML_HAS_ZEROMQ
    std::printf("ZeroMQ, encrypted, against MPI_Allreduce                   %8.1f x\n", zeromq / plain);
#endif
#endif
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
