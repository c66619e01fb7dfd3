// SPDX-License-Identifier: BSL-1.0
/// \file
/// Curves and bars. Every chart is drawn twice, for wide and for narrow screens, and the page's style shows one of
/// them: texts stay readable on a phone. Colors are slots (c1 .. c8) that the style gives values to; curves differ in
/// dash and marker, too.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/report/svg.hpp"

namespace comdml::report {

inline constexpr int color_slots = 8;

/// How the values of an axis are written.
enum class quantity_kind { count, share, time, size };

/// One value for people.
[[nodiscard]] inline std::string written(double value, quantity_kind kind) {
  switch (kind) {
    case quantity_kind::share:
      return percent(value);
    case quantity_kind::time:
      return duration(value);
    case quantity_kind::size:
      return data_size(value);
    default:
      return short_number(value);
  }
}

/// What an axis divides its values by, and the unit that this gives.
struct axis_unit {
  double divisor = 1;
  std::string name;
};
[[nodiscard]] inline axis_unit unit_of(double largest, quantity_kind kind) {
  if (kind == quantity_kind::share) return {0.01, "%"};
  if (kind == quantity_kind::time) {
    if (largest < 1e-3) return {1e-6, "\u00b5s"};
    if (largest < 1) return {1e-3, "ms"};
    if (largest < 600) return {1, "s"};
    if (largest < 2 * 3600) return {60, "min"};
    return largest < 2 * 86400 ? axis_unit{3600, "h"} : axis_unit{86400, "days"};
  }
  if (kind == quantity_kind::size) {
    axis_unit unit{1, "bytes"};
    for (const char* const name : {"kB", "MB", "GB", "TB", "PB"})
      if (largest >= 1000 * unit.divisor) unit = {1000 * unit.divisor, name};
    return unit;
  }
  return {};
}

/// A curve of a chart; points ascend in x.
struct curve {
  struct spread {
    double x, low, high;
  };
  std::string label;
  int color = 1;
  bool dashed = false;
  std::vector<std::pair<double, double>> points;
  std::vector<spread> band{};  ///< drawn behind it
};

struct curve_chart {
  std::string name;     ///< for those who do not see it
  std::string x_label;  ///< without the unit
  quantity_kind x = quantity_kind::count;
  quantity_kind y = quantity_kind::share;
  bool from_zero = false;  ///< whether the y axis begins there
  std::vector<curve> curves;
};

namespace detail {

inline constexpr double font = 12;

/// Marks a point so that curves differ without their colors.
inline void mark(drawing& out, double x, double y, int color, bool dashed, std::string_view tip) {
  const std::string css = text("mark f", color, dashed ? " hollow s" + std::to_string(color) : "");
  const double r = 3.6;
  const auto shape = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string d;
    for (const auto& [dx, dy] : corners) d += (d.empty() ? 'M' : 'L') + drawing::point(x + r * dx, y + r * dy);
    out.path(d + 'Z', css, tip);
  };
  switch (color % 4) {
    case 1:
      return out.circle(x, y, r, css, tip);
    case 2:
      return out.box(x - r * .9, y - r * .9, 1.8 * r, 1.8 * r, css, tip);
    case 3:
      return shape({{0, -1.25}, {1.15, .85}, {-1.15, .85}});
    default:
      return shape({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
  }
}

/// At most a thousand points or so, evenly picked, the last one among them: no screen shows more.
[[nodiscard]] inline std::vector<std::pair<double, double>> thinned(
    const std::vector<std::pair<double, double>>& points) {
  const std::size_t step = points.size() / 1000 + 1;
  std::vector<std::pair<double, double>> found;
  for (std::size_t i = (points.size() + step - 1) % step; i < points.size(); i += step) found.push_back(points[i]);
  return found;
}

/// Moves labels apart: each at least `gap` below the one above it, all within the range as far as there is room.
inline void spread_labels(std::vector<std::pair<double, std::size_t>>& labels, double gap, double lowest) {
  std::ranges::sort(labels);
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].first = std::max(labels[i].first, labels[i - 1].first + gap);
  double limit = lowest;
  for (std::size_t i = labels.size(); i-- > 0; limit -= gap) labels[i].first = std::min(labels[i].first, limit);
}

}  // namespace detail

/// The chart at one size. With `labelled`, curves are named at their ends. A chart without a point says so.
[[nodiscard]] inline std::string draw(const curve_chart& chart, double width, double height, bool labelled,
                                      std::string_view css) {
  using detail::font;
  drawing out{width, height, chart.name, css};
  double x_low = 0, x_high = 0, y_low = 0, y_high = 0;
  bool any = false;
  const auto include = [&](double x, double y) {
    x_low = any ? std::min(x_low, x) : x;
    x_high = any ? std::max(x_high, x) : x;
    y_low = any ? std::min(y_low, y) : y;
    y_high = any ? std::max(y_high, y) : y;
    any = true;
  };
  for (const curve& one : chart.curves) {
    for (const auto& [x, y] : one.points) include(x, y);
    for (const auto& [x, low, high] : one.band) include(x, low), include(x, high);
  }
  if (!any) {
    out.text(width / 2, height / 2, "nothing was measured", "quiet", "middle");
    return std::move(out).finish();
  }
  if (chart.from_zero) y_low = std::min(0.0, y_low);
  if (chart.x == quantity_kind::time) x_low = 0;
  const double room = 0.06 * (y_high - y_low);
  y_high = chart.y == quantity_kind::share ? std::min(1.0, y_high + room) : y_high + room;
  if (!chart.from_zero) y_low = std::max(0.0, y_low - room);

  double label_width = 0;
  if (labelled)
    for (const curve& one : chart.curves)
      label_width = std::max(label_width, 1.1 * text_width(one.label, font) + 24);  // bold
  const axis_unit y_unit = unit_of(y_high, chart.y);
  const axis_unit x_unit = unit_of(x_high, chart.x);
  const double top = 22, bottom = height - 38;
  const scale y{y_low / y_unit.divisor, y_high / y_unit.divisor, bottom, top};
  const ticks y_marks = y.marks(height < 220 ? 4 : 5);
  double left = 44;
  for (const double at : y_marks.at) left = std::max(left, text_width(fixed(at, y_marks.digits), font) + 10);
  const double right = width - std::max(14.0, label_width);
  const scale x{x_low / x_unit.divisor, x_high / x_unit.divisor, left, right};

  for (const double at : y_marks.at) {
    out.line(left, y(at), right, y(at), "grid");
    out.text(left - 6, y(at) + 4, fixed(at, y_marks.digits), "tick", "end");
  }
  if (!y_unit.name.empty()) out.text(left - 6, 11, y_unit.name, "tick", "end");
  ticks x_marks = x.marks(static_cast<std::size_t>(std::clamp((right - left) / 60, 2.0, 10.0)));
  for (const double at : x_marks.at) {
    if (chart.x == quantity_kind::count && at != std::floor(at)) continue;  // half a round
    out.line(x(at), bottom, x(at), bottom + 4, "axis");
    out.text(x(at), bottom + 17, fixed(at, chart.x == quantity_kind::count ? 0 : x_marks.digits), "tick", "middle");
  }
  out.line(left, bottom, right, bottom, "axis");
  out.text((left + right) / 2, height - 4, x_unit.name.empty() ? chart.x_label : chart.x_label + ", " + x_unit.name,
           "label", "middle");

  const auto place = [&](double vx, double vy) { return std::pair{x(vx / x_unit.divisor), y(vy / y_unit.divisor)}; };
  for (const curve& one : chart.curves) {
    if (one.band.size() < 2) continue;
    std::string d;
    const auto add = [&](double vx, double vy) {
      const auto [px, py] = place(vx, vy);
      d += (d.empty() ? 'M' : 'L') + drawing::point(px, py);
    };
    for (const auto& [bx, low, high] : one.band) add(bx, high);
    for (std::size_t i = one.band.size(); i-- > 0;) add(one.band[i].x, one.band[i].low);
    out.path(d + 'Z', text("band f", one.color));
  }
  std::vector<std::pair<double, std::size_t>> labels;
  for (std::size_t c = 0; c < chart.curves.size(); ++c) {
    const curve& one = chart.curves[c];
    if (one.points.empty()) continue;
    std::vector<std::pair<double, double>> points;
    points.reserve(one.points.size());
    for (const auto& [vx, vy] : one.points) points.push_back(place(vx, vy));
    out.polyline(detail::thinned(points), text("curve s", one.color, one.dashed ? " dashed" : ""));
    // Fewer marks where there are many curves.
    const std::size_t marks = std::max<std::size_t>(5, 20 / chart.curves.size());
    const std::size_t step = std::max<std::size_t>(1, (points.size() + marks - 1) / marks);
    for (std::size_t i = points.size() - 1;; i -= step) {
      detail::mark(out, points[i].first, points[i].second, one.color, one.dashed,
                   text(one.label, ", ", chart.x_label, ' ', written(one.points[i].first, chart.x), ": ",
                        written(one.points[i].second, chart.y)));
      if (i < step) break;
    }
    labels.emplace_back(points.back().second + 4, c);
  }
  if (labelled) {
    detail::spread_labels(labels, font + 3, bottom + 4);
    for (const auto& [at, c] : labels) {
      const curve& one = chart.curves[c];
      if (chart.curves.size() > 1) detail::mark(out, right + 15, at - 4, one.color, one.dashed, {});
      out.text(right + (chart.curves.size() > 1 ? 23 : 9), at, one.label, text("name t", one.color));
    }
  }
  return std::move(out).finish();
}

/// A row of a bar chart.
struct bar {
  std::string label;
  double value = 0;
  int color = 1;
  std::optional<double> before{};                     ///< an outline behind it
  std::optional<std::pair<double, double>> spread{};  ///< from, to
  std::string note{};                                 ///< behind it; by default the value
};

struct bar_chart {
  std::string name;
  quantity_kind kind = quantity_kind::time;
  std::vector<bar> bars;
};

[[nodiscard]] inline std::string draw(const bar_chart& chart, double width, std::string_view css) {
  using detail::font;
  double most = 0, label_width = 0, note_width = 0;
  const auto note_of = [&](const bar& one) { return one.note.empty() ? written(one.value, chart.kind) : one.note; };
  for (const bar& one : chart.bars) {
    most = std::max({most, one.value, one.before.value_or(0), one.spread ? one.spread->second : 0});
    label_width = std::max(label_width, text_width(one.label, font));
    note_width = std::max(note_width, text_width(note_of(one), font));
  }
  const double row = 24, left = std::min(label_width + 8, 0.4 * width);
  const double right = std::max(left + 40, width - note_width - 12);
  const double height = row * static_cast<double>(chart.bars.size()) + 4;
  drawing out{width, height, chart.name, css};
  const scale x{0, most > 0 ? most : 1, left, right};
  double y = 2;
  for (const bar& one : chart.bars) {
    out.text(left - 8, y + 16, one.label, "label", "end");
    const std::string tip = one.before ? text(one.label, ": ", written(*one.before, chart.kind), " before, ",
                                              written(one.value, chart.kind), " after")
                                       : text(one.label, ": ", written(one.value, chart.kind));
    if (one.before) out.box(left, y + 4, x(*one.before) - left, row - 8, "outline", tip);
    out.box(left, y + (one.before ? 8 : 4), std::max(1.0, x(one.value) - left), row - (one.before ? 16 : 8),
            text("bar f", one.color), tip);
    double end = x(std::max(one.value, one.before.value_or(0)));
    if (one.spread) {
      const double from = x(one.spread->first), to = x(one.spread->second), middle = y + row / 2;
      out.path(text('M', drawing::point(from, middle), 'H', coordinate(to), 'M', drawing::point(from, middle - 4),
                    "v8M", drawing::point(to, middle - 4), "v8"),
               "whisker");
      end = std::max(end, to);
    }
    out.text(end + 6, y + 16, note_of(one), "value");
    y += row;
  }
  return std::move(out).finish();
}

inline constexpr double wide_figure = 520;
inline constexpr double narrow_figure = 328;

/// Both sizes of a chart.
[[nodiscard]] inline std::string drawn(const curve_chart& chart) {
  return draw(chart, wide_figure, 300, true, "wide") + draw(chart, narrow_figure, 240, false, "narrow");
}
[[nodiscard]] inline std::string drawn(const bar_chart& chart) {
  return draw(chart, wide_figure, "wide") + draw(chart, narrow_figure, "narrow");
}

}  // namespace comdml::report
