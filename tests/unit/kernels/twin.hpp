// SPDX-License-Identifier: BSL-1.0
/// \file
/// The kernels beside plain loops in double, one convolution at a time. Needs only the kernels' headers and the
/// standard library, so that a program for another processor can use it too (tests/cross).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "comdml/core/digest.hpp"
#include "comdml/kernels/kernels.hpp"

namespace kernel_test {

namespace kernels = comdml::kernels;
using kernels::algorithm;

/// The address sanitizer has zones of its own, and sees reads as well.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t guard_zone = 0;
#else
inline constexpr std::size_t guard_zone = 64;
#endif

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// A NaN that no arithmetic makes, so that one written anew is told from it.
template <class T>
inline constexpr T poison = std::bit_cast<T>(
    static_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(sizeof(T) == 4
                                                                                      ? 0x7FC0DEADU
                                                                                      : 0x7FF8DEAD0000DEADU));

template <class T>
[[nodiscard]] bool same_bits(const T* a, const T* b, std::size_t count) {
  return count == 0 || std::memcmp(a, b, count * sizeof(T)) == 0;
}

template <class T>
[[nodiscard]] bool is_poison(const T* values, std::size_t count) {
  return std::all_of(values, values + count, [](const T& value) { return same_bits(&value, &poison<T>, 1); });
}

/// Memory between guard zones. Unless told otherwise it is as poisoned as they are: what reads it, or them, is spoiled.
template <class T>
class guarded {
 public:
  explicit guarded(std::size_t count = 0, T value = poison<T>) : values_(count + 2 * guard_zone, poison<T>) {
    std::fill_n(data(), count, value);
  }

  [[nodiscard]] T* data() noexcept { return values_.data() + guard_zone; }
  [[nodiscard]] const T* data() const noexcept { return values_.data() + guard_zone; }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size() - 2 * guard_zone; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return values_[guard_zone + i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return values_[guard_zone + i]; }
  [[nodiscard]] bool intact() const {
    return is_poison(values_.data(), guard_zone) && is_poison(data() + size(), guard_zone);
  }

 private:
  std::vector<T> values_;
};

/// Draws that are the same everywhere.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_{seed} {}

  [[nodiscard]] std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }
  [[nodiscard]] bool coin() { return below(2) == 0; }
  /// In [-1, 1), all bits in use.
  [[nodiscard]] float any() { return static_cast<float>(engine_() >> 40) / 8388608.0F - 1.0F; }
  /// A multiple of 1/64 in [-1, 1]: sums of a few products of such values are exact in float.
  [[nodiscard]] float brief() { return (static_cast<float>(below(129)) - 64.0F) / 64.0F; }
  /// An odd multiple of 1/8192: what it is added to does not become zero, where a rectifier could go either way.
  [[nodiscard]] float offset() { return (static_cast<float>(2 * below(4096)) - 4095.0F) / 8192.0F; }

 private:
  std::mt19937_64 engine_;
};

/// Pixels whose added channels hold zeros.
template <class Draw>
[[nodiscard]] guarded<float> make_pixels(std::size_t pixels, std::size_t channels, std::size_t pitch,
                                         const Draw& draw) {
  guarded<float> values(pixels * pitch, 0.0F);
  for (std::size_t pixel = 0; pixel < pixels; ++pixel)
    for (std::size_t c = 0; c < channels; ++c) values[pixel * pitch + c] = draw();
  return values;
}

/// A sum, and that of its terms' absolute values, which is what rounding errors are measured by.
struct sum {
  double value = 0;
  double magnitude = 0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

/// \param least  a smaller magnitude counts as this one
[[nodiscard]] inline double relative_error(double got, const sum& expected, double least = 0) {
  const double difference = std::abs(got - expected.value);
  if (difference == 0) return 0;
  const double error = difference / std::max(expected.magnitude, least);
  return std::isfinite(error) ? error : infinity;
}

[[nodiscard]] inline double largest_magnitude(const std::vector<sum>& sums) {
  double largest = 0;
  for (const sum& one : sums) largest = std::max(largest, one.magnitude);
  return largest;
}

/// Where the activation that a convolution reads comes from: stored, or made of raw output and perhaps a residual.
enum class origin { stored, raw, same, projected, sum, strided };
inline constexpr origin origins[] = {origin::stored,    origin::raw, origin::same,
                                     origin::projected, origin::sum, origin::strided};
inline constexpr std::string_view origin_names[] = {"stored", "raw", "same", "projected", "sum", "strided"};

enum class mask { none, stored, raw, sum };
inline constexpr std::string_view mask_names[] = {"no mask", "stored mask", "raw mask", "mask of a sum"};

struct problem {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t channels = 1;
  std::size_t outputs = 1;
  std::size_t kernel = 1;
  std::size_t stride = 1;
  std::size_t images = 1;
  origin from = origin::stored;
  bool narrow = false;  ///< stored pixels without added channels; direct only
  /// What completes the data gradient.
  mask by = mask::none;
  bool projected = false;  ///< only with a mask
  bool other = false;
  bool same = false;
  bool strided = false;
  std::uint64_t seed = 1;

