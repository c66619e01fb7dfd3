// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command-line program: trains, plans, reports, measures, evaluates and predicts, and is an agent of a real fleet.
/// All policies are chosen at run time.
#include "commands.hpp"

int main(int argc, char** argv) {
  using namespace program;
  return run_command_line(
      argc, argv,
      {{"train",
        "Train a model with a fleet of agents in this process, or as ranks of MPI; by default the built-in digits.",
        add_train},
       {"simulate", "Play rounds of a fleet without learning: times, traffic and change of up to a million agents.",
        add_simulate},
       {"compare", "Time to a target accuracy, of all algorithms, over settings and seeds: an experiment.",
        add_compare},
       {"plan", "Say who would help whom in a fleet, and what that is worth, without training.", add_plan},
       {"report", "Draw what a run or several left in their folders, as one HTML page.", add_report},
       {"profile", "Measure what each cut of a model costs on this processor.", add_profile},
       {"emulate", "Compare simulated time with real time, on slices of this processor.", add_emulate},
       {"evaluate", "Test a trained model on the test images of a data set.", add_evaluate},
       {"predict", "Say which class pictures belong to, and how likely.", add_predict},
       {"keygen", "Make the keys of an agent of a real fleet.", add_keygen},
       {"agent", "Be one agent of a real fleet, on a machine of its own.", add_agent},
       {"status", "Look at an agent of a real fleet while it runs.", add_status}});
}
