// SPDX-License-Identifier: BSL-1.0
/// \file
/// How reports look: style, patterns and the switch between light and dark. Nothing is fetched from anywhere, and the
/// page forbids itself to.
#pragma once

namespace comdml::report::detail {

/// Colors c1 .. c8 can be told apart by color-blind people (after Okabe and Ito), and have a contrast of at least 4.5
/// with the page. Printing is always light.
inline constexpr const char* style =
    R"css(
:root{color-scheme:light;--page:#fff;--panel:#f6f7f8;--ink:#1b1f24;--quiet:#57606a;--line:#d5d9de;--grid:#e7eaed;
--c1:#0b62a8;--c2:#b94a00;--c3:#00735a;--c4:#8e3e8e;--c5:#7d6000;--c6:#0a7490;--c7:#7a4a2b;--c8:#555b63;
--own:#3b82bd;--guest:#f0a04b;--guest2:#8a4a00;--send:#cfa3d6;--send2:#6d2e77;--wait:#f1f3f5;--wait2:#a3abb4;
--exchange:#7b838c;--reduce:#79c7ae;--reduce2:#005c48}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;--page:#14171b;--panel:#1d2126;
--ink:#e8eaed;--quiet:#a4adb7;--line:#3a4149;--grid:#282e35;
--c1:#6cb2f0;--c2:#ff9a5c;--c3:#4cc9a4;--c4:#dda0dd;--c5:#e3c04b;--c6:#5fd0e8;--c7:#d2a27e;--c8:#b9c0c8;
--own:#4a94d0;--guest:#c97a22;--guest2:#ffd9a8;--send:#7d4787;--send2:#e9c6ef;--wait:#1f242a;--wait2:#5c656f;
--exchange:#99a1aa;--reduce:#1f7a62;--reduce2:#a8ecd6}}
@media screen{:root[data-theme=dark]{color-scheme:dark;--page:#14171b;--panel:#1d2126;
--ink:#e8eaed;--quiet:#a4adb7;--line:#3a4149;--grid:#282e35;
--c1:#6cb2f0;--c2:#ff9a5c;--c3:#4cc9a4;--c4:#dda0dd;--c5:#e3c04b;--c6:#5fd0e8;--c7:#d2a27e;--c8:#b9c0c8;
--own:#4a94d0;--guest:#c97a22;--guest2:#ffd9a8;--send:#7d4787;--send2:#e9c6ef;--wait:#1f242a;--wait2:#5c656f;
--exchange:#99a1aa;--reduce:#1f7a62;--reduce2:#a8ecd6}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%;overflow-wrap:anywhere}
main,header,footer{max-width:1092px;margin:0 auto;padding:0 16px}
header{padding-top:28px;display:flex;gap:16px;align-items:flex-start;justify-content:space-between}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px;font-weight:650;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:44px 0 6px;font-weight:650;letter-spacing:-.005em}
h3{font-size:1rem;margin:22px 0 4px;font-weight:600}
p{margin:4px 0 12px;max-width:46rem}
.quiet,figcaption,footer{color:var(--quiet)}
.eyebrow{margin:0;font-size:.85rem;color:var(--quiet)}
button{font:inherit;font-size:.85rem;color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:6px;
padding:4px 10px;cursor:pointer;white-space:nowrap}
button:focus-visible,summary:focus-visible{outline:2px solid var(--c1);outline-offset:2px}
.tiles{display:flex;flex-wrap:wrap;gap:1px;margin:22px 0 0;padding:0;list-style:none;
background:var(--line);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.tiles li{flex:1 1 150px;background:var(--page);padding:12px 14px}
.tiles b{display:block;font-size:1.65rem;line-height:1.2;font-weight:600;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tiles span{display:block;font-size:.85rem;color:var(--quiet)}
.columns{display:grid;grid-template-columns:minmax(0,1fr);gap:8px 36px}
@media (min-width:1000px){.columns{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}}
figure{margin:14px 0 0;min-width:0;break-inside:avoid}
figcaption{font-size:.85rem;margin-top:2px;max-width:46rem}
figure h3{margin:0 0 4px}
svg.chart{display:block;max-width:100%;height:auto;font-family:inherit}
svg.narrow{display:none}
@media screen and (max-width:719px){h1{font-size:1.35rem}svg.wide{display:none}svg.narrow{display:block;width:100%;max-width:460px}}
svg text{font-size:12px;fill:var(--ink);font-variant-numeric:tabular-nums}
svg .tick,svg .quiet{fill:var(--quiet)}svg .label{fill:var(--quiet)}svg .strong,svg .value{fill:var(--ink)}
svg .grid{stroke:var(--grid);stroke-width:1}svg .axis{stroke:var(--wait2);stroke-width:1}
svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}svg .dashed{stroke-dasharray:5 4}
svg .mark{stroke:var(--page);stroke-width:1}svg .mark.hollow{fill:var(--page);stroke-width:1.6}svg .band{opacity:.16}
svg .name{font-weight:600}
svg .outline{fill:var(--wait);stroke:var(--wait2)}svg .whisker{fill:none;stroke:var(--ink);stroke-width:1.3}
svg .plate{fill:var(--page)}svg .inside{font-size:11px}
.act{stroke:var(--page);stroke-width:.4}
.act.own{fill:var(--own)}.act.guest{fill:url(#p-guest)}.act.sending{fill:url(#p-send)}
.act.wait{fill:var(--wait);stroke:var(--wait2);stroke-width:.7}.act.exchange{fill:var(--exchange)}.act.reduce{fill:url(#p-reduce)}
svg .arrow{stroke:var(--quiet);stroke-width:1.6}svg .head{fill:var(--quiet)}
svg .agent{stroke-width:2}svg .agent.slow{fill:var(--page);stroke:var(--c2)}svg .agent.fast{fill:var(--c1);stroke:var(--c1)}
svg .agent.single{fill:var(--page);stroke:var(--wait2)}svg .number{font-weight:600}svg .number.fast{fill:var(--page)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:8px 0;font-size:.88rem}
.legend svg.chart{display:inline-block;width:26px;height:14px;vertical-align:-2px;margin-right:6px}
@media screen and (min-width:720px){.legend.named{display:none}}
@media print{.legend.named{display:none}}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;margin:6px 0}
.scroll{overflow-x:auto;max-width:100%;overflow-wrap:normal}
th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--grid);white-space:nowrap}
th{font-weight:600;color:var(--quiet)}td.n,th.n{text-align:right}td.long{white-space:normal;overflow-wrap:anywhere}
details{margin:6px 0}summary{cursor:pointer;color:var(--quiet);font-size:.88rem}
ol.why{padding-left:1.3em;max-width:46rem}ol.why li{margin:6px 0}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:10px 12px;white-space:pre-wrap;
overflow-wrap:anywhere;font:.85rem/1.45 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;margin:6px 0}
.note{border-left:3px solid var(--c5);padding:2px 12px;margin:12px 0}
footer{font-size:.85rem;margin-top:48px;padding-bottom:40px;border-top:1px solid var(--line);padding-top:12px}
)css"
    R"css(@media print{body{font-size:11pt}button,.pointer{display:none}main,header,footer{max-width:none;padding:0}
h2{margin-top:22px;break-after:avoid}h3{break-after:avoid}.columns{grid-template-columns:1fr 1fr;gap:0 18px}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}details:not([open]){display:none}}
)css";