  [[nodiscard]] kernels::convolution_shape shape(algorithm how) const {
    return {.height = height,
            .width = width,
            .channels = channels,
            .outputs = outputs,
            .kernel = kernel,
            .stride = stride,
            .pitch = narrow ? channels : kernels::padded(channels),
            .how = how};
  }
  [[nodiscard]] std::vector<algorithm> algorithms() const {
    if (kernel != 3 || stride != 1 || shape(algorithm::direct).pitch % kernels::channel_block != 0)
      return {algorithm::direct};
    return {algorithm::direct, algorithm::winograd_2, algorithm::winograd_4};
  }
  /// Multiply-adds of an image.
  [[nodiscard]] std::size_t work() const {
    const kernels::convolution_shape s = shape(algorithm::direct);
    return s.output_height() * s.output_width() * outputs * channels * kernel * kernel;
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << images << " x " << height << "x" << width << "x" << channels << " -> " << outputs << ", kernel " << kernel
        << ", stride " << stride << ", " << origin_names[static_cast<std::size_t>(from)] << (narrow ? " narrow" : "")
        << ", " << mask_names[static_cast<std::size_t>(by)] << (projected ? " + projected" : "")
        << (other ? " + other" : "") << (same ? " + same" : "") << (strided ? " + strided" : "") << ", seed " << seed;
    return std::move(out).str();
  }
};

/// Worst errors of each result, and what else is wrong, in words.
struct findings {
  double forward = 0;
  double data_gradient = 0;
  double weight_gradient = 0;
  double moments = 0;
  double sums = 0;
  std::string fault{};
  comdml::digest64 bits{};  ///< of all results

  template <class T>
  void digest(const T* values, std::size_t count) {
    bits.update(std::as_bytes(std::span{values, count}));
  }
  void expect(bool condition, std::string_view otherwise) {
    if (!condition) fault.append(fault.empty() ? "" : "; ").append(otherwise);
  }
  void join(const findings& more) {
    forward = std::max(forward, more.forward);
    data_gradient = std::max(data_gradient, more.data_gradient);
    weight_gradient = std::max(weight_gradient, more.weight_gradient);
    moments = std::max(moments, more.moments);
    sums = std::max(sums, more.sums);
    expect(more.fault.empty(), more.fault);
  }
  [[nodiscard]] bool within(const findings& bounds) const {
    return fault.empty() && forward <= bounds.forward && data_gradient <= bounds.data_gradient &&
           weight_gradient <= bounds.weight_gradient && moments <= bounds.moments && sums <= bounds.sums;
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out.precision(2);
    out << "forward " << forward << ", data gradient " << data_gradient << ", weight gradient " << weight_gradient
        << ", moments " << moments << ", sums " << sums << (fault.empty() ? "" : "; ") << fault;
    return std::move(out).str();
  }
};

/// One problem's inputs and what comes of them in double.
class twin {
 public:
  explicit twin(const problem& given)
      : p_{given}, s_{p_.shape(algorithm::direct)}, in_pixels_{p_.images * s_.input_pixels()} {
    dice rng{p_.seed};
    make_source(rng);
    make_gradient(rng);
    make_sink(rng);
    weights_ =
        make_pixels(p_.outputs * p_.channels, p_.kernel * p_.kernel, p_.kernel * p_.kernel, [&] { return rng.any(); });
    convolve();
  }

  [[nodiscard]] findings run(const kernels::kernel_set& set, algorithm how) const {
    findings found;
    forward(set, p_.shape(how), found);
    backward(set, p_.shape(how), found);
    make_one_image(set, found);
    sink_one_image(set, found);
    for (const guarded<float>* input : inputs()) found.expect(input->intact(), "written before or behind an input");
    return found;
  }

 private:
  [[nodiscard]] std::vector<const guarded<float>*> inputs() const {
    return {&values_,
            &scale_,
            &shift_,
            &residual_,
            &residual_same_,
            &residual_scale_,
            &residual_shift_,
            &gradient_,
            &raw_,
            &a_,
            &b_,
            &c_,
            &weights_,
            &sink_raw_,
            &sink_scale_,
            &sink_shift_,
            &sink_mean_,
            &sink_stored_,
            &sink_residual_,
            &sink_projected_,
            &sink_projected_mean_,
            &sink_other_,
            &sink_same_,
            &sink_strided_};
  }

