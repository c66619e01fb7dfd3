#!/bin/sh
# check_report.sh PROGRAM FOLDER: makes reports of small runs in FOLDER and looks at them in headless Chromium, in a
# narrow and a wide frame, light and dark: no console error, no request, every chart has marks, no text is clipped or
# lies on another one, nothing is wider than the page, colors have contrast. Ends with 77 where there is no Chromium.
set -eu
program=$1
folder=$2
browser=$(command -v chromium || true)
if [ -z "$browser" ]; then
  echo "skipped: chromium is not installed (sh cmake/install-packages.sh ci)"
  exit 77
fi
rm -rf "$folder"
mkdir -p "$folder/runs" "$folder/profile"

train() { "$program" train --train-limit 200 --test-limit 80 --rounds 4 "$@" >/dev/null 2>"$folder/log.txt" || { cat "$folder/log.txt"; exit 1; }; }
for seed in 1 2; do
  train --seed $seed --out "$folder/runs/comdml-$seed"
  train --seed $seed --algorithm allreduce --out "$folder/runs/allreduce-$seed"
done
train --seed 1 --pairing star:3 --agents 12 --fleet paper:0.1 --out "$folder/star"
train --seed 1 --agents 2 --fleet uniform --rounds 1 --out "$folder/short"
cp -r "$folder/runs/comdml-1" "$folder/old"
rm "$folder/old/timeline.json" "$folder/old/run.json" "$folder/old/config.toml"
"$program" simulate --rounds 4 --agents 30 --wire int8 --out "$folder/simulated" >/dev/null 2>&1
cat >"$folder/sweep.toml" <<'TOML'
title = "A sweep"
seeds = [1, 2]
[time]
rounds = 2
[[setting]]
name = "mixed links"
fleet = "paper"
agents = 10
wire = "int8"
[[setting]]
name = "a fifth of twenty"
fleet = "paper"
agents = 20
sample = 0.2
[[algorithm]]
algorithm = "allreduce"
[[algorithm]]
algorithm = "comdml"
[[algorithm]]
name = "comdml, stars"
algorithm = "comdml"
pairing = "star:3"
TOML
"$program" compare "$folder/sweep.toml" --out "$folder/sweep" >/dev/null
pages="runs star short old simulated sweep"
for one in $pages; do
  "$program" report "$folder/$one" --out "$folder/$(basename "$one").html" >/dev/null
done

# What the page says of itself; runs before anything else in it, and tells the page around it.
cat >"$folder/check.js" <<'SCRIPT'
var told = [];
addEventListener('error', function (e) { told.push('error: ' + e.message); });
document.addEventListener('securitypolicyviolation', function (e) { told.push('request: ' + e.blockedURI); });
addEventListener('load', function () {
  var page = document.documentElement, charts = 0;
  page.setAttribute('data-theme', location.hash === '#dark' ? 'dark' : 'light');
  document.querySelectorAll('details').forEach(function (d) { d.open = true; });
  if (performance.getEntriesByType('resource').length) told.push('request: ' + performance.getEntriesByType('resource')[0].name);
  if (page.scrollWidth > innerWidth) told.push('overflow: ' + page.scrollWidth + ' in ' + innerWidth);
  document.querySelectorAll('svg.chart:not(.swatch)').forEach(function (svg) {
    var frame = svg.getBoundingClientRect(), name = svg.querySelector('title').textContent, marks = 0, texts = [];
    if (!frame.width) return;
    charts++;
    svg.querySelectorAll('.curve,.mark,.bar,.act,.agent').forEach(function (m) {
      var b = m.getBoundingClientRect();
      if (b.width || b.height) marks++;
    });
    if (!marks) told.push('empty: ' + name);
    svg.querySelectorAll('text').forEach(function (t) {
      var b = t.getBoundingClientRect();
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1)
        told.push('clipped: "' + t.textContent + '" in ' + name);
      if (parseFloat(getComputedStyle(t).fontSize) * frame.width / svg.viewBox.baseVal.width < 9)
        told.push('tiny: "' + t.textContent + '" in ' + name);
      texts.forEach(function (o) {
        var w = Math.min(b.right, o.b.right) - Math.max(b.left, o.b.left), h = Math.min(b.bottom, o.b.bottom) - Math.max(b.top, o.b.top);
        if (w > 1 && h > 4) told.push('overlap: "' + t.textContent + '" and "' + o.t.textContent + '" in ' + name);
      });
      texts.push({ t: t, b: b });
    });
  });
  var probe = document.body.appendChild(document.createElement('i'));
  function light(color) {
    probe.style.color = color;
    var l = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(function (v) {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2] + 0.05;
  }
  ['ink', 'quiet', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'].forEach(function (name) {
    var a = light('var(--' + name + ')'), b = light('var(--page)');
    if (Math.max(a, b) / Math.min(a, b) < 4.5) told.push('contrast: ' + name);
  });
  parent.postMessage(charts + ' charts in ' + innerWidth + ' px' + told.map(function (t) { return '\nFAULT ' + t; }).join(''), '*');
});
SCRIPT

cat >"$folder/look.html" <<'PAGE'
<!DOCTYPE html><pre></pre><script>
var found = document.querySelector('pre');
addEventListener('message', function (e) { found.append(e.data + '\n'); });
location.search.slice(1).split(',').forEach(function (name) {
  ['', '#dark'].forEach(function (theme) {
    [360, 1280].forEach(function (width) {
      var f = document.createElement('iframe');
      f.width = width; f.height = 800; f.style.border = 0; f.src = name + '.html' + theme;
      document.body.append(f);
    });
  });
});
</script>
PAGE

failed=0
for name in $pages; do
  # The first script of the page, under the page's own policy.
  awk -v script="$folder/check.js" '
    !done && (at = index($0, "</title>")) {
      printf "%s<script>", substr($0, 1, at + 7)
      while ((getline line < script) > 0) print line
      printf "</script>"
      $0 = substr($0, at + 8); done = 1
    }
    { print }' "$folder/$name.html" >"$folder/checked.html"
  # A browser that hangs is a failure, too.
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$folder/profile" \
    --enable-logging=stderr --virtual-time-budget=10000 --window-size=1700,900 --dump-dom \
    "file://$folder/look.html?checked" >"$folder/dom.txt" 2>"$folder/log.txt" || { echo "$name: the browser failed"; failed=1; }
  if [ "$(grep -c ' charts in ' "$folder/dom.txt")" -ne 4 ]; then
    echo "$name: not all four frames were looked at"
    failed=1
  fi
  if grep -q '^FAULT' "$folder/dom.txt"; then
    grep '^FAULT' "$folder/dom.txt" | sort | uniq -c | sed "s/^/$name: /"
    failed=1
  fi
  if grep 'CONSOLE' "$folder/log.txt"; then
    echo "$name: the page wrote to the console"
    failed=1
  fi
  grep ' charts in ' "$folder/dom.txt" | sed "s/<[^>]*>//g; s/^/$name: /"
done
# A check that finds nothing must be able to: a page with faults has to be noticed.
sed 's#</main>#<div style="width:3000px">x</div><img src="http://127.0.0.1/x.png"></main>#' "$folder/checked.html" >"$folder/faulty.html"
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$folder/profile" \
  --virtual-time-budget=10000 --dump-dom "file://$folder/look.html?faulty" >"$folder/dom.txt" 2>/dev/null || true
for fault in overflow request; do
  grep -q "^FAULT $fault" "$folder/dom.txt" || { echo "the check does not notice: $fault"; failed=1; }
done
exit $failed
