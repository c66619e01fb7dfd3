// SPDX-License-Identifier: BSL-1.0
/// \file
/// What charts are made of: text that is safe inside HTML and SVG, numbers for people, ticks, scales, and a drawing.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"

namespace comdml::report {

/// The text with nothing in it that HTML or SVG could take for markup, in an element or an attribute. Control
/// characters become U+FFFD.
[[nodiscard]] inline std::string escaped(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      case '\n':
      case '\t':
        safe += letter;
        break;
      default:
        if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f)
          safe += "\xEF\xBF\xBD";
        else
          safe += letter;
    }
  }
  return safe;
}

/// With so many digits behind the point, whatever the locale. Requires a finite value and at most 12 digits.
[[nodiscard]] inline std::string fixed(double value, int digits) {
  COMDML_REQUIRE(std::isfinite(value) && digits >= 0 && digits <= 12, value, ", ", digits, " digits");
  std::array<char, 400> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, digits);
  std::string written(buffer.data(), end.ptr);
  if (written.starts_with('-') && written.find_first_not_of("-0.") == std::string::npos) written.erase(0, 1);
  return written;
}

/// A coordinate: at most two digits behind the point, no idle zeros.
[[nodiscard]] inline std::string coordinate(double value) {
  std::string written = fixed(value, 2);
  written.erase(written.find_last_not_of('0') + 1);
  if (written.ends_with('.')) written.pop_back();
  return written;
}

/// About three digits: 0.043, 1.57, 45.6, 914, 12,345.
[[nodiscard]] inline std::string short_number(double value) {
  const double size = std::abs(value);
  if (size > 0 && (size < 1e-3 || size >= 1e9)) {
    std::array<char, 32> buffer{};
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific, 1);
    return {buffer.data(), end.ptr};
  }
  std::string written = fixed(value, size < 0.1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0);
  if (written.find('.') == std::string::npos)
    for (std::size_t i = written.size(); i > 3 + (value < 0 ? 1u : 0u);) written.insert(i -= 3, ",");
  return written;
}

/// The same without idle zeros: 0.2, 4, 12.5.
[[nodiscard]] inline std::string plain_number(double value) {
  std::string written = short_number(value);
  if (written.find('.') == std::string::npos || written.find('e') != std::string::npos) return written;
  written.erase(written.find_last_not_of('0') + 1);
  if (written.ends_with('.')) written.pop_back();
  return written;
}

[[nodiscard]] inline std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

/// A time in the unit that suits it: 12 ms, 0.43 s, 45.6 s, 15.2 min, 3.1 h, 2.4 days.
[[nodiscard]] inline std::string duration(double seconds) {
  const double size = std::abs(seconds);
  if (size < 5e-7) return "0 s";
  if (size < 1e-3) return "< 1 ms";
  if (size < 0.1) return plain_number(1000 * seconds) + " ms";
  if (size < 600) return short_number(seconds) + " s";
  if (size < 2 * 3600) return short_number(seconds / 60) + " min";
  if (size < 2 * 86400) return short_number(seconds / 3600) + " h";
  return short_number(seconds / 86400) + " days";
}

/// The same in the unit of another, larger one, so that the two can be compared.
[[nodiscard]] inline std::string duration(double seconds, double larger) {
  if (larger >= 2 * 86400) return short_number(seconds / 86400) + " days";
  if (larger >= 12 * 3600) return short_number(seconds / 3600) + " h";
  if (larger >= 3600) return short_number(seconds / 60) + " min";
  return larger >= 0.1 ? (seconds < 5e-4 ? "0" : short_number(seconds)) + " s" : duration(seconds);
}

/// 1 kB = 1000 bytes.
[[nodiscard]] inline std::string data_size(double bytes) {
  constexpr std::array units{"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && std::abs(bytes) >= 999.5; ++unit) bytes /= 1000;
  return (unit == 0 ? fixed(bytes, 0) : short_number(bytes)) + ' ' + units[unit];
}

/// Marks of an axis: round values inside its range, and the digits that tell them apart.
struct ticks {
  std::vector<double> at;
  int digits = 0;
};

/// At most `most` + 1 multiples of 1, 2 or 5 times a power of ten between low and high. Requires finite values, low <
/// high and most > 0.
[[nodiscard]] inline ticks ticks_between(double low, double high, std::size_t most) {
  COMDML_REQUIRE(std::isfinite(low) && std::isfinite(high) && low < high && most > 0, low, " .. ", high);
  const double raw = (high - low) / static_cast<double>(most);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= raw * (1 - 1e-9)) step = factor * power;
  ticks found{{}, std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 12)};
  const double slack = 1e-9 * (high - low);
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack; ++n) {
    if (found.at.size() > most + 1 || n + 1 == n) break;  // beyond what doubles tell apart
    found.at.push_back(n == 0 ? 0 : n * step);
  }
  return found;
}