  // --------------------------------------------------------------------------------------------------------- inputs

  [[nodiscard]] static guarded<float> make_row(std::size_t channels, const auto& draw) {
    return make_pixels(1, channels, kernels::padded(channels), draw);
  }

  void make_source(dice& rng) {
    const std::size_t channels = p_.channels, pitch = s_.pitch;
    const auto brief = [&] { return rng.brief(); };
    const auto offset = [&] { return rng.offset(); };
    source_.strided.stride = 1 + rng.below(2);
    source_.strided.height = (p_.height - 1) * source_.strided.stride + 1 + rng.below(source_.strided.stride);
    source_.strided.width = (p_.width - 1) * source_.strided.stride + 1 + rng.below(source_.strided.stride);
    source_.strided.channels = 1 + rng.below(channels);
    source_.strided.before = rng.below(channels - source_.strided.channels + 1);
    source_.strided.pitch = rng.coin() ? source_.strided.channels : kernels::padded(source_.strided.channels);
    if (p_.from == origin::stored) {
      values_ = make_pixels(in_pixels_, channels, pitch, [&] { return rng.any(); });
      source_.stored = values_.data();
      activation_.assign(values_.data(), values_.data() + values_.size());
      return;
    }
    values_ = make_pixels(in_pixels_, channels, pitch, brief);
    scale_ = make_row(channels, brief);
    shift_ = make_row(channels, offset);
    source_.raw = values_.data();
    source_.scale = scale_.data();
    source_.shift = shift_.data();
    if (p_.from == origin::same || p_.from == origin::projected || p_.from == origin::sum) {
      residual_ = make_pixels(in_pixels_, channels, pitch, brief);
      (p_.from == origin::same ? source_.same : source_.projected) = residual_.data();
      if (p_.from == origin::sum) {
        residual_same_ = make_pixels(in_pixels_, channels, pitch, brief);
        source_.same = residual_same_.data();
      }
      residual_scale_ = make_row(channels, brief);
      residual_shift_ = make_row(channels, brief);
      source_.projected_scale = residual_scale_.data();
      source_.projected_shift = residual_shift_.data();
    } else if (p_.from == origin::strided) {
      residual_ = make_pixels(p_.images * source_.strided.height * source_.strided.width, source_.strided.channels,
                              source_.strided.pitch, brief);
      source_.strided.values = residual_.data();
    }
    activation_.resize(values_.size());
    for (std::size_t pixel = 0; pixel < in_pixels_; ++pixel)
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t at = pixel * pitch + c;
        const double plain = double{values_[at]} * double{scale_[c]} + double{shift_[c]};
        activation_[at] = std::max(plain + residual_value(pixel, c), 0.0);
      }
  }

  [[nodiscard]] double residual_value(std::size_t pixel, std::size_t c) const {
    const std::size_t at = pixel * s_.pitch + c;
    if (p_.from == origin::same) return double{residual_[at]};
    if (p_.from == origin::projected)
      return double{residual_[at]} * double{residual_scale_[c]} + double{residual_shift_[c]};
    if (p_.from == origin::sum)
      return std::max(
          double{residual_[at]} * double{residual_scale_[c]} + double{residual_shift_[c]} + double{residual_same_[at]},
          0.0);
    if (p_.from != origin::strided || c < source_.strided.before ||
        c >= source_.strided.before + source_.strided.channels)
      return 0;
    const std::size_t x = pixel % p_.width, y = pixel / p_.width % p_.height, image = pixel / s_.input_pixels();
    const std::size_t from = (image * source_.strided.height + y * source_.strided.stride) * source_.strided.width +
                             x * source_.strided.stride;
    return double{residual_[from * source_.strided.pitch + c - source_.strided.before]};
  }

  /// dy = a dz + b y + c. Beside a stored activation dz has all its bits, and dy = dz.
  void make_gradient(dice& rng) {
    const std::size_t pitch = s_.output_pitch(), count = p_.images * s_.output_height() * s_.output_width();
    const bool plain = p_.from == origin::stored;
    const auto brief = [&] { return rng.brief(); };
    gradient_ = make_pixels(count, p_.outputs, pitch, [&] { return plain ? rng.any() : rng.brief(); });
    raw_ = make_pixels(count, p_.outputs, pitch, brief);
    a_ = make_row(p_.outputs, [&] { return plain ? 1.0F : rng.brief(); });
    b_ = make_row(p_.outputs, [&] { return plain ? 0.0F : rng.brief(); });
    c_ = make_row(p_.outputs, [&] { return plain ? 0.0F : rng.offset(); });
    output_gradient_.resize(gradient_.size());
    for (std::size_t i = 0; i < gradient_.size(); ++i)
      output_gradient_[i] = double{a_[i % pitch]} * double{gradient_[i]} + double{b_[i % pitch]} * double{raw_[i]} +
                            double{c_[i % pitch]};
  }

