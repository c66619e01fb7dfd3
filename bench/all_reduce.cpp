// The sum of as many vectors as a ResNet-56 has parameters over the agents of one process, threads that hand each other
// messages. Checked against a plain sum, then timed.
#include <cstdint>
#include <vector>

#include "benchmark.hpp"
#include "common.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/in_process.hpp"

namespace {

using comdml::agent_id;

/// Members of one process that hold a vector each.
class members {
 public:
  members(std::uint32_t count, std::size_t values) {
    comdml::link_matrix links{count};
    for (std::uint32_t i = 0; i < count; ++i) {
      ids_.push_back(agent_id{i});
      vectors.push_back(bench::uniform_values(i, values, 1));
      for (std::uint32_t other = 0; other < i; ++other)
        links.set_both(agent_id{i}, agent_id{other}, {comdml::bits_per_second::infinity(), {}});
    }
    group_ = std::make_unique<comdml::comm::group>(comdml::epoch_index{0}, ids_, links);
    network_ = std::make_unique<comdml::comm::in_process<comdml::comm::wall_time>>(links);
  }

  /// Starts a thread for each, which sums `times` times.
  template <class Collective>
  void sum(std::uint16_t times) {
    network_->run([&](auto& agent) {
      const agent_id self = agent.self();
      for (std::uint16_t kind = 0; kind < times; ++kind) {
        const auto done = comdml::comm::all_reduce(agent, Collective{}, *group_, {0, kind, 0}, vectors[self.value],
                                                   comdml::seconds::infinity());
        if (done.result != comdml::comm::result::ok) throw comdml::run_error{"a member was lost"};
      }
    });
  }

  std::vector<std::vector<float>> vectors;

 private:
  std::vector<agent_id> ids_;
  std::unique_ptr<comdml::comm::group> group_;
  std::unique_ptr<comdml::comm::in_process<comdml::comm::wall_time>> network_;
};

/// Argument: members.
template <class Collective>
void all_reduce(benchmark::State& state) {
  constexpr std::uint16_t times = 10;  // so that the start of the threads does not weigh
  const std::size_t values = bench::starting_state(bench::default_engine::basic(56)).model.parameters.size();
  members all{static_cast<std::uint32_t>(state.range(0)), values};
  const auto start = all.vectors;
  for (auto _ : state) {
    state.PauseTiming();
    all.vectors = start;  // sums of sums would become infinite
    state.ResumeTiming();
    all.sum<Collective>(times);
  }
  state.counters["one_sum"] =
      benchmark::Counter(times, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK_TEMPLATE(all_reduce, comdml::comm::ring)
    ->ArgName("members")
    ->DenseRange(2, 8, 2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(all_reduce, comdml::comm::halving_doubling)
    ->ArgName("members")
    ->DenseRange(2, 8, 2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

template <class Collective>
void check_sums() {
  for (const std::uint32_t count : {2U, 3U, 8U}) {
    members all{count, 10007};
    std::vector<float> expected(all.vectors.front().size());
    for (const auto& one : all.vectors)
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += one[i];
    all.sum<Collective>(1);
    for (const auto& sum : all.vectors) bench::require_close("sum", sum, expected, 1e-6);
  }
}

void check() {
  check_sums<comdml::comm::ring>();
  check_sums<comdml::comm::halving_doubling>();
}

}  // namespace

int main(int argc, char** argv) { return bench::check_then_time(argc, argv, check); }
