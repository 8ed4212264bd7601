// How the pages of evaluations look, beside what every page has.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/HtmlStyle.h"

namespace gem::report {

const char kEvaluationStyle[] = R"css(
:root { --heat: 15 111 99; }
@media screen and (prefers-color-scheme: dark) { :root { --heat: 69 194 177; } }
.headline { margin: 1.5rem 0 0; padding: 0.1rem 0 0.1rem 1rem; border-left: 4px solid var(--accent); font-size: 1.25rem; line-height: 1.4; max-width: 46rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin-top: 0.75rem; background: linear-gradient(to left, var(--bg) 40%, transparent) right / 3rem 100% no-repeat local, linear-gradient(to left, var(--line), transparent) right / 1rem 100% no-repeat scroll; }
@media screen and (min-width: 62rem) { .scroll { width: max-content; min-width: 100%; max-width: calc(50vw + 28rem); } }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.grid-table { border-collapse: separate; border-spacing: 0; font-size: 0.9rem; }
.grid-table th, .grid-table td { padding: 0.4rem 0.7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; vertical-align: baseline; font-variant-numeric: tabular-nums; }
.grid-table thead th { color: var(--soft); font-weight: 600; }
.grid-table tbody th, .grid-table thead th:first-child { text-align: left; font-weight: 400; position: sticky; left: 0; background: var(--bg); padding-left: 0; min-width: 9rem; max-width: 14rem; white-space: normal; overflow-wrap: anywhere; }
.grid-table tr.all th, .grid-table tr.all td { font-weight: 650; }
.grid-table small { display: block; font-weight: 400; font-size: 0.78rem; }
.tag { display: inline-block; padding: 0 0.4rem; border: 1px solid var(--line); border-radius: 0.6rem; color: var(--soft); font-size: 0.75rem; white-space: nowrap; }
.marks th[scope=row] { max-width: 13rem; min-width: 8.5rem; white-space: normal; overflow-wrap: anywhere; vertical-align: middle; line-height: 1.25; }
.marks td { vertical-align: middle; }
.marks tbody tr:nth-child(odd) { background: var(--card); }
.marks .num { line-height: 16px; font-size: 0.85rem; }
.marks .num span { display: block; }
.marks .num b, .numbered b { margin-right: 0.5rem; font-weight: 650; }
.marks svg { margin: 0; }
.marks .grid { stroke: var(--line); stroke-width: 1px; }
.marks .band { fill: var(--fg); opacity: 0.09; }
.marks .base { stroke: var(--fg); stroke-width: 2px; opacity: 0.75; }
.marks .whisker { stroke: currentColor; stroke-width: 2px; opacity: 0.55; }
.marks svg circle { fill: currentColor; stroke: var(--bg); stroke-width: 1px; }
.marks tfoot td, .marks tfoot th { border-top: 0; font-weight: 400; }
.ticks { position: relative; height: 1.2rem; color: var(--soft); font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.ticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.numbered { margin: 0.75rem 0 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; font-size: 0.9rem; }
.base-key { display: inline-block; width: 3px; height: 0.9rem; margin: 0 0.6rem 0 0.4rem; background: var(--fg); opacity: 0.75; vertical-align: -0.1rem; }
.heat { border-collapse: collapse; font-size: 0.75rem; font-variant-numeric: tabular-nums; }
.heat td { min-width: 1.8rem; padding: 0.15rem 0.3rem; text-align: center; border: 1px solid var(--bg); background: var(--track); }
.heat td.zero { color: transparent; }
.heat td.deep { color: var(--label); }
.heat td.right { outline: 1.5px solid var(--soft); outline-offset: -1.5px; }
.heat tbody th { position: sticky; left: 0; background: var(--bg); text-align: right; font-weight: 400; padding: 0 0.5rem 0 0; white-space: nowrap; max-width: 11rem; overflow: hidden; text-overflow: ellipsis; }
.heat thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; font-weight: 400; padding: 0.3rem 0; max-height: 9rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.heat thead td { background: none; }
.defined { margin: 0.75rem 0 0; }
.defined dt { margin-top: 0.9rem; font-weight: 600; }
.defined dd { margin: 0.1rem 0 0; max-width: 46rem; }
.defined code { font-size: 0.88rem; overflow-wrap: anywhere; }
.marks.routes th[scope=row] { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.84rem; }
@media (max-width: 40rem) {
  .headline { font-size: 1.1rem; }
  .marks.bars th[scope=row] { min-width: 6.2rem; max-width: 7.5rem; font-size: 0.85rem; padding-right: 0.8rem; }
  .grid-table tbody th, .grid-table thead th:first-child { min-width: 6.2rem; max-width: 8.5rem; padding-right: 0.4rem; }
  .heat tbody th { max-width: 6rem; }
}
@media print {
  .scroll { overflow: visible; }
  .grid-table { font-size: 0.68rem; }
  .grid-table th, .grid-table td { padding: 0.15rem 0.25rem; }
  .grid-table th { white-space: normal; }
  .grid-table small { font-size: 0.58rem; white-space: nowrap; }
  .heat td, .marks tr, .base-key { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
.scatter { margin: 1.25rem 0 0; max-width: 46rem; break-inside: avoid; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 0.75rem 2rem; }
.scatter .ytitle, .scatter .xtitle { color: var(--soft); font-size: 0.85rem; }
.scatter .ytitle { margin-bottom: 0.75rem; }
.scatter .xtitle { margin-top: 0.15rem; text-align: right; }
.scatter .area { display: grid; grid-template-columns: auto 1fr; grid-template-rows: 18rem 1.5rem; gap: 0.4rem 1rem; padding-right: 1rem; }
.scatter .y, .scatter .x { position: relative; color: var(--soft); font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.scatter .y b { visibility: hidden; font-weight: 400; }
.scatter .y span { position: absolute; right: 0; transform: translateY(-50%); white-space: nowrap; }
.scatter .x { grid-column: 2; margin-top: 0.4rem; }
.scatter .x span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.scatter svg { display: block; overflow: visible; }
.scatter .grid { stroke: var(--line); stroke-width: 1px; }
.scatter .level { stroke: var(--soft); stroke-width: 1.5px; stroke-dasharray: 5 4; }
.scatter .front { stroke: var(--accent); stroke-width: 2px; }
.scatter .whisker { stroke: currentColor; stroke-width: 2px; opacity: 0.5; }
.scatter circle.dot { fill: currentColor; stroke: var(--bg); stroke-width: 1px; }
.scatter circle.ring { fill: var(--bg); stroke: currentColor; stroke-width: 2px; }
.scatter circle.halo { fill: none; stroke: var(--accent); stroke-width: 2px; }
.scatter text { fill: var(--label); font-size: 11px; font-weight: 650; text-anchor: middle; }
.scatter text.on { fill: currentColor; }
@media (max-width: 40rem) {
  .scatter .area { grid-template-rows: 15rem 1.5rem; gap: 0.4rem 0.6rem; }
}
@media print {
  .scatter, .scatter * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

} // namespace gem::report