  void make_sink(dice& rng) {
    const std::size_t channels = p_.channels, pitch = kernels::padded(channels);
    const auto brief = [&] { return rng.brief(); };
    const auto make_like = [&] { return make_pixels(in_pixels_, channels, pitch, brief); };
    sink_.height = p_.height;
    sink_.width = p_.width;
    sink_.pitch = pitch;
    if (p_.by != mask::none) {
      sink_raw_ = make_like();
      sink_scale_ = make_row(channels, brief);
      sink_shift_ = make_row(channels, [&] { return rng.offset(); });
      sink_mean_ = make_row(channels, brief);
      sink_.raw = sink_raw_.data();
      sink_.scale = sink_scale_.data();
      sink_.shift = sink_shift_.data();
      sink_.mean = sink_mean_.data();
    }
    if (p_.by == mask::stored) {
      sink_stored_ = make_like();
      sink_.stored = sink_stored_.data();
    }
    if (p_.by == mask::sum) sink_.residual = (sink_residual_ = make_like()).data();
    if (p_.projected) {
      sink_projected_ = make_like();
      sink_projected_mean_ = make_row(channels, brief);
      sink_.projected = sink_projected_.data();
      sink_.projected_mean = sink_projected_mean_.data();
    }
    if (p_.other) sink_.other = (sink_other_ = make_like()).data();
    if (p_.same) sink_.same = (sink_same_ = make_like()).data();
    if (p_.strided) {
      sink_.strided.stride = 1 + rng.below(2);
      sink_.strided.height = (p_.height - 1) / sink_.strided.stride + 1;
      sink_.strided.width = (p_.width - 1) / sink_.strided.stride + 1;
      sink_.strided.before = rng.below(9);
      sink_.strided.channels = channels;
      sink_.strided.pitch = kernels::padded(channels + sink_.strided.before);
      sink_strided_ = make_pixels(p_.images * sink_.strided.height * sink_.strided.width,
                                  channels + sink_.strided.before, sink_.strided.pitch, brief);
      sink_.strided.values = sink_strided_.data();
    }
  }

  // ---------------------------------------------------------------------------------------------------- plain loops

