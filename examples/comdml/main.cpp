// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command-line program: trains, evaluates and predicts. All policies are chosen at run time.
#include "commands.hpp"

int main(int argc, char** argv) {
  using namespace program;
  return run_command_line(
      argc, argv,
      {{"train", "Train a model with a fleet of agents, all in this process; by default the built-in digits.",
        add_train},
       {"evaluate", "Test a trained model on the test images of a data set.", add_evaluate},
       {"predict", "Say which class pictures belong to, and how likely.", add_predict}});
}
