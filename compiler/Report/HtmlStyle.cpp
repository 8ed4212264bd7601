// How the report's page looks: on a phone, on a desk, in the dark and on paper.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/HtmlStyle.h"

namespace gem::report {

// The colours of the parts (c0 to c6, in the order of enum Part), of the tokenizer (c7)
// and of the program (c8) stay apart for the colour-blind by lightness as well. Formats (f0
// of f32 to f5 of int2, f6 of others) go from cold to warm as they get coarser; kernels
// (k0 to k7) go from dark to light as they take less time.
const char kHtmlStyle[] = R"css(
:root {
  color-scheme: light dark;
  --bg: #ffffff; --fg: #16191d; --soft: #5b6470; --line: #e2e6ea; --card: #f6f8fa;
  --track: #eceff2; --label: #ffffff; --accent: #0f6f63;
  --c0: #c77700; --c1: #2463c9; --c2: #0e8a7d; --c3: #c2327e; --c4: #6d43b5;
  --c5: #b3392c; --c6: #68727e; --c7: #7c8794; --c8: #b4bcc5;
  --f0: #5a6673; --f1: #4c5fa8; --f2: #1f7fc4; --f3: #0e9a88; --f4: #d09214; --f5: #c2452d; --f6: #a9b2bb;
  --k0: #14505a; --k1: #1d7276; --k2: #2f938c; --k3: #58b09f; --k4: #d09214; --k5: #e0b65c; --k6: #9aa6b2; --k7: #c6cdd4;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --bg: #111418; --fg: #e8ebef; --soft: #9aa4b0; --line: #2a3037; --card: #191e24;
    --track: #232a31; --label: #0c0f12; --accent: #5fd0bf;
    --c0: #f0a63c; --c1: #6ea3f5; --c2: #45c2b1; --c3: #ee7db5; --c4: #ab8af0;
    --c5: #f0806f; --c6: #98a3b0; --c7: #7d8896; --c8: #4f5863;
    --f0: #97a3b0; --f1: #8f9ee6; --f2: #5cb0ee; --f3: #45c9b4; --f4: #f0bc4c; --f5: #f28a70; --f6: #5b6570;
    --k0: #a5ece0; --k1: #6fd3c6; --k2: #45b3a8; --k3: #2f8f8a; --k4: #f0bc4c; --k5: #b98d34; --k6: #77838f; --k7: #4f5963;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 62rem;
  background: var(--bg); color: var(--fg);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { margin: 2.75rem 0 0.25rem; font-size: 1.2rem; letter-spacing: -0.01em; }
p { margin: 0.25rem 0 1rem; max-width: 44rem; }
.lead, .soft, figcaption, footer, small { color: var(--soft); }
.lead { font-size: 1.05rem; overflow-wrap: anywhere; }
code, .name { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.name { font-size: 0.84rem; overflow-wrap: anywhere; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.75rem, 1fr)); gap: 0.75rem; margin: 1.5rem 0 0; }
.card { padding: 0.9rem 1rem 1rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
.card dt { color: var(--soft); font-size: 0.85rem; }
.card dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.02em; white-space: nowrap; }
.card dd + dd { font-size: 0.85rem; line-height: 1.35; font-weight: 400; letter-spacing: 0; color: var(--soft); white-space: normal; }

.facts { margin: 0.75rem 0 0; display: grid; grid-template-columns: 7rem 1fr; }
.facts dt, .facts dd { margin: 0; padding: 0.45rem 0; border-top: 1px solid var(--line); }
.facts dt:first-of-type, .facts dd:first-of-type { border-top: 0; }
.facts dt { color: var(--soft); }
.facts dd { overflow-wrap: anywhere; }

.stack { display: flex; height: 1.6rem; margin: 1rem 0; border-radius: 0.4rem; overflow: hidden; background: var(--track); }
.stack i { display: block; min-width: 1px; border-right: 1px solid var(--bg); }
.stack i:last-child { border-right: 0; }
.bars { width: 100%; border-collapse: collapse; }
.bars th { text-align: left; font-weight: 400; padding: 0.2rem 1rem 0.2rem 0; white-space: nowrap; }
.bars td { padding: 0.2rem 0 0.2rem 1rem; }
.bars td.bar { width: 100%; padding: 0.2rem 0; }
.bars tfoot th, .bars tfoot td { border-top: 1px solid var(--line); font-weight: 600; padding-top: 0.4rem; }
.bar i { display: block; height: 0.75rem; min-width: 2px; border-radius: 0.2rem; }
.bars thead th { color: var(--soft); font-size: 0.85rem; padding-bottom: 0.35rem; vertical-align: bottom; }
.bars thead th.num { text-align: right; padding: 0.2rem 0 0.35rem 1rem; }
.bars thead th.bar { padding-right: 0; }
.bars thead th.share { padding-left: 1rem; padding-right: 0; }
.bars tr.all th, .bars tr.all td { font-weight: 650; padding-bottom: 0.45rem; }
.bars th.name { min-width: 20rem; }
.twin td.bar, .twin th.bar { width: 30%; min-width: 4rem; padding-left: 1.25rem; }
h3 { margin: 1.75rem 0 0.4rem; font-size: 1rem; }
.note { margin-top: 1rem; font-size: 0.9rem; }
.chart { display: block; overflow: visible; }
.chart .track { fill: var(--track); }
.chart.whole { overflow: hidden; height: 1.75rem; margin: 1rem 0; border-radius: 0.4rem; background: var(--track); }
.chart.whole rect { stroke: var(--bg); stroke-width: 1px; }
.chart .axis { stroke: var(--line); stroke-width: 2px; }
.chart .span { stroke: var(--c3); stroke-width: 2px; opacity: 0.45; }
.chart circle { fill: var(--c3); }
.chart circle.ring { fill: var(--bg); stroke: var(--c3); stroke-width: 2px; opacity: 0.8; }
.panels { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.5rem 2.5rem; margin-top: 1rem; }
.panel { margin: 0; min-width: 0; }
.panel figcaption { margin: 0 0 0.35rem; color: var(--soft); }
.panel figcaption b { color: var(--fg); font-weight: 600; }
.panel .bars { font-size: 0.85rem; }
.panel .bars th { padding-right: 0.5rem; overflow: hidden; text-overflow: ellipsis; max-width: 6.5rem; }
.panel .bars td.num { padding-left: 0.5rem; }
.tensors td.bar { width: 18%; min-width: 4rem; }
.tensors td.bar svg { margin-top: 0.2rem; }
.dot { display: inline-block; flex: none; width: 0.65rem; height: 0.65rem; margin-right: 0.5rem; border-radius: 0.2rem; }
.key { display: flex; align-items: baseline; }

figure { margin: 1rem 0 0; }
.map { display: grid; grid-template-columns: auto 1fr; grid-template-rows: 22rem auto; gap: 0.35rem 0.6rem; }
.map .plot { position: relative; border-radius: 0.4rem; overflow: hidden; background: var(--track); }
.map svg { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.map rect { fill: currentColor; stroke: var(--bg); stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
.map rect.thin { stroke: currentColor; }
.map rect:hover { opacity: 0.75; }
.map line { stroke: var(--fg); stroke-width: 1.5px; stroke-dasharray: 5 4; vector-effect: non-scaling-stroke; }
.map .plot span { position: absolute; display: flex; align-items: center; justify-content: center; padding: 0 0.3rem; pointer-events: none; color: var(--label); font-size: 0.75rem; line-height: 1.25; text-align: center; overflow: hidden; }
.map .y, .map .x { display: flex; justify-content: space-between; color: var(--soft); font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.map .y { flex-direction: column; text-align: right; }
.map .x { grid-column: 2; }
figcaption { margin-top: 0.75rem; font-size: 0.9rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; margin-top: 0.5rem; font-size: 0.9rem; }
.legend .dash { display: inline-block; width: 1.3rem; margin-right: 0.5rem; border-top: 2px dashed var(--fg); vertical-align: 0.25rem; }

.table { width: 100%; border-collapse: collapse; margin-top: 0.75rem; font-size: 0.92rem; }
.table th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); padding: 0.4rem 0.5rem; white-space: nowrap; }
.table td { border-bottom: 1px solid var(--line); padding: 0.4rem 0.5rem; vertical-align: baseline; }
.table th:first-child, .table td:first-child { padding-left: 0; }
.table th:last-child, .table td:last-child { padding-right: 0; }
.table th.num { text-align: right; }
.table td small { display: none; font-family: system-ui, sans-serif; }
details { margin-top: 0.75rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 0.2rem; }
ul { margin: 0.5rem 0 0; padding-left: 1.2rem; }
li { margin: 0.2rem 0; overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 0.9rem; }

@media (max-width: 40rem) {
  body { padding: 1.25rem 1rem 2rem; }
  h1 { font-size: 1.6rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: 0.6rem; }
  .card { padding: 0.7rem 0.8rem 0.8rem; }
  .card dd { font-size: 1.35rem; }
  .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .facts { grid-template-columns: 1fr; }
  .facts dt { padding-bottom: 0; font-size: 0.85rem; }
  .facts dd { padding-top: 0; border-top: 0; }
  .bars .share { display: none; }
  .panels { grid-template-columns: 1fr; gap: 1.25rem; }
  .panel .bars th { min-width: 5.5rem; white-space: nowrap; }
  .bars th.name { min-width: 9.5rem; font-size: 0.75rem; }
  .bars thead th { min-width: 0; }
  .twin th { min-width: 0; padding-right: 0; }
  .twin td.bar, .twin th.bar { min-width: 2.5rem; padding-left: 0.6rem; }
  .bars th { padding-right: 0.6rem; white-space: normal; min-width: 8.8rem; line-height: 1.25; }
  .bars td { padding-left: 0.6rem; }
  .map { grid-template-rows: 16rem auto; }
  .map .plot span { font-size: 0.65rem; }
  .map .plot .fine { display: none; }
  .table .wide { display: none; }
  .table td small { display: block; }
}
@media print {
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  .card, figure, .stack, .bars, tr, h2, .chart { break-inside: avoid; }
  h2, h2 + p, .stack { break-after: avoid; }
  h2 { margin-top: 1.75rem; }
  .table td { padding: 0.2rem 0.5rem; }
  .map .plot span { font-size: 0.65rem; }
  .stack, .stack i, .bar i, .dot, .chart, .chart *, .map rect, .map .plot, .card { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .cards { grid-template-columns: repeat(5, 1fr); }
  .map { grid-template-rows: 16rem auto; }
}
)css";

} // namespace gem::report