  /// Forward pass and both gradients: every kernel point of every output, one after another.
  void convolve() {
    const std::size_t channels = p_.channels, outputs = p_.outputs, points = p_.kernel * p_.kernel;
    const std::size_t out_height = s_.output_height(), out_width = s_.output_width();
    std::vector<double> weights(weights_.size());  // [kernel point][channel][output]
    for (std::size_t n = 0; n < outputs; ++n)
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t k = 0; k < points; ++k)
          weights[(k * channels + c) * outputs + n] = double{weights_[(n * channels + c) * points + k]};
    output_.assign(p_.images * out_height * out_width * outputs, {});
    weight_gradient_.assign(weights.size(), {});
    data_gradient_.assign(in_pixels_ * channels, {});
    for (std::size_t out = 0; out < output_.size() / outputs; ++out)
      for (std::size_t k = 0; k < points; ++k) {
        const std::size_t image = out / (out_height * out_width);
        const std::size_t y = out / out_width % out_height * p_.stride + k / p_.kernel - s_.pad();
        const std::size_t x = out % out_width * p_.stride + k % p_.kernel - s_.pad();
        if (y >= p_.height || x >= p_.width) continue;  // those left of zero have wrapped around
        const std::size_t in = (image * p_.height + y) * p_.width + x;
        for (std::size_t c = 0; c < channels; ++c) {
          const double value = activation_[in * s_.pitch + c];
          const double* row = &weights[(k * channels + c) * outputs];
          const double* slope = &output_gradient_[out * s_.output_pitch()];
          sum into = data_gradient_[in * channels + c];
          for (std::size_t n = 0; n < outputs; ++n) {
            output_[out * outputs + n].add(value * row[n]);
            weight_gradient_[(k * channels + c) * outputs + n].add(value * slope[n]);
            into.add(slope[n] * row[n]);
          }
          data_gradient_[in * channels + c] = into;
        }
      }
  }

  /// What the sink makes of a gradient at one place.
  [[nodiscard]] sum complete(sum gradient, std::size_t pixel, std::size_t c) const {
    const std::size_t at = pixel * sink_.pitch + c;
    if (p_.other) gradient.add(double{sink_other_[at]});
    if (p_.same) gradient.add(double{sink_same_[at]});
    const std::size_t x = pixel % p_.width, y = pixel / p_.width % p_.height, image = pixel / s_.input_pixels();
    const std::size_t step = sink_.strided.stride;
    if (p_.strided && x % step == 0 && y % step == 0) {
      const std::size_t from = (image * sink_.strided.height + y / step) * sink_.strided.width + x / step;
      gradient.add(double{sink_strided_[from * sink_.strided.pitch + sink_.strided.before + c]});
    }
    return is_rectified_away(at, c) ? sum{} : gradient;
  }

  [[nodiscard]] bool is_rectified_away(std::size_t at, std::size_t c) const {
    if (p_.by == mask::none) return false;
    if (p_.by == mask::stored) return sink_stored_[at] <= 0;
    const double added = p_.by == mask::sum ? double{sink_residual_[at]} : 0;
    return double{sink_raw_[at]} * double{sink_scale_[c]} + double{sink_shift_[c]} + added <= 0;
  }

  // ------------------------------------------------------------------------------------------------------ comparisons

  /// Up to three ranges of images, of different sizes.
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> ranges() const {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (const auto& [begin, end] :
         {std::pair{std::size_t{0}, p_.images / 4}, {p_.images / 4, p_.images / 2}, {p_.images / 2, p_.images}})
      if (begin < end) found.emplace_back(begin, end);
    return found;
  }

  /// Worst error of NHWC values whose added channels must be zero. With Winograd, small sums share the rounding of the
  /// large ones in their tile.
  [[nodiscard]] static double worst_error(const guarded<float>& got, std::size_t pitch,
                                          const std::vector<sum>& expected, std::size_t channels, algorithm how) {
    const double least = how == algorithm::direct ? 0 : largest_magnitude(expected);
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = std::max(worst, i % pitch < channels
                                  ? relative_error(double{got[i]}, expected[i / pitch * channels + i % pitch], least)
                                  : relative_error(double{got[i]}, {}));
    return worst;
  }

  void forward(const kernels::kernel_set& set, const kernels::convolution_shape& s, findings& found) const {
    guarded<float> packed(s.packed()), plain(s.gradient_part()), out(p_.images * s.output_size()), whole(out.size());
    guarded<float> kept(p_.from == origin::stored ? 0 : activation_.size());
    set.pack_weights(s, weights_.data(), false, packed.data(), plain.data());
    kernels::forward_task task{.shape = s, .from = source_, .weights = packed.data(), .output = whole.data()};
    {
      guarded<float> scratch(kernels::forward_scratch(s));
      set.forward_images(task, 0, p_.images, nullptr, scratch.data());
      found.expect(scratch.intact(), "forward: written beyond the scratch");
    }
    task.output = out.data();
    if (p_.from != origin::stored) task.from.keep = kept.data();
    for (const auto& [begin, end] : ranges()) {
      guarded<float> scratch(kernels::forward_scratch(s));
      guarded<double> values(2 * s.output_pitch(), 0.0);
      kernels::moments block{.values = values.data()};
      set.forward_images(task, begin, end, &block, scratch.data());
      found.expect(scratch.intact() && values.intact(), "forward: written beyond scratch or moments");
      found.digest(values.data(), values.size());
      compare_moments(s, out, begin, end, block, found);
    }
    found.expect(packed.intact() && plain.intact(), "written beyond the packed weights");
    found.expect(out.intact() && whole.intact() && kept.intact(), "written beyond the output");
    found.digest(out.data(), out.size());
    found.expect(same_bits(out.data(), whole.data(), out.size()), "other ranges of images, other bits");
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (double{kept[i]} != activation_[i]) return found.expect(false, "a kept activation differs");
    found.forward = std::max(found.forward, worst_error(out, s.output_pitch(), output_, p_.outputs, s.how));
  }

  /// Those of the output as it is.
  static void compare_moments(const kernels::convolution_shape& s, const guarded<float>& out, std::size_t begin,
                              std::size_t end, const kernels::moments& block, findings& found) {
    const std::size_t pitch = s.output_pitch(), first = begin * s.output_size(), last = end * s.output_size();
    const double count = static_cast<double>((last - first) / pitch);
    found.expect(block.count == count, "moments of another number of pixels");
    for (std::size_t c = 0; c < pitch; ++c) {
      sum mean, squares;
      for (std::size_t i = first + c; i < last; i += pitch) mean.add(double{out[i]} / count);
      for (std::size_t i = first + c; i < last; i += pitch) {
        const double difference = double{out[i]} - mean.value;
        squares.add(difference * difference);
      }
      found.moments = std::max({found.moments, relative_error(block.values[c], mean),
                                relative_error(block.values[pitch + c], squares, 1e-6 * mean.magnitude)});
    }
  }

  void backward(const kernels::kernel_set& set, const kernels::convolution_shape& s, findings& found) const {
    const std::size_t pitch = sink_.pitch, points = s.kernel * s.kernel, gap = 16;
    const auto blocks = ranges();
    const std::size_t part_stride = s.gradient_part() + gap;
    guarded<float> packed(s.packed_transposed()), plain(points * s.output_pitch() * pitch);
    guarded<float> parts(blocks.size() * part_stride), result(in_pixels_ * pitch), part(s.gradient_part());
    set.pack_weights(s, weights_.data(), true, packed.data(), plain.data());
    kernels::backward_task task{.shape = s,
                                .from = source_,
                                .raw = raw_.data(),
                                .gradient = gradient_.data(),
                                .a = a_.data(),
                                .b = b_.data(),
                                .c = c_.data(),
                                .weights = packed.data(),
                                .sink = sink_};
    task.sink.result = result.data();
    std::vector<guarded<double>> sums;
    for (std::size_t block = 0; block < blocks.size(); ++block) {
      guarded<float> scratch(kernels::backward_scratch(s));
      sums.emplace_back(3 * pitch, 0.0);
      set.backward_images(task, blocks[block].first, blocks[block].second, &parts[block * part_stride],
                          p_.by == mask::none ? nullptr : sums.back().data(), scratch.data());
      found.expect(scratch.intact() && sums.back().intact(), "backward: written beyond scratch or sums");
      found.digest(sums.back().data(), sums.back().size());
      found.expect(is_poison(&parts[block * part_stride + s.gradient_part()], gap), "written beyond a block's part");
    }
    {
      guarded<float> scratch(kernels::backward_scratch(s));
      task.weights = nullptr;
      task.sink = {};
      set.backward_images(task, blocks[0].first, blocks[0].second, part.data(), nullptr, scratch.data());
      found.expect(scratch.intact() && part.intact(), "weight gradient alone: written beyond scratch or part");
      found.expect(same_bits(part.data(), parts.data(), part.size()), "weight gradient alone: other bits");
    }
    found.expect(packed.intact() && plain.intact() && parts.intact() && result.intact(), "written beyond a gradient");

    std::vector<sum> expected(data_gradient_.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = complete(data_gradient_[i], i / p_.channels, i % p_.channels);
    found.data_gradient = std::max(found.data_gradient, worst_error(result, pitch, expected, p_.channels, s.how));
    for (std::size_t block = 0; block < blocks.size(); ++block)
      compare_sums(expected, blocks[block].first * s.input_pixels(), blocks[block].second * s.input_pixels(),
                   sums[block], found);

    guarded<float> gradient(weights_.size());
    const std::size_t half = p_.channels / 2;
    set.unpack_gradient(s, parts.data(), blocks.size(), part_stride, 0, half, gradient.data());
    set.unpack_gradient(s, parts.data(), blocks.size(), part_stride, half, p_.channels - half, gradient.data());
    found.expect(gradient.intact(), "written beyond the weight gradient");
    found.digest(gradient.data(), gradient.size());
    found.digest(result.data(), result.size());
    const double least = s.how == algorithm::direct ? 0 : largest_magnitude(weight_gradient_);
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const std::size_t k = i % points, c = i / points % p_.channels, n = i / points / p_.channels;
      const sum& one = weight_gradient_[(k * p_.channels + c) * p_.outputs + n];
      found.weight_gradient = std::max(found.weight_gradient, relative_error(double{gradient[i]}, one, least));
    }
  }

  /// Sums over the pixels [begin, end) of a completed gradient.
  void compare_sums(const std::vector<sum>& gradient, std::size_t begin, std::size_t end, const guarded<double>& sums,
                    findings& found) const {
    for (std::size_t c = 0; c < sink_.pitch; ++c) {
      sum plain, product, projected;
      for (std::size_t pixel = begin; pixel < end && c < p_.channels && p_.by != mask::none; ++pixel) {
        const sum& dz = gradient[pixel * p_.channels + c];
        const auto add = [&](sum& to, double factor) {
          to.value += dz.value * factor;
          to.magnitude += dz.magnitude * std::abs(factor);
        };
        add(plain, 1);
        add(product, double{sink_raw_[pixel * sink_.pitch + c]} - double{sink_mean_[c]});
        if (p_.projected)
          add(projected, double{sink_projected_[pixel * sink_.pitch + c]} - double{sink_projected_mean_[c]});
      }
      found.sums = std::max({found.sums, relative_error(sums[c], plain), relative_error(sums[sink_.pitch + c], product),
                             relative_error(sums[2 * sink_.pitch + c], projected)});
    }
  }

  /// The last image alone, with rows further apart than they are long.
  void make_one_image(const kernels::kernel_set& set, findings& found) const {
    const std::size_t size = p_.width * s_.pitch, stride = size + 16, first = (p_.images - 1) * p_.height * size;
    guarded<float> image(p_.height * stride), row(size);
    set.make_image(source_, p_.images - 1, p_.height, p_.width, s_.pitch, image.data(), stride, row.data());
    found.expect(image.intact() && row.intact(), "make_image: written beyond image or row");
    for (std::size_t y = 0; y < p_.height; ++y) {
      found.expect(is_poison(&image[y * stride + size], stride - size), "make_image: written between the rows");
      for (std::size_t i = 0; i < size; ++i)
        if (double{image[y * stride + i]} != activation_[first + y * size + i])
          return found.expect(false, "make_image: a value differs");
    }
  }

  void sink_one_image(const kernels::kernel_set& set, findings& found) const {
    const std::size_t pixels = s_.input_pixels(), first = (p_.images - 1) * pixels;
    dice rng{p_.seed};
    guarded<float> gradient = make_pixels(pixels, p_.channels, sink_.pitch, [&] { return rng.brief(); });
    std::vector<sum> expected(in_pixels_ * p_.channels);
    for (std::size_t i = first * p_.channels; i < expected.size(); ++i) {
      const std::size_t pixel = i / p_.channels, c = i % p_.channels;
      sum one;
      one.add(double{gradient[(pixel - first) * sink_.pitch + c]});
      expected[i] = complete(one, pixel, c);
    }
    guarded<float> result(in_pixels_ * sink_.pitch);
    guarded<double> sums(3 * sink_.pitch, 0.0);
    kernels::gradient_sink sink = sink_;
    sink.result = result.data();
    set.sink_image(sink, p_.images - 1, gradient.data(), p_.by == mask::none ? nullptr : sums.data());
    found.expect(gradient.intact() && result.intact() && sums.intact(), "sink_image: written beyond its results");
    found.expect(is_poison(result.data(), first * sink_.pitch), "sink_image: written to another image");
    for (std::size_t i = first * p_.channels; i < expected.size(); ++i)
      if (double{result[i / p_.channels * sink_.pitch + i % p_.channels]} != expected[i].value)
        return found.expect(false, "sink_image: a value differs");
    compare_sums(expected, first, in_pixels_, sums, found);
  }

  problem p_;
  kernels::convolution_shape s_;
  std::size_t in_pixels_;
  kernels::source source_;
  kernels::gradient_sink sink_;
  guarded<float> values_, scale_, shift_, residual_, residual_same_, residual_scale_, residual_shift_;
  guarded<float> gradient_, raw_, a_, b_, c_, weights_;
  guarded<float> sink_raw_, sink_scale_, sink_shift_, sink_mean_, sink_stored_, sink_residual_;
  guarded<float> sink_projected_, sink_projected_mean_;
  guarded<float> sink_other_, sink_same_, sink_strided_;
  std::vector<double> activation_, output_gradient_;
  std::vector<sum> output_, data_gradient_, weight_gradient_;
};

