/** The report as one page that needs nothing else: no scripts, no fonts, no pictures from elsewhere. */
import { moment } from './format.js'
import { html, Markup } from './markup.js'
import { Figures, type Section, stageStyles } from './page-parts.js'
import { costSection, curvesSection, dataSection, reproduceSection, samplesSection } from './run-sections.js'
import type { ReportData } from './schema.js'
import {
  ablationSection,
  type Drawing,
  overOptimisationSection,
  rewardModelSection,
  scoresSection,
  winsSection,
} from './sections.js'
import { css } from './style.js'
import { allNotes, keyFacts } from './summary.js'

const sections: readonly ((drawing: Drawing) => Section | undefined)[] = [
  scoresSection,
  winsSection,
  overOptimisationSection,
  rewardModelSection,
  ablationSection,
  samplesSection,
  curvesSection,
  dataSection,
  costSection,
  reproduceSection,
]

const labels = { simulated: 'Simulated', miss: 'Missed', note: 'Note' } as const

/** The page. All text of the report is escaped, what models wrote above all; a policy forbids scripts besides. */
export function renderHtml(data: ReportData): string {
  const drawing = { data, figures: new Figures(), styleOf: stageStyles(data) }
  const shown = sections.map((section) => section(drawing)).filter((section) => section !== undefined)
  const notes = allNotes(data)
  const facts = keyFacts(data)
  const meta = [data.preset === undefined ? undefined : `preset ${data.preset}`, moment(data.when)]
  const body = html`<div class="page">
<header><p class="kicker">Athanor · report card</p><h1>${data.title}</h1>${data.subtitle !== undefined && html`<p class="subtitle">${data.subtitle}</p>`}<p class="meta">${meta.filter((part) => part !== undefined).join(' · ')}</p>${
    facts.length > 0 &&
    html`<dl class="facts${facts.length === 4 && ' four'}">${facts.map(
      ({ name, value, detail }) =>
        html`<div><dt>${name}</dt><dd>${value}${detail !== undefined && html`<small>${detail}</small>`}</dd></div>`,
    )}</dl>`
  }${
    notes.length > 0 &&
    html`<ul class="notes">${notes.map(({ kind, text }) => html`<li class="${kind}"><b>${labels[kind]}</b> ${text}</li>`)}</ul>`
  }</header>
${
  shown.length > 1 &&
  html`<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ol>${shown.map(
    ({ id, title }, i) => html`<li><a href="#${id}"><span class="number">${i + 1}</span>${title}</a></li>`,
  )}</ol></nav>`
}
<main>${shown.map(({ id, title, body }) => html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`)}</main>
<footer>Made by Athanor${data.versions.athanor !== undefined && ` ${data.versions.athanor}`}. The same figures stand in report.md and, for programs, in report.json. Intervals cover 95&#160;% unless a note says otherwise.</footer>
</div>`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>${data.title}: report card</title>
<style>${new Markup(css)}</style>
</head>
<body>
${body}
</body>
</html>
`.text
}
