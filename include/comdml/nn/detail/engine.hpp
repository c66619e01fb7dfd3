// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs a fused graph over a batch: training layer by layer, inference a few images at a time from end to end.
///
/// Every pass over a convolution is one call of the kernels per block of images. Blocks are the same whatever the
/// number of threads, and what they sum up is joined in their order: so are the bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/parallel.hpp"
#include "comdml/kernels/kernels.hpp"
#include "comdml/nn/detail/fused_graph.hpp"
#include "comdml/nn/detail/placement.hpp"
#include "comdml/tensor/arena.hpp"

namespace comdml::nn::detail {

class engine {
 public:
  engine() = default;
  explicit engine(fused_graph graph) : graph_{std::move(graph)}, set_{kernels::active_set().set} {
    graph_.choose_kept();
  }

  /// Values of the run's last activation, NHWC. In mode::train, remembers what backward needs in `memory`, which must
  /// not be reset until then.
  void forward(std::span<const float> parameters, std::span<float> statistics, std::span<const float> input,
               std::size_t images, std::span<float> output, bool training, arena& memory, execution exec) {
    images_ = images;
    blocks_ = std::min(images, reduction_blocks);
    input_ = input.data();
    coefficients_.clear();
    for (const fused_convolution& c : graph_.convolutions)
      coefficients_.push_back(take(memory, 4 * c.shape.output_pitch()));
    layout_ = lay_out(graph_, training);
    raw_.assign(graph_.convolutions.size(), nullptr);
    values_.assign(graph_.activations.size(), nullptr);
    // Channels that the output's pitch adds are left out at the end.
    const fused_activation& last = graph_.activations.back();
    const bool exact = last.pitch == last.shape.channels;
    values_.back() = exact ? output.data() : take(memory, images * pixels(last) * last.pitch);
    if (training) {
      batch_ = take(memory, images * layout_.size);
      put(batch_, images);
    }
    if (training)
      train(parameters, statistics, memory, exec);
    else
      infer(parameters, statistics, memory, exec);
    if (!exact) copy_channels(values_.back(), last.pitch, output.data(), last.shape.channels, images * pixels(last));
  }