/// Something of everything that may complete a data gradient.
[[nodiscard]] inline problem with_sink(problem p, dice& rng) {
  p.by = static_cast<mask>(rng.below(std::size(mask_names)));
  p.projected = p.by != mask::none && rng.coin();
  p.other = rng.coin();
  p.same = rng.coin();
  p.strided = !p.same && rng.coin();
  p.seed = rng.below(1'000'000);
  return p;
}

/// Sampled shapes up to 40x40 pixels, 80 channels and 130 images; none takes more multiply-adds than `most_work`.
[[nodiscard]] inline std::vector<problem> odd_problems(std::size_t count, std::size_t most_work, std::uint64_t seed) {
  dice rng{seed};
  // Small numbers more often than large ones: they have more ways to be odd.
  const auto up_to = [&](std::size_t most) { return 1 + rng.below(1 + rng.below(most)); };
  std::vector<problem> problems;
  while (problems.size() < count) {
    constexpr std::size_t kernel_sizes[] = {1, 3, 3, 3, 3, 5, 5, kernels::most_kernel};
    problem p{.height = up_to(40), .width = up_to(40), .channels = up_to(80), .outputs = up_to(80)};
    p.kernel = kernel_sizes[rng.below(std::size(kernel_sizes))];
    p.stride = 1 + rng.below(4) / 3;
    p.from = origins[rng.below(std::size(origins))];
    p.narrow = p.from == origin::stored && rng.coin();
    if (p.work() > most_work) continue;
    p.images = 1 + rng.below(std::min<std::size_t>(130, most_work / p.work()));
    problems.push_back(with_sink(p, rng));
  }
  return problems;
}

