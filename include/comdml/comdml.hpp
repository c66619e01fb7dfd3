// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every public header that needs nothing beyond the library's own dependencies: for programs. The library's own files
/// include narrow headers. Left out, to be included by those who want them: comdml/data/digits.hpp (a data set) and
/// comdml/testing/ (checkers for your own types).
#pragma once

#include "comdml/concepts.hpp"

#include "comdml/core/digest.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/parallel.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"

#include "comdml/tensor/arena.hpp"
#include "comdml/tensor/blas_threads.hpp"
#include "comdml/tensor/gemm.hpp"
#include "comdml/tensor/shape.hpp"
#include "comdml/tensor/tensor.hpp"

#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution_gemm.hpp"
#include "comdml/nn/global_average_pool.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/repeat.hpp"
#include "comdml/nn/residual.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/shortcuts.hpp"

#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

#include "comdml/data/array_set.hpp"
#include "comdml/data/augment.hpp"
#include "comdml/data/cifar.hpp"
#include "comdml/data/file_bytes.hpp"
#include "comdml/data/idx.hpp"
#include "comdml/data/image_set.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/data/partition.hpp"
#include "comdml/data/shard.hpp"

#include "comdml/comm/codec.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/compute_slots.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/comm/in_process_session.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/comm/virtual_time.hpp"
#include "comdml/comm/waiting.hpp"
#include "comdml/comm/wall_time.hpp"

#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/fleet/profile_file.hpp"

#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#include "comdml/pairing/plan.hpp"

#include "comdml/learn/agent.hpp"
#include "comdml/learn/all_reduce.hpp"
#include "comdml/learn/comdml.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/fleet_trainer.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/pool.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/session.hpp"

#include "comdml/report/metrics.hpp"
