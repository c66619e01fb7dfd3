// SPDX-License-Identifier: BSL-1.0
/// \file
/// To come: agents that are ranks of an MPI program.
#pragma once