/// The convolutions of the residual networks here, of each line of images and both kinds of block, with every origin.
[[nodiscard]] inline std::vector<problem> network_problems() {
  struct layer {
    std::size_t side, channels, outputs, kernel, stride;
  };
  constexpr layer layers[] = {
      // 32x32 in color
      {32, 3, 16, 3, 1},
      {32, 16, 16, 3, 1},
      {32, 16, 32, 3, 2},
      {16, 32, 32, 3, 1},
      {16, 32, 64, 3, 2},
      {8, 64, 64, 3, 1},
      // bottlenecks: narrow, widen, and the projections with and without stride
      {32, 16, 16, 1, 1},
      {32, 16, 64, 1, 1},
      {32, 64, 16, 1, 1},
      {32, 64, 32, 1, 1},
      {32, 32, 32, 3, 2},
      {16, 128, 64, 1, 1},
      {8, 256, 64, 1, 1},
      {8, 64, 256, 1, 1},
      {32, 64, 128, 1, 2},
      {16, 128, 256, 1, 2},
      // projections between basic blocks
      {32, 16, 32, 1, 2},
      {16, 32, 64, 1, 2},
      // 28x28 and 8x8 in gray
      {28, 1, 16, 3, 1},
      {28, 16, 16, 3, 1},
      {28, 16, 32, 3, 2},
      {14, 32, 32, 3, 1},
      {14, 32, 64, 3, 2},
      {7, 64, 64, 3, 1},
      {8, 1, 16, 3, 1},
      {8, 16, 16, 3, 1},
      {8, 16, 32, 3, 2},
      {4, 32, 32, 3, 1},
      {4, 32, 64, 3, 2},
      {2, 64, 64, 3, 1},
  };
  dice rng{7};
  std::vector<problem> problems;
  for (const layer& one : layers)
    for (const origin from : origins) {
      // Of small images enough that some are taken at once, and some are left over.
      problem p{.height = one.side,
                .width = one.side,
                .channels = one.channels,
                .outputs = one.outputs,
                .kernel = one.kernel,
                .stride = one.stride,
                .images = one.side > 8 ? std::size_t{1} : 40 / one.side,
                .from = from};
      problems.push_back(with_sink(p, rng));
      if (from != origin::stored || one.channels % kernels::channel_block == 0) continue;
      problems.push_back(problems.back());
      problems.back().narrow = true;
    }
  return problems;
}

