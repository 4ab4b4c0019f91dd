/** The look of the page: warm paper by day, embers by night; fonts of the reader's own machine. */
export const css = `
:root {
  color-scheme: light dark;
  --paper: #fdfcf9; --raised: #f6f2ea; --ink: #292421; --soft: #655c54; --line: #e3dcd0; --accent: #a8470b;
  --good: #2c6e49; --bad: #a3271c; --mark: #fff4dd; --mark-line: #e0a94a;
  --s0: #64748b; --s1: #2563a8; --s2: #2f7d5b; --s3: #c2410c; --s4: #7e4aa3; --s5: #97660a;
  --serif: Charter, 'Bitstream Charter', 'Sitka Text', 'Iowan Old Style', Cambria, 'Source Serif 4', 'Noto Serif', 'Noto Serif CJK SC', 'Songti SC', 'Liberation Serif', serif;
  --sans: 'Inter', ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', 'PingFang SC', 'Noto Sans CJK SC', sans-serif;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'Liberation Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191715; --raised: #23201c; --ink: #e9e3d9; --soft: #ada397; --line: #39342e; --accent: #f2a35e;
    --good: #79c79a; --bad: #f08c7f; --mark: #2f2717; --mark-line: #a97a2a;
    --s0: #94a3b8; --s1: #71aae8; --s2: #62c198; --s3: #f58a4b; --s4: #c39ae3; --s5: #dcb04a;
  }
}
* { box-sizing: border-box; }
html { font-size: 106.25%; -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--serif); font-kerning: normal; text-rendering: optimizeLegibility; }
a { color: var(--accent); text-decoration-thickness: .06em; text-underline-offset: .18em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
.page { max-width: 47rem; margin: 0 auto; padding: 3.2rem 1.25rem 5rem; }
header { margin-bottom: 2.2rem; }
.kicker { font: 600 .75rem/1.4 var(--sans); letter-spacing: .09em; text-transform: uppercase; color: var(--accent); margin: 0 0 .7rem; }
h1 { font-size: clamp(1.9rem, 5.4vw, 2.7rem); line-height: 1.12; letter-spacing: -.018em; font-weight: 600; margin: 0 0 .55rem; text-wrap: balance; }
.subtitle { font-size: 1.16rem; line-height: 1.5; color: var(--soft); margin: 0 0 .9rem; text-wrap: pretty; }
.meta { font: .84rem/1.5 var(--sans); color: var(--soft); margin: 0; }
h2 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; font-weight: 600; margin: 2.9rem 0 .8rem; padding-top: 1.1rem; border-top: 1px solid var(--line); scroll-margin-top: .5rem; }
h3 { font: 600 1rem/1.4 var(--sans); margin: 2.1rem 0 .5rem; }
p { margin: 0 0 1rem; text-wrap: pretty; overflow-wrap: break-word; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1.1rem 1.4rem; margin: 2rem 0; padding: 1.15rem 0; border-block: 1px solid var(--line); }
.facts.four { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
.facts dt { font: .78rem/1.4 var(--sans); color: var(--soft); }
.facts dd { margin: 0; font: 600 1.42rem/1.3 var(--sans); letter-spacing: -.015em; font-variant-numeric: tabular-nums lining-nums; }
.facts dd small { display: block; font-size: .78rem; font-weight: 400; color: var(--soft); letter-spacing: 0; }
nav { font: .9rem/1.55 var(--sans); margin: 0 0 1.8rem; }
nav h2 { all: unset; display: block; font: 600 .75rem/1.4 var(--sans); letter-spacing: .09em; text-transform: uppercase; color: var(--soft); margin-bottom: .45rem; }
nav ol { margin: 0; padding: 0; list-style: none; columns: 2 11rem; column-gap: 2rem; }
nav li { padding: .14rem 0; break-inside: avoid; }
nav a { text-decoration: none; color: inherit; display: block; padding: .1rem 0 .1rem 1.85em; text-indent: -1.85em; }
nav a:hover { color: var(--accent); text-decoration: underline; }
nav .number { display: inline-block; min-width: 1.85em; text-indent: 0; color: var(--soft); font-variant-numeric: tabular-nums; }
@media (min-width: 74rem) {
  .page { max-width: 66.5rem; display: grid; grid-template-columns: 13.5rem minmax(0, 47rem); column-gap: 3.4rem; }
  .page > nav { grid-column: 1; grid-row: 1 / span 99; position: sticky; top: 3.4rem; align-self: start; max-height: calc(100vh - 5rem); overflow: auto; padding-top: .3rem; }
  .page > nav ol { columns: 1; }
  .page > :not(nav) { grid-column: 2; }
}
.notes { margin: 0 0 1.2rem; padding: 0; list-style: none; font-size: .96rem; }
.notes li { background: var(--mark); border-left: 3px solid var(--mark-line); padding: .6rem .95rem; margin-bottom: .55rem; border-radius: 0 4px 4px 0; overflow-wrap: break-word; }
.notes li.miss { border-color: var(--bad); background: var(--raised); }
.notes li.note { border-color: var(--line); background: var(--raised); }
.notes b { font: 600 .78rem/1 var(--sans); margin-right: .45em; }
.miss b { color: var(--bad); }
figure { margin: 1.5rem 0 1.7rem; container-type: inline-size; }
figure .plot { display: block; width: 100%; max-width: 38rem; height: auto; overflow: visible; }
figcaption { font: .86rem/1.5 var(--sans); color: var(--soft); margin-top: .55rem; max-width: 40rem; text-wrap: pretty; overflow-wrap: break-word; }
figcaption b { color: var(--ink); font-weight: 600; }
.grid-of-figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 0 2rem; align-items: start; }
.plot text { font: 12.5px var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot .name, .plot .label { fill: var(--ink); }
.plot .label { font-size: 13px; font-weight: 600; }
.plot .value { fill: var(--ink); font-size: 12px; }
.plot .value, .plot .label, .plot .name { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.plot .rule-name { fill: var(--accent); font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.plot .cell { fill: var(--ink); font-size: 16px; font-weight: 600; }
.plot .cell-interval { fill: var(--ink); font-size: 11.5px; }
@container (min-width: 34rem) {
  .plot text { font-size: 10.6px; }
  .plot .label, .plot .value, .plot .rule-name { font-size: 10.8px; }
  .plot .cell { font-size: 13.5px; }
  .plot .cell-interval { font-size: 10px; }
}
@container (max-width: 25rem) {
  .plot text { font-size: 15.5px; }
  .plot .label, .plot .value, .plot .rule-name { font-size: 15px; }
  .plot .cell { font-size: 18px; }
  .plot .cell-interval { font-size: 13.5px; }
}
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .base, .plot .tick { stroke: var(--soft); stroke-width: 1; }
.plot .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.plot .faint { stroke-width: 1; opacity: .42; }
.plot .dashed { stroke-width: 1.2; stroke-dasharray: 4 4; }
.plot .band { opacity: .17; }
.plot .rule { stroke: var(--accent); stroke-width: 1.3; stroke-dasharray: 5 4; fill: none; }
.plot .target { stroke: var(--ink); stroke-width: 2; }
.plot .interval { stroke: var(--ink); stroke-width: 1.2; fill: none; opacity: .8; }
.plot .bar { opacity: .86; }
.plot .empty { fill: none; stroke: var(--line); }
.plot .winning { fill: var(--s3); }
.plot .losing { fill: var(--s1); }
.whisker path { stroke-width: 1.5; }
${[0, 1, 2, 3, 4, 5]
  .map(
    (i) =>
      `.line.s${i}, .whisker.s${i} path { stroke: var(--s${i}); } .band.s${i}, .bar.s${i}, .mark.s${i} { fill: var(--s${i}); } .edge.s${i} { border-top-color: var(--s${i}); }`,
  )
  .join('\n')}
.mark > * { stroke: var(--paper); stroke-width: 1; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.15rem; list-style: none; margin: 0 0 .5rem; padding: 0; font: .84rem/1.5 var(--sans); }
.legend svg { width: .95rem; height: .82rem; margin-right: .35rem; vertical-align: -.08em; }
.scroll { overflow-x: auto; margin: 1.1rem 0 1.4rem; }
table { border-collapse: collapse; font: .86rem/1.45 var(--sans); font-variant-numeric: tabular-nums lining-nums; min-width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
th, td { text-align: right; padding: .44rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.texts :is(th, td) { text-align: left; overflow-wrap: break-word; }
thead th { font-weight: 600; border-bottom-color: var(--soft); vertical-align: bottom; }
tbody th { font-weight: 500; }
td small, th small { display: block; color: var(--soft); font-weight: 400; font-size: .92em; }
tbody th small { max-width: 22rem; }
td.best { font-weight: 650; }
tr.baseline { background: var(--raised); }
.met { color: var(--good); } .missed { color: var(--bad); }
.met, .missed { white-space: nowrap; font-weight: 600; }
td:not(.wrap) { white-space: nowrap; }
.texts td { white-space: normal; }
table.narrow { min-width: min(100%, 22rem); }
details { margin: .5rem 0; font: .86rem/1.5 var(--sans); }
summary { cursor: pointer; color: var(--soft); padding: .25rem 0; width: fit-content; }
summary:hover { color: var(--accent); }
details > details, details .grid-of-figures { margin-top: .6rem; }
.sample { margin: 1.8rem 0 2.4rem; }
.sample h3 { color: var(--soft); font-weight: 600; font-size: .84rem; margin: 0 0 .5rem; }
.turn { margin: 0 0 .45rem; padding: .55rem .9rem; background: var(--raised); border-radius: 5px; }
.who { display: block; font: 600 .74rem/1.5 var(--sans); color: var(--soft); }
.said { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .97rem; line-height: 1.5; unicode-bidi: plaintext; }
.said:empty::after { content: '(nothing)'; color: var(--soft); font-style: italic; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: .7rem; margin-top: .7rem; }
.answer { border: 1px solid var(--line); border-top-width: 3px; border-radius: 0 0 5px 5px; padding: .6rem .85rem .7rem; }
.answer .judged { font: .78rem/1.5 var(--sans); color: var(--soft); margin: .5rem 0 0; font-variant-numeric: tabular-nums; }
code { font: .88em var(--mono); overflow-wrap: anywhere; }
th code { white-space: nowrap; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); font: .82rem/1.5 var(--sans); color: var(--soft); }
@media (max-width: 34rem) {
  .page { padding: 1.8rem 1.05rem 3rem; }
  .facts, .facts.four { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  th, td { padding-inline: .5rem; }
}
@media print {
  :root { --paper: #fff; } .page { display: block; max-width: none; padding: 0; } nav { display: none; }
  figure, .sample, tr { break-inside: avoid; } html { font-size: 80%; }
}
`