  /// After forward in mode::train. Overwrites the parameter gradient, and the input's unless it is empty.
  void backward(std::span<const float> parameters, std::span<const float> output_gradient,
                std::span<float> parameter_gradient, std::span<float> input_gradient, arena& memory, execution exec) {
    const arena::scope release{memory};
    const gradients to = place_gradients(input_gradient);
    std::size_t part_size = 0, scratch_size = 0, sum_size = 0;
    for (const fused_convolution& c : graph_.convolutions) {
      part_size = std::max(part_size, c.shape.gradient_part());
      scratch_size =
          std::max({scratch_size, kernels::padded(kernels::backward_scratch(c.shape)), plain_weights(c.shape)});
    }
    for (const fused_activation& a : graph_.activations) sum_size = std::max(sum_size, 3 * kernels::padded(a.pitch));
    scratch_size = std::max(scratch_size, pixels(graph_.activations.back()) * graph_.activations.back().pitch);
    float* parts = take(memory, blocks_ * part_size);
    double* sums = memory.take<double>(blocks_ * sum_size).data();
    const std::size_t lanes = static_cast<std::size_t>(std::max(exec.threads, 1));
    float* scratch = take(memory, lanes * scratch_size);
    std::vector<float*> packed, slope;
    for (const fused_convolution& c : graph_.convolutions) {
      packed.push_back(wanted(c.from, to) ? take(memory, c.shape.packed_transposed()) : nullptr);
      slope.push_back(take(memory, 3 * c.shape.output_pitch()));
    }

    parallel_team(exec, [&](const team& crew) {
      float* const own = scratch + crew.lane() * scratch_size;
      const auto each_block = [&](auto&& f) {
        crew.share(blocks_,
                   [&](std::size_t block) { f(block, images_ * block / blocks_, images_ * (block + 1) / blocks_); });
      };
      pack(crew, parameters, true, packed, own);
      // What flows in at the end.
      const std::size_t last = graph_.activations.size() - 1;
      const kernels::gradient_sink entry = sink_of(last, to);
      each_block([&](std::size_t block, std::size_t begin, std::size_t end) {
        double* block_sums = sums + block * sum_size;
        std::fill_n(block_sums, 3 * entry.pitch, 0.0);
        const fused_activation& a = graph_.activations[last];
        for (std::size_t image = begin; image < end; ++image) {
          const std::size_t count = pixels(a);
          std::fill_n(own, count * a.pitch, 0.0F);
          copy_channels(&output_gradient[image * count * a.shape.channels], a.shape.channels, own, a.pitch, count);
          set_->sink_image(entry, image, own, block_sums);
        }
      });
      crew.alone([&] { normalize_gradient(last, sums, sum_size, parameters, parameter_gradient, slope); });

      for (std::size_t k = graph_.convolutions.size(); k-- > 0;) {
        const fused_convolution& c = graph_.convolutions[k];
        const bool first_reader = graph_.activations[c.from].readers.front() == k;
        kernels::backward_task task{.shape = c.shape,
                                    .from = source_of(c.from, false),
                                    .raw = raw_[k],
                                    .gradient = to.values[c.into],
                                    .a = slope[k],
                                    .b = slope[k] + c.shape.output_pitch(),
                                    .c = slope[k] + 2 * c.shape.output_pitch(),
                                    .weights = packed[k]};
        if (packed[k] != nullptr) task.sink = first_reader ? sink_of(c.from, to) : unfinished(c.from, to);
        each_block([&](std::size_t block, std::size_t begin, std::size_t end) {
          double* block_sums = sums + block * sum_size;
          std::fill_n(block_sums, 3 * task.sink.pitch, 0.0);
          set_->backward_images(task, begin, end, parts + block * part_size, block_sums, own);
        });
        crew.barrier();
        const std::size_t channels = c.shape.channels, lane = crew.lane(), all = crew.lanes();
        const std::size_t begin = channels * lane / all, end = channels * (lane + 1) / all;
        set_->unpack_gradient(c.shape, parts, blocks_, part_size, begin, end - begin, &parameter_gradient[c.weights]);
        if (lane == 0 && packed[k] != nullptr && first_reader && graph_.activations[c.from].producer)
          normalize_gradient(c.from, sums, sum_size, parameters, parameter_gradient, slope);
        crew.barrier();
      }
    });
    const fused_activation& in = graph_.activations.front();
    if (!input_gradient.empty() && to.values.front() != input_gradient.data())
      copy_channels(to.values.front(), kernels::padded(in.shape.channels), input_gradient.data(), in.shape.channels,
                    images_ * pixels(in));
  }

 private:
  /// Where the gradient of each activation goes, and the part of it that a second reader leaves for the first.
  struct gradients {
    std::vector<float*> values;
    std::vector<float*> partial;
  };

  static float* take(arena& memory, std::size_t count) { return memory.take<float>(count).data(); }
  [[nodiscard]] static std::size_t pixels(const fused_activation& a) { return a.shape.height * a.shape.width; }
  [[nodiscard]] static std::size_t plain_weights(const kernels::convolution_shape& s) {
    return s.kernel * s.kernel * s.output_pitch() * std::max(s.pitch, kernels::padded(s.channels));
  }

  /// Floats that one thread needs besides in a forward pass.
  [[nodiscard]] std::size_t forward_scratch() const {
    std::size_t size = kernels::padded(graph_.activations.back().shape.width * graph_.activations.back().pitch);
    for (const fused_convolution& c : graph_.convolutions)
      size = std::max({size, kernels::padded(kernels::forward_scratch(c.shape)), plain_weights(c.shape)});
    return size;
  }