/// Calls f(problem, set, algorithm, findings) for all of them on every set that this processor can run.
template <class Function>
void compare(const std::vector<problem>& problems, const Function& f) {
  for (const problem& one : problems) {
    const twin expected{one};
    for (const kernels::named_set& set : kernels::supported_sets())
      for (const algorithm how : one.algorithms()) f(one, set, how, expected.run(*set.set, how));
  }
}

inline constexpr std::string_view algorithm_names[] = {"direct", "winograd_2", "winograd_4"};

/// What errors may be: three times the worst that the unit tests met, which were, on any set,
///
///               forward   data gradient   weight gradient   moments   sums
///     direct     3.5e-7          3.2e-7            2.5e-6    2.4e-6   1.4e-7
///     F(2x2)     2.4e-7          1.7e-7            6.7e-7    2.4e-6   0.7e-7
///     F(4x4)     8.4e-7          6.3e-7            4.8e-7    2.3e-6   1.5e-7
///
/// The direct weight gradient is one long sum over the pixels of a block; Winograd's go by tiles, fewer and larger.
[[nodiscard]] inline findings bounds(algorithm how) {
  findings most{.forward = 1e-6, .data_gradient = 1e-6, .weight_gradient = 7e-6, .moments = 7e-6, .sums = 8e-7};
  if (how == algorithm::winograd_2) {
    most.forward = 8e-7;
    most.data_gradient = 5e-7;
    most.weight_gradient = 2e-6;
  } else if (how == algorithm::winograd_4) {
    most.forward = 2.5e-6;
    most.data_gradient = 2e-6;
    most.weight_gradient = 1.5e-6;
  }
  return most;
}

}  // namespace kernel_test