inline constexpr const char* slots = R"css(
.s1{stroke:var(--c1)!important}.s2{stroke:var(--c2)!important}.s3{stroke:var(--c3)!important}.s4{stroke:var(--c4)!important}
.s5{stroke:var(--c5)!important}.s6{stroke:var(--c6)!important}.s7{stroke:var(--c7)!important}.s8{stroke:var(--c8)!important}
.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}
.f7{fill:var(--c7)}.f8{fill:var(--c8)}
svg .t1{fill:var(--c1)}svg .t2{fill:var(--c2)}svg .t3{fill:var(--c3)}svg .t4{fill:var(--c4)}svg .t5{fill:var(--c5)}
svg .t6{fill:var(--c6)}svg .t7{fill:var(--c7)}svg .t8{fill:var(--c8)}
)css";

/// What boxes are filled with, so that activities differ without their colors.
inline constexpr const char* patterns =
    R"svg(<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="p-guest" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="6" height="6" style="fill:var(--guest)"/><rect width="1.6" height="6" style="fill:var(--guest2)"/></pattern>
<pattern id="p-send" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" style="fill:var(--send)"/>
<circle cx="2.5" cy="2.5" r="1.1" style="fill:var(--send2)"/></pattern>
<pattern id="p-reduce" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5"
style="fill:var(--reduce)"/><path d="M0 2.5H5M2.5 0V5" style="stroke:var(--reduce2);stroke-width:.9"/></pattern></defs></svg>
)svg";

inline constexpr const char* script = R"js(
(function(){var b=document.getElementById('theme'),r=document.documentElement,m=['auto','light','dark'],i=0;b.hidden=false;
b.onclick=function(){i=(i+1)%3;b.textContent='Theme: '+m[i];if(i){r.setAttribute('data-theme',m[i])}else{r.removeAttribute('data-theme')}}})();
)js";

}  // namespace comdml::report::detail
