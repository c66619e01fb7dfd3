// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs that are gone on with from a checkpoint: the same as if nothing had happened, to the last bit.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include "comdml/comm/codec.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "comdml/learn/commit_log.hpp"
#include "comdml/learn/dpsgd.hpp"
#include "comdml/learn/fedavg.hpp"
#include "comdml/learn/gossip.hpp"
#include "comdml/learn/split_learning.hpp"
#include "comdml/nn/adam.hpp"
#include "comdml/nn/schedule.hpp"
#include "comdml/pairing/steady.hpp"
#include "../../effort.hpp"
#include "support.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

/// A folder that goes away with the test.
class resume_folder {
 public:
  resume_folder() {
    std::string name = (fs::temp_directory_path() / "comdml-checkpoint-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~resume_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  resume_folder(const resume_folder&) = delete;
  resume_folder& operator=(const resume_folder&) = delete;

  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

const data::split& resume_images() {
  static const data::split images = some_digits(effort::images(60), effort::images(20));
  return images;
}

std::string resume_content(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}
void resume_write(const fs::path& file, const std::string& bytes) {
  std::ofstream out{file, std::ios::binary};
  out << bytes;
}

/// Puts every checkpoint of a run aside: those before the round that is told of are whole.
struct resume_collector {
  fs::path from, to;
  void collect() const {
    for (const auto& entry : fs::directory_iterator{from})
      fs::copy_file(entry.path(), to / entry.path().filename(), fs::copy_options::overwrite_existing);
  }
  learn::verdict on_round(const learn::round_report& report) {
    if (report.round.value > 0) collect();
    return learn::verdict::go_on;
  }
};

template <class J, class O = learn::no_observer>
learn::history resume_run(const learn::settings<J>& how, const fleet::description& fleet,
                          const learn::control& hold = {}, O&& observer = {}, std::size_t threads = 2) {
  return learn::fleet_trainer<J>{fleet, how, threads}.run(resume_images(), data::iid{}, observer, hold);
}

void resume_same(const learn::round_report& once, const learn::round_report& again) {
  CHECK(again.round == once.round);
  CHECK(again.test_accuracy == once.test_accuracy);
  CHECK(again.test_loss == once.test_loss);
  CHECK(again.train_loss == once.train_loss);
  CHECK(again.learning_rate == once.learning_rate);
  CHECK(again.elapsed == once.elapsed);
  CHECK(again.elapsed_alone == once.elapsed_alone);
  CHECK(again.activation_bytes == once.activation_bytes);
  CHECK(again.weight_bytes == once.weight_bytes);
  CHECK(again.digest == once.digest);
  CHECK(again.plan == once.plan);
  CHECK(again.sat_out == once.sat_out);
}

/// A run with checkpoints is as one without, and gone on with after any round it ends as it did.
template <class J>
void resumes_exactly(const learn::settings<J>& how, const fleet::description& fleet) {
  const auto once = resume_run(how, fleet);
  REQUIRE(once.rounds.size() == how.rounds);
  const resume_folder files;
  const fs::path all = files / "all";
  fs::create_directory(all);
  const auto keep = std::make_shared<const learn::checkpoints>(files / "run", 1, "job");
  resume_collector collector{files / "run", all};
  const auto kept = resume_run(how, fleet, {.keep = keep}, collector);
  collector.collect();
  CHECK(kept.state == once.state);
  CHECK(kept.rounds.back().elapsed == once.rounds.back().elapsed);

  for (std::uint32_t round = 1; round <= how.rounds; ++round) {
    CAPTURE(round);
    const learn::checkpoints saved{all, 1, "job"};
    const auto from = learn::latest_of_fleet(saved, fleet.agents.size(), {}, round_index{round});
    REQUIRE(from);
    REQUIRE(from->round == round_index{round});
    const auto rest = resume_run(how, fleet, {.resume = from->resume}, learn::no_observer{}, 1 + round % 2);
    CHECK(rest.state == once.state);
    REQUIRE(rest.rounds.size() == how.rounds - round);
    for (std::size_t i = 0; i < rest.rounds.size(); ++i) resume_same(once.rounds[round + i], rest.rounds[i]);
  }
}

fleet::description resume_restless() {
  fleet::description fleet = unlike(5);
  const auto presence = [&](std::uint32_t round, std::uint32_t agent, bool there) {
    fleet.presence.push_back({round_index{round}, agent_id{agent}, there});
  };
  presence(0, 4, false);
  presence(1, 0, false);
  presence(1, 3, false);
  presence(2, 2, false);
  presence(3, 0, true);
  presence(3, 2, true);
  presence(4, 3, true);
  presence(4, 4, true);
  fleet.changes.push_back({round_index{2}, agent_id{1}, batches_per_second{.3}});
  fleet.jitter = 1e-3 * seconds{7};
  return fleet;
}

struct resume_plateau_job : job {
  using schedule = nn::plateau;
};
struct resume_adam_job : job {
  using optimizer = nn::adam;
};
struct resume_steady_job : job {
  using pairing = ::comdml::pairing::steady<>;
};
struct resume_fedavg_job : job {
  using algorithm = learn::fedavg;
};
struct resume_all_reduce_job : job {
  using algorithm = learn::all_reduce;
};
struct resume_split_job : job {
  using algorithm = learn::split_learning;
};
struct resume_dpsgd_job : job {
  using algorithm = learn::dpsgd;
};
struct resume_gossip_job : job {
  using algorithm = learn::gossip;
};

/// A short run that leaves checkpoints of rounds 2 and 3.
learn::history resume_example(const fs::path& folder, const std::string& name = "job") {
  return resume_run(quick<job>(3), unlike(2), {.keep = std::make_shared<const learn::checkpoints>(folder, 1, name)});
}

fs::path resume_file(const fs::path& folder, std::uint32_t round) {
  return folder / text("round-00000", round, ".checkpoint");
}

}  // namespace

TEST_CASE("checkpoints: a run goes on as if nothing had happened") {
  SUBCASE("by default") { resumes_exactly(quick<job>(4), unlike(4)); }
  SUBCASE("slow links, on which messages wait for each other") { resumes_exactly(quick<job>(3), unlike(5, .05)); }
  SUBCASE("an optimizer that remembers") {
    auto how = quick<job>(4);
    how.optimizer_state = learn::optimizer_carry::averaged;
    resumes_exactly(how, unlike(4));
  }
  SUBCASE("Adam that forgets, and that remembers") {
    auto how = quick<resume_adam_job>(3);
    how.optimizer.learning_rate = 1e-3;
    resumes_exactly(how, unlike(3));
    how.optimizer_state = learn::optimizer_carry::averaged;
    resumes_exactly(how, unlike(3));
  }
  SUBCASE("a learning rate that falls on a plateau, rounds without evaluation") {
    auto how = quick<resume_plateau_job>(6);
    how.optimizer.learning_rate = 1e-9;
    how.schedule = {.patience = 1, .factor = .5};
    how.evaluate_every = 2;
    resumes_exactly(how, unlike(3));
  }
  SUBCASE("weights as changes, by a codec") {
    auto how = quick<job>(3);
    how.weight_wire = comm::wire_codec{comm::int8{}};
    how.optimizer_state = learn::optimizer_carry::averaged;
    resumes_exactly(how, unlike(3));
  }
  SUBCASE("a helper of several guests") {
    auto how = quick<forced_job>(3);
    how.pairing.pairs = {{1, 0}, {2, 0}, {3, 0}};
    resumes_exactly(how, unlike(5));
  }
}

TEST_CASE("checkpoints: what agents have measured, and plans that follow from the last one") {
  auto how = quick<resume_steady_job>(7);
  how.knowledge = learn::knowledge::measured;
  fleet::description fleet = unlike(4);
  fleet.changes.push_back({round_index{2}, agent_id{0}, batches_per_second{.2}});
  fleet.changes.push_back({round_index{4}, agent_id{0}, batches_per_second{5}});
  resumes_exactly(how, fleet);
  resumes_exactly(how, resume_restless());
  how.knowledge = learn::knowledge::declared;
  resumes_exactly(how, resume_restless());
}

TEST_CASE("checkpoints: agents that are drawn, come and go, and change") {
  auto how = quick<job>(7);
  resumes_exactly(how, resume_restless());
  how.optimizer_state = learn::optimizer_carry::averaged;
  fleet::description fleet = resume_restless();
  fleet.sampled = .6;
  resumes_exactly(how, fleet);
  fleet = unlike(4);
  fleet.link_changes.push_back({round_index{2}, agent_id{1}, agent_id{0}, megabits_per_second(1), {}});
  fleet.link_changes.push_back({round_index{3}, agent_id{2}, agent_id{3}, bits_per_second{}, {}});
  resumes_exactly(quick<job>(5), fleet);
}

TEST_CASE("checkpoints: other algorithms whose agents share one model") {
  SUBCASE("allreduce") { resumes_exactly(quick<resume_all_reduce_job>(3), unlike(3)); }
  SUBCASE("fedavg") { resumes_exactly(quick<resume_fedavg_job>(3), unlike(3)); }
  SUBCASE("splitlearning") {
    auto how = quick<resume_split_job>(3);
    resumes_exactly(how, unlike(3));
    how.optimizer_state = learn::optimizer_carry::averaged;
    resumes_exactly(how, unlike(3));
  }
}

TEST_CASE("checkpoints: algorithms whose agents hold different models refuse them") {
  const resume_folder files;
  const learn::control hold{.keep = std::make_shared<const learn::checkpoints>(files / "run", 1, "job")};
  CHECK_THROWS_WITH_AS(static_cast<void>(resume_run(quick<resume_dpsgd_job>(2), unlike(2), hold)),
                       doctest::Contains("hold different models"), input_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(resume_run(quick<resume_gossip_job>(2), unlike(2), hold)),
                       doctest::Contains("hold different models"), input_error);
  CHECK_FALSE(fs::exists(files / "run"));
}

TEST_CASE(
    "checkpoints: the last two are kept, one every so many rounds, and the last commit of a run that is stopped") {
  const resume_folder files;
  const fs::path folder = files / "run";
  const learn::checkpoints three{folder, 3, "job"};
  const auto keep = std::make_shared<const learn::checkpoints>(three);
  fs::create_directories(folder);
  std::ofstream{folder / "round-000003.checkpoint.77-0.partial"} << "of a writer that was killed";
  const auto past = resume_run(quick<job>(7), unlike(2), {.keep = keep});
  CHECK(three.rounds() == std::vector{round_index{6}, round_index{7}});  // the last one, because the run is over
  CHECK(std::distance(fs::directory_iterator{folder}, {}) == 2);

  std::stop_source stop;
  struct stopping {
    std::stop_source& stop;
    std::uint32_t at;
    learn::verdict on_round(const learn::round_report& report) {
      if (report.round == round_index{at}) stop.request_stop();
      return learn::verdict::go_on;
    }
  } watch{stop, 4};
  const auto stopped = resume_run(quick<job>(7), unlike(2), {.stop = stop.get_token(), .keep = keep}, watch);
  CHECK(stopped.interrupted);
  CHECK(three.rounds() == std::vector{round_index{3}, round_index{5}});  // none of the run before
  const auto from = learn::latest_of_fleet(three, 2);
  REQUIRE(from);
  CHECK(from->wall > seconds{});
  const auto rest = resume_run(quick<job>(7), unlike(2), {.keep = keep, .resume = from->resume});
  CHECK(rest.state == past.state);
  CHECK(rest.rounds.front().wall > from->wall);
  CHECK(three.rounds() == std::vector{round_index{6}, round_index{7}});

  // A run that is given up for an earlier checkpoint leaves none of later rounds.
  const auto earlier = learn::latest_of_fleet(three, 2, {}, round_index{6});
  REQUIRE(earlier);
  three.save(three.load(round_index{6}));
  CHECK(three.rounds() == std::vector{round_index{6}});
}

TEST_CASE("checkpoints: a run that reached its target, or its end, is over") {
  const resume_folder files;
  const auto keep = std::make_shared<const learn::checkpoints>(files / "run", 1, "job");
  auto how = quick<job>(3);
  how.target_accuracy = 1e-9;
  const auto past = resume_run(how, unlike(2), {.keep = keep});
  REQUIRE(past.target_reached);
  const auto again = resume_run(how, unlike(2), {.resume = learn::latest_of_fleet(*keep, 2)->resume});
  CHECK(again.rounds.empty());
  CHECK(again.target_reached);
  CHECK(again.state == past.state);
}

TEST_CASE("checkpoints: damaged files are told of, and an earlier one is used") {
  const resume_folder files;
  const fs::path folder = files / "run";
  const auto past = resume_example(folder);
  const learn::checkpoints saved{folder, 1, "job"};
  const std::string whole = resume_content(resume_file(folder, 3));
  REQUIRE(whole.size() > 10'000);
  std::vector<std::string> damaged{"", "x", whole.substr(0, 63), whole.substr(0, whole.size() - 1), whole + "x"};
  for (const std::size_t at : {std::size_t{0}, std::size_t{30}, whole.size() / 2, whole.size() - 1}) {
    damaged.push_back(whole);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 1);
  }
  for (const std::string& bytes : damaged) {
    resume_write(resume_file(folder, 3), bytes);
    CAPTURE(bytes.size());
    CHECK_THROWS_WITH_AS(static_cast<void>(saved.load(round_index{3})), doctest::Contains("round-000003.checkpoint"),
                         input_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(saved.load(round_index{3})), doctest::Contains("remedy: remove it"),
                         input_error);
    std::string warned;
    const auto from = learn::latest_of_fleet(saved, 2, [&](const std::string& what) { warned += what; });
    REQUIRE(from);
    CHECK(from->round == round_index{2});
    CHECK(warned.find("round-000003.checkpoint") != std::string::npos);
    CHECK(resume_run(quick<job>(3), unlike(2), {.resume = from->resume}).state == past.state);
  }
  resume_write(resume_file(folder, 2), "cut");
  CHECK_THROWS_AS(static_cast<void>(learn::latest_of_fleet(saved, 2)), input_error);
  fs::remove_all(folder);
  CHECK_FALSE(learn::latest_of_fleet(saved, 2));
  CHECK_THROWS_AS(static_cast<void>(saved.load(round_index{3})), input_error);
}

TEST_CASE("checkpoints: those of other runs, other fleets and newer programs are refused") {
  const resume_folder files;
  const fs::path folder = files / "run";
  static_cast<void>(resume_example(folder));
  const learn::checkpoints other{folder, 1, "another job"};
  CHECK_THROWS_WITH_AS(static_cast<void>(other.latest()), doctest::Contains("other settings or data"), input_error);
  const learn::checkpoints saved{folder, 1, "job"};
  CHECK_THROWS_WITH_AS(static_cast<void>(learn::latest_of_fleet(saved, 3)), doctest::Contains("fleet of 3"),
                       input_error);
  // A name that tells another round.
  fs::copy_file(resume_file(folder, 3), resume_file(folder, 5));
  CHECK_THROWS_WITH_AS(static_cast<void>(saved.load(round_index{5})), doctest::Contains("another round"), input_error);
  fs::remove(resume_file(folder, 5));

  const auto sealed = [](std::string body) {
    sha256 digest;
    digest.update(std::as_bytes(std::span{body}));
    return body + digest.hex();
  };
  std::string body = resume_content(resume_file(folder, 3));
  body.resize(body.size() - 64);
  const std::size_t version_at = 8 + std::string{"comdml checkpoint"}.size();
  std::string newer = body;
  newer[version_at] = 2;
  resume_write(resume_file(folder, 3), sealed(newer));
  CHECK_THROWS_WITH_AS(static_cast<void>(saved.load(round_index{3})), doctest::Contains("has version 2"), input_error);
  // Sealed, and nonsense all the same.
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, version_at + 2, body.size() / 2, body.size() - 1}) {
    resume_write(resume_file(folder, 3), sealed(body.substr(0, size)));
    CHECK_THROWS_AS(static_cast<void>(saved.load(round_index{3})), input_error);
  }
}

