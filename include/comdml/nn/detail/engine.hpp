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
#include <vector>

#include "comdml/core/parallel.hpp"
#include "comdml/kernels/kernels.hpp"
#include "comdml/nn/detail/fused_graph.hpp"
#include "comdml/tensor/arena.hpp"

namespace comdml::nn::detail {

class engine {
 public:
  engine() = default;
  explicit engine(fused_graph graph) : graph_{std::move(graph)}, set_{kernels::active_set().set} {}

  /// Values of the run's last activation, NHWC. In mode::train, remembers what backward needs in `memory`, which must
  /// not be reset until then.
  void forward(std::span<const float> parameters, std::span<float> statistics, std::span<const float> input,
               std::size_t images, std::span<float> output, bool training, arena& memory, execution exec) {
    images_ = images;
    blocks_ = std::min(images, reduction_blocks);
    input_ = input.data();
    place(memory, training);
    // Channels that the output's pitch adds are left out at the end.
    const fused_activation& last = graph_.activations.back();
    const bool exact = last.pitch == last.shape.channels;
    values_.back() = exact ? output.data() : take(memory, images * pixels(last) * last.pitch);
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
    const gradients to = place_gradients(input_gradient, memory);
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

  static void copy_channels(const float* from, std::size_t from_pitch, float* to, std::size_t to_pitch,
                            std::size_t count) {
    for (std::size_t pixel = 0; pixel < count; ++pixel)
      std::copy_n(from + pixel * from_pitch, std::min(from_pitch, to_pitch), to + pixel * to_pitch);
  }

  /// Memory that a forward pass leaves: per convolution its coefficients, and in training its raw output and the
  /// activations that are kept.
  void place(arena& memory, bool training) {
    raw_.clear();
    values_.clear();
    coefficients_.clear();
    for (const fused_convolution& c : graph_.convolutions) {
      coefficients_.push_back(take(memory, 4 * c.shape.output_pitch()));
      raw_.push_back(training ? take(memory, images_ * c.shape.output_size()) : nullptr);
    }
    for (const fused_activation& a : graph_.activations)
      values_.push_back(training && a.kept() && &a != &graph_.activations.back()
                            ? take(memory, images_ * pixels(a) * a.pitch)
                            : nullptr);
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

  /// \param make  whether a kept activation is made by this pass, or was made before
  [[nodiscard]] kernels::source source_of(std::size_t index, bool make) const {
    const fused_activation& a = graph_.activations[index];
    kernels::source from;
    if (!a.producer) {
      from.stored = input_;
      return from;
    }
    if (a.kept() && !make) {
      from.stored = values_[index];
      return from;
    }
    from.raw = raw_[*a.producer];
    from.scale = scale(*a.producer);
    from.shift = shift(*a.producer);
    from.keep = a.kept() ? values_[index] : nullptr;
    using kind = fused_activation::residual;
    if (a.kind == kind::projected) {
      from.projected = raw_[a.other];
      from.projected_scale = scale(a.other);
      from.projected_shift = shift(a.other);
    } else if (a.kind != kind::none) {
      const fused_activation& other = graph_.activations[a.other];
      const float* values = other.producer ? values_[a.other] : input_;
      (a.kind == kind::same ? from.same : from.strided) = values;
      from.residual_height = other.shape.height;
      from.residual_width = other.shape.width;
      from.residual_channels = other.shape.channels;
      from.residual_pitch = other.pitch;
      from.residual_stride = a.stride;
      from.residual_before = a.before;
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
    std::size_t scratch_size = 0, moment_size = 0;
    std::vector<float*> packed;
    for (const fused_convolution& c : graph_.convolutions) {
      scratch_size =
          std::max({scratch_size, kernels::padded(kernels::forward_scratch(c.shape)), plain_weights(c.shape)});
      moment_size = std::max(moment_size, 2 * c.shape.output_pitch());
      packed.push_back(take(memory, c.shape.packed()));
      COMDML_REQUIRE(images_ * c.shape.output_height() * c.shape.output_width() > 1, "batch normalization of ", images_,
                     " image of one pixel in training");
    }
    const fused_activation& out = graph_.activations.back();
    scratch_size = std::max(scratch_size, kernels::padded(out.shape.width * out.pitch));
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
    // A raw output lives from its own step to the last pass that reads it; a kept activation from its first reader on.
    std::vector<lifetime> lives;
    std::vector<std::size_t> order;  // order: convolution k, or count + activation
    const auto made = [&](std::size_t a) {
      return graph_.activations[a].readers.empty() ? count : graph_.activations[a].readers.front();
    };
    const auto last_read = [&](std::size_t a) {
      const fused_activation& value = graph_.activations[a];
      std::size_t step = value.readers.empty() ? count : value.readers.back();
      if (value.residual_of) step = std::max(step, made(*value.residual_of));
      return step;
    };
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t a = 0; a + 1 < graph_.activations.size(); ++a)
        if (graph_.activations[a].kept() && made(a) == k) {
          order.push_back(count + a);
          lives.push_back({k, last_read(a)});
        }
      const fused_activation& into = graph_.activations[graph_.convolutions[k].into];
      order.push_back(k);
      lives.push_back({k, into.kept() ? made(graph_.convolutions[k].into) : last_read(graph_.convolutions[k].into)});
    }
    const slot_assignment slots = assign_slots(lives);
    std::size_t slot_size = 0, scratch_size = 0;
    std::vector<float*> packed;
    for (std::size_t k = 0; k < count; ++k) {
      const fused_convolution& c = graph_.convolutions[k];
      packed.push_back(take(memory, c.shape.packed()));
      slot_size = std::max({slot_size, c.shape.output_size(),
                            c.from > 0 ? c.shape.input_pixels() * graph_.activations[c.from].pitch : 0});
      scratch_size =
          std::max({scratch_size, kernels::padded(kernels::forward_scratch(c.shape)), plain_weights(c.shape)});
      std::fill_n(coefficients_[k], 4 * c.shape.output_pitch(), 0.0F);
      for (std::size_t i = 0; i < c.shape.outputs; ++i)
        apply(k, i, static_cast<double>(statistics[c.statistics + i]),
              static_cast<double>(statistics[c.statistics + c.shape.outputs + i]), parameters);
    }
    const fused_activation& out = graph_.activations.back();
    scratch_size = std::max(scratch_size, kernels::padded(out.shape.width * out.pitch));
    const std::size_t lanes = static_cast<std::size_t>(std::max(exec.threads, 1));
    const std::size_t groups = (images_ + images_at_once - 1) / images_at_once;
    float* scratch = take(memory, lanes * scratch_size);
    float* buffers = take(memory, lanes * slots.count * slot_size * images_at_once);

    parallel_team(exec, [&](const team& crew) {
      float* const own = scratch + crew.lane() * scratch_size;
      pack(crew, parameters, false, packed, own);
      crew.barrier();
      engine view = *this;  // the same graph, with this thread's buffers
      for (std::size_t i = 0; i < order.size(); ++i) {
        float* slot = buffers + (crew.lane() * slots.count + slots.of[i]) * slot_size * images_at_once;
        (order[i] < count ? view.raw_[order[i]] : view.values_[order[i] - count]) = slot;
      }
      const std::size_t in_size = pixels(graph_.activations.front()) * graph_.activations.front().pitch;
      crew.share(groups, [&](std::size_t group) {
        const std::size_t begin = group * images_at_once, some = std::min(images_at_once, images_ - begin);
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

  [[nodiscard]] gradients place_gradients(std::span<float> input_gradient, arena& memory) const {
    const std::size_t count = graph_.convolutions.size(), activations = graph_.activations.size();
    // Steps run backward: convolution k is step count - k; the gradient of the output comes in at step 0.
    const auto step = [&](std::size_t k) { return count - k; };
    struct place {
      lifetime life;
      std::size_t activation;
      bool partial;
    };
    std::vector<place> places;
    for (std::size_t a = 0; a < activations; ++a) {
      const fused_activation& value = graph_.activations[a];
      if (!value.producer) continue;
      const auto finished = [&](std::size_t of) {
        const auto& readers = graph_.activations[of].readers;
        return readers.empty() ? std::size_t{0} : step(readers.front());
      };
      std::size_t end = step(*value.producer);
      using kind = fused_activation::residual;
      if (value.kind == kind::projected) end = std::max(end, step(value.other));
      if (value.kind == kind::same || value.kind == kind::strided) end = std::max(end, finished(value.other));
      places.push_back({{finished(a), end}, a, false});
    }
    for (std::size_t a = 0; a < activations; ++a)
      if (graph_.activations[a].readers.size() > 1 && (a > 0 || !input_gradient.empty()))
        places.push_back(
            {{step(graph_.activations[a].readers.back()), step(graph_.activations[a].readers.front())}, a, true});
    std::ranges::sort(places, {}, [](const place& p) { return p.life.begin; });
    std::vector<lifetime> lives;
    lives.reserve(places.size());
    for (const place& p : places) lives.push_back(p.life);
    const slot_assignment slots = assign_slots(lives);
    std::vector<std::size_t> sizes(slots.count, 0);
    const auto size_of = [&](std::size_t a) {
      return images_ * pixels(graph_.activations[a]) * kernels::padded(graph_.activations[a].shape.channels);
    };
    for (std::size_t i = 0; i < places.size(); ++i)
      sizes[slots.of[i]] = std::max(sizes[slots.of[i]], size_of(places[i].activation));
    std::vector<float*> buffers;
    buffers.reserve(sizes.size());
    for (const std::size_t size : sizes) buffers.push_back(take(memory, size));

    gradients to{std::vector<float*>(activations, nullptr), std::vector<float*>(activations, nullptr)};
    for (std::size_t i = 0; i < places.size(); ++i)
      (places[i].partial ? to.partial : to.values)[places[i].activation] = buffers[slots.of[i]];
    if (!input_gradient.empty()) {
      const bool exact = graph_.activations.front().shape.channels % kernels::channel_block == 0;
      to.values.front() = exact ? input_gradient.data() : take(memory, size_of(0));
    }
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
        sink.strided = to.values[*a.residual_of];
        sink.strided_height = sum.shape.height;
        sink.strided_width = sum.shape.width;
        sink.strided_pitch = sum.pitch;
        sink.strided_stride = sum.stride;
        sink.strided_before = sum.before;
        sink.strided_channels = a.shape.channels;
      }
    }
    if (a.producer) {
      sink.raw = raw_[*a.producer];
      sink.scale = scale(*a.producer);
      sink.shift = shift(*a.producer);
      sink.mean = mean(*a.producer);
      if (a.kept()) sink.stored = values_[index];
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

  /// Images that a thread takes through all layers at once in inference.
  static constexpr std::size_t images_at_once = 4;

  fused_graph graph_;
  const kernels::kernel_set* set_ = nullptr;
  std::size_t images_ = 0;
  std::size_t blocks_ = 0;
  const float* input_ = nullptr;
  std::vector<float*> raw_;           ///< per convolution
  std::vector<float*> values_;        ///< per activation that is kept
  std::vector<float*> coefficients_;  ///< per convolution: scale, shift, mean, 1 / deviation
};

}  // namespace comdml::nn::detail
