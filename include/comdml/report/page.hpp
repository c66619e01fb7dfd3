// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pieces of a report's page: the frame, tables, figures, legends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/report/charts.hpp"
#include "comdml/report/page_style.hpp"
#include "comdml/report/svg.hpp"

namespace comdml::report {

/// A table's cells, as text. Columns whose head begins with '#' hold numbers, and end at the right.
struct table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows{};
  bool long_last = false;  ///< whether the last column may break into lines
};

[[nodiscard]] inline std::string drawn(const table& what) {
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table><thead><tr>";
  const auto number = [&](std::size_t column) { return what.head[column].starts_with('#'); };
  for (std::size_t c = 0; c < what.head.size(); ++c)
    out += (number(c) ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">") +
           escaped(std::string_view{what.head[c]}.substr(number(c) ? 1 : 0)) + "</th>";
  out += "</tr></thead><tbody>";
  for (const std::vector<std::string>& row : what.rows) {
    out += "<tr>";
    for (std::size_t c = 0; c < what.head.size(); ++c) {
      const char* const css = number(c)                                     ? " class=\"n\""
                              : c + 1 == what.head.size() && what.long_last ? " class=\"long\""
                                                                            : "";
      out += text("<td", css, '>') + escaped(c < row.size() ? row[c] : std::string{}) + "</td>";
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

/// Something to unfold. \param inside  HTML
[[nodiscard]] inline std::string unfold(std::string_view title, const std::string& inside) {
  return "<details><summary>" + escaped(title) + "</summary>" + inside + "</details>";
}

/// A chart with a title and words below; `data`, if it has rows, can be unfolded. \param svg  HTML
[[nodiscard]] inline std::string figure(std::string_view title, const std::string& svg, std::string_view caption,
                                        const table& data) {
  return "<figure>" + (title.empty() ? std::string{} : "<h3>" + escaped(title) + "</h3>") + svg +
         (caption.empty() ? std::string{} : "<figcaption>" + escaped(caption) + "</figcaption>") +
         (data.rows.empty() ? std::string{} : unfold("Data of this chart", drawn(data))) + "</figure>";
}

/// Names of curves, for narrow screens, where they are not named at their ends.
[[nodiscard]] inline std::string legend_of(const std::vector<curve>& curves) {
  if (curves.size() < 2) return {};
  std::string out = "<ul class=\"legend named\">";
  for (const curve& one : curves) {
    drawing swatch{26, 14, one.label, "swatch"};
    swatch.line(0, 7, 26, 7, text("curve s", one.color, one.dashed ? " dashed" : ""));
    detail::mark(swatch, 13, 7, one.color, one.dashed, {});
    out += "<li>" + std::move(swatch).finish() + escaped(one.label) + "</li>";
  }
  return out + "</ul>";
}

/// Rows of a table of curves: at most `most`, evenly picked.
[[nodiscard]] inline table data_of(const curve_chart& chart, std::size_t most = 100) {
  table data{{chart.curves.size() > 1 ? "curve" : "", '#' + chart.x_label, "#value"}, {}};
  if (chart.curves.size() == 1) data.head.erase(data.head.begin());
  for (const curve& one : chart.curves) {
    const std::size_t step = std::max<std::size_t>(1, (one.points.size() * chart.curves.size() + most - 1) / most);
    for (std::size_t i = 0; i < one.points.size(); ++i) {
      if (i % step != 0 && i + 1 != one.points.size()) continue;
      std::vector<std::string> row{written(one.points[i].first, chart.x), written(one.points[i].second, chart.y)};
      if (chart.x == quantity_kind::count) row[0] = fixed(one.points[i].first, 0);
      if (chart.curves.size() > 1) row.insert(row.begin(), one.label);
      data.rows.push_back(std::move(row));
    }
  }
  return data;
}

[[nodiscard]] inline std::string figure(std::string_view title, const curve_chart& chart, std::string_view caption) {
  return figure(title, legend_of(chart.curves) + drawn(chart), caption, data_of(chart));
}

/// A figure of the headline.
struct tile {
  std::string name;
  std::string value;
  std::string more;
};

[[nodiscard]] inline std::string drawn(const std::vector<tile>& tiles) {
  std::string out = "<ul class=\"tiles\">";
  for (const tile& one : tiles)
    out += "<li><span>" + escaped(one.name) + "</span><b>" + escaped(one.value) + "</b><span>" + escaped(one.more) +
           "</span></li>";
  return out + "</ul>";
}

[[nodiscard]] inline std::string paragraph(std::string_view words, std::string_view css = {}) {
  return (css.empty() ? std::string{"<p>"} : text("<p class=\"", css, "\">")) + escaped(words) + "</p>";
}
[[nodiscard]] inline std::string section(std::string_view title, const std::string& inside) {
  return "<section><h2>" + escaped(title) + "</h2>" + inside + "</section>";
}

/// The whole file. \param body  HTML
[[nodiscard]] inline std::string page(std::string_view title, std::string_view below, const std::string& body) {
  return std::string{"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"} +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">"
         "<title>" +
         escaped(title) + "</title><style>" + detail::style + detail::slots + "</style></head><body>" +
         detail::patterns + "<header><div><p class=\"eyebrow\">ComDML report</p><h1>" + escaped(title) + "</h1>" +
         paragraph(below, "quiet") +
         "</div><button id=\"theme\" type=\"button\" hidden>Theme: auto</button></header><main>" + body +
         "</main><footer>Made by comdml report. \"Simulated\" times are those of a virtual clock: agents' speeds and "
         "links "
         "are declared, and their own code is timed by a cost model. 1 MB = 1,000,000 bytes.</footer><script>" +
         detail::script + "</script></body></html>\n";
}

}  // namespace comdml::report