  /// Where the layout puts outputs and activations of `images` images in `memory`.
  void put(float* memory, std::size_t images) {
    for (std::size_t k = 0; k < raw_.size(); ++k) raw_[k] = memory + layout_.raw[k] * images;
    for (std::size_t a = 0; a + 1 < values_.size(); ++a)
      if (graph_.activations[a].kept) values_[a] = memory + layout_.values[a] * images;
  }

  [[nodiscard]] float* scale(std::size_t k) const { return coefficients_[k]; }
  [[nodiscard]] float* shift(std::size_t k) const {
    return coefficients_[k] + graph_.convolutions[k].shape.output_pitch();
  }
  [[nodiscard]] float* mean(std::size_t k) const {
    return coefficients_[k] + 2 * graph_.convolutions[k].shape.output_pitch();
  }
  [[nodiscard]] float* inverse(std::size_t k) const {
    return coefficients_[k] + 3 * graph_.convolutions[k].shape.output_pitch();
  }

  /// The values of an activation that is kept, or of the input; null for others.
  [[nodiscard]] const float* stored(std::size_t activation) const {
    return graph_.activations[activation].producer ? values_[activation] : input_;
  }

  /// \param make  whether a kept activation is made by this pass, or was made before
  [[nodiscard]] kernels::source source_of(std::size_t index, bool make) const {
    const fused_activation& a = graph_.activations[index];
    kernels::source from;
    if (!a.producer) {
      from.stored = input_;
      return from;
    }
    if (a.kept && !make) {
      from.stored = values_[index];
      return from;
    }
    from.raw = raw_[*a.producer];
    from.scale = scale(*a.producer);
    from.shift = shift(*a.producer);
    from.keep = values_[index];
    using kind = fused_activation::residual;
    const auto project = [&](std::size_t convolution) {
      from.projected = raw_[convolution];
      from.projected_scale = scale(convolution);
      from.projected_shift = shift(convolution);
    };
    if (a.kind == kind::projected) {
      project(a.other);
    } else if (a.kind == kind::same) {
      const fused_activation& other = graph_.activations[a.other];
      from.same = stored(a.other);
      if (from.same == nullptr) {
        project(*other.producer);
        from.same = stored(other.other);
      }
    } else if (a.kind == kind::strided) {
      const fused_activation& other = graph_.activations[a.other];
      from.strided = {stored(a.other),      other.shape.height, other.shape.width, other.pitch,
                      other.shape.channels, a.stride,           a.before};
    }
    return from;
  }

  /// Packs the weights of all convolutions that have a place for them; the crew shares them.
  void pack(const team& crew, std::span<const float> parameters, bool turned, std::span<float* const> packed,
            float* own) const {
    for (std::size_t k = crew.lane(); k < graph_.convolutions.size(); k += crew.lanes()) {
      const fused_convolution& c = graph_.convolutions[k];
      if (packed[k] != nullptr) set_->pack_weights(c.shape, &parameters[c.weights], turned, packed[k], own);
    }
  }

