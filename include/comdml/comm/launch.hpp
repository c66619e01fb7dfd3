// SPDX-License-Identifier: BSL-1.0
/// \file
/// Which of the processes of a launch this one is, as launchers (mpirun, srun) tell it by the environment.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "comdml/core/errors.hpp"

namespace comdml::comm {

/// A process among those that were started together.
struct launch {
  std::uint32_t rank = 0;
  std::uint32_t size = 1;
  std::uint32_t local_rank = 0;  ///< among those on the same machine
  std::uint32_t local_size = 1;
};

namespace detail {

/// The first of these variables that is set; the number of the task in front of "(x4)" or ",".
[[nodiscard]] inline std::optional<std::uint32_t> number_from(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* set = std::getenv(name);
    if (set == nullptr) continue;
    const std::string_view value{set};
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = end == value.data() + value.size() || *end == '(' || *end == ',';
    if (error != std::errc{} || !whole)
      throw input_error{name, "is \"" + std::string{value} + "\", which is no number",
                        "start by mpirun or srun, or unset it"};
    return number;
  }
  return std::nullopt;
}

}  // namespace detail

/// From the environment of Open MPI, of PMI (MPICH and others) or of SLURM, in this order; nothing if there is none of
/// them. Throws input_error if it makes no sense.
[[nodiscard]] inline std::optional<launch> launch_from_environment() {
  const auto rank = detail::number_from({"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"});
  const auto size = detail::number_from({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"});
  if (!rank || !size) return std::nullopt;
  const auto local_rank = detail::number_from({"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"});
  const auto local_size = detail::number_from(
      {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE", "SLURM_TASKS_PER_NODE"});
  if (*rank >= *size)
    throw input_error{"the launcher's environment", text("rank ", *rank, " of ", *size), "start by mpirun or srun"};
  return launch{*rank, *size, local_rank.value_or(0), local_size.value_or(1)};
}

}  // namespace comdml::comm