TEST_CASE("checkpoints: a write that fails ends the run with what was reached, and the old ones stay") {
  const resume_folder files;
  const fs::path folder = files / "run";
  static_cast<void>(resume_example(folder));
  const std::string two = resume_content(resume_file(folder, 2));
  const learn::checkpoints saved{folder, 1, "job"};
  auto how = quick<job>(6);
  fs::create_directory(resume_file(folder, 5));  // no file can take its place
  const auto from = learn::latest_of_fleet(learn::checkpoints{folder, 1, "job"}, 2, {}, round_index{2});
  REQUIRE(from);
  try {
    static_cast<void>(resume_run(how, unlike(2),
                                 {.keep = std::make_shared<const learn::checkpoints>(saved), .resume = from->resume}));
    FAIL("it did not throw");
  } catch (const learn::incomplete_run& error) {
    CHECK(std::string{error.what()}.find("round-000005.checkpoint") != std::string::npos);
    CHECK(error.reached().rounds.size() == 3);  // rounds 3, 4 and 5 are over
  }
  CHECK(saved.load(round_index{3}).round == round_index{3});
  CHECK(saved.load(round_index{4}).round == round_index{4});
  for (const auto& entry : fs::directory_iterator{folder}) CHECK(entry.path().extension() != ".partial");
  // Where nothing can be written at all.
  resume_write(files / "file", "");
  CHECK_THROWS_AS(static_cast<void>(resume_example(files / "file")), run_error);
}