  void train(std::span<const float> parameters, std::span<float> statistics, arena& memory, execution exec) {
    const arena::scope release{memory};
    const std::size_t scratch_size = forward_scratch();
    std::size_t moment_size = 0;
    std::vector<float*> packed;
    for (const fused_convolution& c : graph_.convolutions) {
      moment_size = std::max(moment_size, 2 * c.shape.output_pitch());
      packed.push_back(take(memory, c.shape.packed()));
      COMDML_REQUIRE(images_ * c.shape.output_height() * c.shape.output_width() > 1, "batch normalization of ", images_,
                     " image of one pixel in training");
    }
    double* moments = memory.take<double>(blocks_ * moment_size).data();
    std::vector<double> counts(blocks_);
    float* scratch = take(memory, static_cast<std::size_t>(std::max(exec.threads, 1)) * scratch_size);

    parallel_team(exec, [&](const team& crew) {
      float* const own = scratch + crew.lane() * scratch_size;
      pack(crew, parameters, false, packed, own);
      crew.barrier();
      for (std::size_t k = 0; k < graph_.convolutions.size(); ++k) {
        const fused_convolution& c = graph_.convolutions[k];
        const bool first_reader = graph_.activations[c.from].readers.front() == k;
        const kernels::forward_task task{c.shape, source_of(c.from, first_reader), packed[k], raw_[k]};
        crew.share(blocks_, [&](std::size_t block) {
          kernels::moments sums{moments + block * moment_size};
          std::fill_n(sums.values, 2 * c.shape.output_pitch(), 0.0);
          set_->forward_images(task, images_ * block / blocks_, images_ * (block + 1) / blocks_, &sums, own);
          counts[block] = sums.count;
        });
        crew.alone([&] { normalize(k, moments, moment_size, counts, parameters, statistics); });
      }
      crew.share(blocks_, [&](std::size_t block) {
        finish_output(images_ * block / blocks_, images_ * (block + 1) / blocks_, values_.back(), own);
      });
    });
  }

  /// Makes the last activation of images [begin, end); `to` is that of the first image of the batch.
  void finish_output(std::size_t begin, std::size_t end, float* to, float* row) const {
    const fused_activation& out = graph_.activations.back();
    kernels::source from = source_of(graph_.activations.size() - 1, true);
    from.keep = nullptr;
    const std::size_t row_size = out.shape.width * out.pitch;
    for (std::size_t image = begin; image < end; ++image)
      set_->make_image(from, image, out.shape.height, out.shape.width, out.pitch,
                       to + image * out.shape.height * row_size, row_size, row);
  }

  /// Joins the blocks' moments in their order, moves the running statistics, and finds what the next pass applies.
  void normalize(std::size_t k, const double* moments, std::size_t moment_size, std::span<const double> counts,
                 std::span<const float> parameters, std::span<float> statistics) const {
    const fused_convolution& c = graph_.convolutions[k];
    const std::size_t pitch = c.shape.output_pitch(), channels = c.shape.outputs;
    std::fill_n(coefficients_[k], 4 * pitch, 0.0F);
    for (std::size_t i = 0; i < channels; ++i) {
      double count = 0, average = 0, squares = 0;
      for (std::size_t block = 0; block < blocks_; ++block) {
        const double added = counts[block], difference = moments[block * moment_size + i] - average;
        squares += moments[block * moment_size + pitch + i] + difference * difference * count * added / (count + added);
        average += difference * added / (count + added);
        count += added;
      }
      const auto move = [&](float& running, double value) {
        running = static_cast<float>((1 - c.momentum) * static_cast<double>(running) + c.momentum * value);
      };
      move(statistics[c.statistics + i], average);
      move(statistics[c.statistics + channels + i], squares / (count - 1));
      apply(k, i, average, squares / count, parameters);
    }
  }

  void apply(std::size_t k, std::size_t i, double average, double variance, std::span<const float> parameters) const {
    const fused_convolution& c = graph_.convolutions[k];
    const double inverse_deviation = 1 / std::sqrt(variance + c.epsilon);
    const double weight = static_cast<double>(parameters[c.normalization + i]);
    const double bias = static_cast<double>(parameters[c.normalization + c.shape.outputs + i]);
    scale(k)[i] = static_cast<float>(weight * inverse_deviation);
    shift(k)[i] = static_cast<float>(bias - average * weight * inverse_deviation);
    mean(k)[i] = static_cast<float>(average);
    inverse(k)[i] = static_cast<float>(inverse_deviation);
  }