/// From values to coordinates. A range of no width gets one.
class scale {
 public:
  scale(double low, double high, double from, double to) : low_{low}, high_{high}, from_{from}, to_{to} {
    COMDML_REQUIRE(std::isfinite(low) && std::isfinite(high) && low <= high, low, " .. ", high);
    if (high_ - low_ < 1e-12 * std::max(1.0, std::abs(low_))) {
      const double half = std::max(0.5, 0.1 * std::abs(low_));
      low_ -= half;
      high_ += half;
    }
  }

  [[nodiscard]] double operator()(double value) const {
    return from_ + (to_ - from_) * ((value - low_) / (high_ - low_));
  }
  [[nodiscard]] ticks marks(std::size_t most) const { return ticks_between(low_, high_, most); }

 private:
  double low_;
  double high_;
  double from_;
  double to_;
};

/// Width of a text in the page's font, roughly, and rather too much; for labels that must not touch each other.
[[nodiscard]] inline double text_width(std::string_view text, double size) {
  double width = 0;
  for (const char letter : text) {
    if ((static_cast<unsigned char>(letter) & 0xC0) == 0x80) continue;  // inside a UTF-8 letter
    const auto one_of = [&](std::string_view letters) { return letters.find(letter) != std::string_view::npos; };
    width += one_of("mwMW%@") ? 0.95 : one_of("ijlI.,:;'|! ") ? 0.36 : letter >= 'A' && letter <= 'Z' ? 0.72 : 0.62;
  }
  return size * width;
}

/// An <svg> element in the making. Classes and other attributes are the caller's own words; texts are escaped.
class drawing {
 public:
  /// \param name   what it is, for those who do not see it
  /// \param kind   class of the element
  drawing(double width, double height, std::string_view name, std::string_view kind) {
    out_ = comdml::text("<svg class=\"chart ", kind, "\" viewBox=\"0 0 ", coordinate(width), ' ', coordinate(height),
                        "\" width=\"", coordinate(width), "\" role=\"img\"><title>", escaped(name), "</title>");
  }

  void line(double x1, double y1, double x2, double y2, std::string_view css) {
    out_ += comdml::text("<path class=\"", css, "\" d=\"M", point(x1, y1), 'L', point(x2, y2), "\"/>");
  }
  /// \param tip  shown where the pointer rests; empty = nothing
  void box(double x, double y, double width, double height, std::string_view css, std::string_view tip = {}) {
    out_ += comdml::text("<rect class=\"", css, "\" x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" width=\"",
                         coordinate(std::max(0.0, width)), "\" height=\"", coordinate(std::max(0.0, height)), '"');
    close("rect", tip);
  }
  void circle(double x, double y, double radius, std::string_view css, std::string_view tip = {}) {
    out_ += comdml::text("<circle class=\"", css, "\" cx=\"", coordinate(x), "\" cy=\"", coordinate(y), "\" r=\"",
                         coordinate(radius), '"');
    close("circle", tip);
  }
  void path(std::string_view d, std::string_view css, std::string_view tip = {}) {
    out_ += comdml::text("<path class=\"", css, "\" d=\"", d, '"');
    close("path", tip);
  }
  /// A line through all points.
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view css) {
    std::string d;
    for (const auto& [x, y] : points) d += (d.empty() ? 'M' : 'L') + point(x, y);
    if (!d.empty()) path(d, css);
  }
  /// \param anchor  start, middle or end
  void text(double x, double y, std::string_view what, std::string_view css, std::string_view anchor = "start") {
    out_ += comdml::text("<text class=\"", css, "\" x=\"", coordinate(x), "\" y=\"", coordinate(y), '"');
    if (anchor != "start") out_ += comdml::text(" text-anchor=\"", anchor, '"');
    out_ += '>' + escaped(what) + "</text>";
  }

  [[nodiscard]] static std::string point(double x, double y) { return coordinate(x) + ' ' + coordinate(y); }

  /// The element.
  [[nodiscard]] std::string finish() && { return std::move(out_) + "</svg>"; }

 private:
  void close(std::string_view element, std::string_view tip) {
    out_ += tip.empty() ? std::string{"/>"} : comdml::text("><title>", escaped(tip), "</title></", element, '>');
  }

  std::string out_;
};

}  // namespace comdml::report