  /// Every thread takes some images through all layers, so that their activations never leave its cache.
  void infer(std::span<const float> parameters, std::span<const float> statistics, arena& memory, execution exec) {
    const arena::scope release{memory};
    const std::size_t count = graph_.convolutions.size();
    const std::size_t scratch_size = forward_scratch();
    std::vector<float*> packed;
    for (std::size_t k = 0; k < count; ++k) {
      const fused_convolution& c = graph_.convolutions[k];
      packed.push_back(take(memory, c.shape.packed()));
      std::fill_n(coefficients_[k], 4 * c.shape.output_pitch(), 0.0F);
      for (std::size_t i = 0; i < c.shape.outputs; ++i)
        apply(k, i, static_cast<double>(statistics[c.statistics + i]),
              static_cast<double>(statistics[c.statistics + c.shape.outputs + i]), parameters);
    }
    const fused_activation& out = graph_.activations.back();
    const std::size_t lanes = static_cast<std::size_t>(std::max(exec.threads, 1));
    // As many groups for each thread, if there are images enough.
    const std::size_t turns = (images_ + lanes * images_at_once - 1) / (lanes * images_at_once);
    const std::size_t groups = std::min(images_, turns * lanes);
    float* scratch = take(memory, lanes * scratch_size);
    float* buffers = take(memory, lanes * layout_.size * images_at_once);
    std::vector<engine> views(lanes, *this);  // the same graph, with each thread's buffers
    for (std::size_t lane = 0; lane < lanes; ++lane)
      views[lane].put(buffers + lane * layout_.size * images_at_once, images_at_once);

    parallel_team(exec, [&](const team& crew) {
      float* const own = scratch + crew.lane() * scratch_size;
      pack(crew, parameters, false, packed, own);
      crew.barrier();
      engine& view = views[crew.lane()];
      const std::size_t in_size = pixels(graph_.activations.front()) * graph_.activations.front().pitch;
      crew.share(groups, [&](std::size_t group) {
        const std::size_t begin = images_ * group / groups, some = images_ * (group + 1) / groups - begin;
        view.input_ = input_ + begin * in_size;
        for (std::size_t k = 0; k < count; ++k) {
          const fused_convolution& c = graph_.convolutions[k];
          const bool first_reader = graph_.activations[c.from].readers.front() == k;
          const kernels::forward_task task{c.shape, view.source_of(c.from, first_reader), packed[k], view.raw_[k]};
          set_->forward_images(task, 0, some, nullptr, own);
        }
        view.finish_output(0, some, values_.back() + begin * pixels(out) * out.pitch, own);
      });
    });
  }

  /// Whether the gradient of an activation is wanted: all but the input's always are.
  [[nodiscard]] bool wanted(std::size_t activation, const gradients& to) const {
    return to.values[activation] != nullptr;
  }

  [[nodiscard]] gradients place_gradients(std::span<float> input_gradient) const {
    const auto& activations = graph_.activations;
    gradients to{std::vector<float*>(activations.size(), nullptr), std::vector<float*>(activations.size(), nullptr)};
    for (std::size_t a = input_gradient.empty() ? 1 : 0; a < activations.size(); ++a) {
      to.values[a] = batch_ + layout_.gradient[a] * images_;
      if (activations[a].readers.size() > 1) to.partial[a] = batch_ + layout_.partial[a] * images_;
    }
    const bool exact = activations.front().shape.channels % kernels::channel_block == 0;
    if (!input_gradient.empty() && exact) to.values.front() = input_gradient.data();
    return to;
  }

  /// The gradient of an activation, completed: what its residual takes, its mask, its normalization's sums.
  [[nodiscard]] kernels::gradient_sink sink_of(std::size_t index, const gradients& to) const {
    const fused_activation& a = graph_.activations[index];
    kernels::gradient_sink sink = shape_of(a);
    sink.other = to.partial[index];
    if (a.residual_of) {
      const fused_activation& sum = graph_.activations[*a.residual_of];
      if (sum.kind == fused_activation::residual::same) {
        sink.same = to.values[*a.residual_of];
      } else {
        sink.strided = {to.values[*a.residual_of], sum.shape.height, sum.shape.width, sum.pitch,
                        a.shape.channels,          sum.stride,       sum.before};
      }
    }
    if (a.producer) {
      sink.raw = raw_[*a.producer];
      sink.scale = scale(*a.producer);
      sink.shift = shift(*a.producer);
      sink.mean = mean(*a.producer);
      if (a.kept)
        sink.stored = values_[index];
      else if (a.kind == fused_activation::residual::same)
        sink.residual = stored(a.other);
      if (a.kind == fused_activation::residual::projected) {
        sink.projected = raw_[a.other];
        sink.projected_mean = mean(a.other);
      }
    }
    sink.result = to.values[index];
    return sink;
  }

  [[nodiscard]] kernels::gradient_sink unfinished(std::size_t index, const gradients& to) const {
    kernels::gradient_sink sink = shape_of(graph_.activations[index]);
    sink.result = to.partial[index];
    return sink;
  }

  [[nodiscard]] static kernels::gradient_sink shape_of(const fused_activation& a) {
    kernels::gradient_sink sink;
    sink.height = a.shape.height;
    sink.width = a.shape.width;
    sink.pitch = kernels::padded(a.shape.channels);
    return sink;
  }

  /// From the sums over an activation's gradient dz: the gradients of its normalizations' weights and biases, and
  /// dy = a dz + b y + c for their convolutions. With h = (y - mean) / deviation over N values:
  /// dy = weight / deviation (dz - sum(dz) / N - h sum(dz h) / N).
  void normalize_gradient(std::size_t index, const double* sums, std::size_t sum_size,
                          std::span<const float> parameters, std::span<float> parameter_gradient,
                          std::span<float* const> slope) const {
    const fused_activation& a = graph_.activations[index];
    const double count = static_cast<double>(images_ * pixels(a));
    const auto one = [&](std::size_t k, std::size_t products) {
      const fused_convolution& c = graph_.convolutions[k];
      const std::size_t pitch = c.shape.output_pitch(), channels = c.shape.outputs;
      std::fill_n(slope[k], 3 * pitch, 0.0F);
      for (std::size_t i = 0; i < channels; ++i) {
        double all = 0, product = 0;
        for (std::size_t block = 0; block < blocks_; ++block) {
          all += sums[block * sum_size + i];
          product += sums[block * sum_size + products * pitch + i];
        }
        const double inverse_deviation = static_cast<double>(inverse(k)[i]);
        product *= inverse_deviation;
        parameter_gradient[c.normalization + i] = static_cast<float>(product);
        parameter_gradient[c.normalization + channels + i] = static_cast<float>(all);
        const double factor = static_cast<double>(parameters[c.normalization + i]) * inverse_deviation;
        const double b = -factor * product / count * inverse_deviation;
        slope[k][i] = static_cast<float>(factor);
        slope[k][pitch + i] = static_cast<float>(b);
        slope[k][2 * pitch + i] = static_cast<float>(-factor * all / count - b * static_cast<double>(mean(k)[i]));
      }
    };
    one(*a.producer, 1);
    if (a.kind == fused_activation::residual::projected) one(a.other, 2);
  }

  /// Images that a thread takes through all layers at once in inference, at most.
  static constexpr std::size_t images_at_once = 8;

  fused_graph graph_;
  const kernels::kernel_set* set_ = nullptr;
  std::size_t images_ = 0;
  std::size_t blocks_ = 0;
  const float* input_ = nullptr;
  batch_layout layout_;
  float* batch_ = nullptr;            ///< in training: the memory that the layout divides
  std::vector<float*> raw_;           ///< per convolution
  std::vector<float*> values_;        ///< per activation: null unless it is kept
  std::vector<float*> coefficients_;  ///< per convolution: scale, shift, mean, 1 / deviation
};

}  // namespace comdml::nn::detail
