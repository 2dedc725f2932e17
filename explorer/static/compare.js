// Whether a page shows what was proven: nothing added, left out, repeated, hidden, in another order or otherwise than it is.
// Whatever in the page follows from its proof is marked `data-p`; names of members, products and places, and the words for
// steps and states (`terms`), are this site's own, as its scripts are.

import { ProofError, harmless, hex } from './encoding.js';
import { classOf, nameOf } from './verify.js';

const LIFTED = 3;
const RECALL = 14;
// In the page's table; of more, some are left out.
const READINGS_MAX = 500;
const SCALES = new Map([['CEL', [1, 0]], ['KEL', [1, -273.15]], ['FAH', [5 / 9, -160 / 9]]]);
// The nearest first.
const RELATIONS = ['own', 'lot', 'class', 'container', 'input'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
// What a page of ours is made of, and what it never has: other voices, and ways to hide or to replace a text.
const PARTS = '.notice, .recall, .subject, .verdict, .proof, .limits, section[aria-labelledby], script';
const FOREIGN = ['[style]', '[lang]', '[dir]', '[title]', '[inert]', '[aria-label]', '[aria-hidden]:not(.mark)',
  '[hidden]:not(.seal)', 'style', 'form', 'img', 'picture', 'video', 'canvas', 'iframe', 'object', 'embed', 'image', 'use',
].map((one) => `main ${one}`).concat('meta[http-equiv]').join();

const all = (selector) => [...document.querySelectorAll(selector)];
const lean = (text) => text.trim().replace(/\s+/g, ' ');
const hasPage = (key) => /^0[01]\//.test(key);
const isVisible = (element) => element.checkVisibility?.({ checkOpacity: true, checkVisibilityCSS: true }) ?? true;

function check(holds, code = 'page-altered') {
  if (!holds) throw new ProofError(code, 'the page is not what its proof says');
}

/** A moment to the minute, as every page writes it. */
export function timeText(milliseconds) {
  const moment = new Date(milliseconds);
  const clock = `${moment.toISOString().slice(11, 16)} UTC`;
  const [year, month, day] = [moment.getUTCFullYear(), moment.getUTCMonth(), moment.getUTCDate()];
  return document.documentElement.lang === 'en' ? `${day} ${MONTHS[month]} ${year}, ${clock}` : `${year}年${month + 1}月${day}日 ${clock}`;
}

// Of a fraction, the fourth digit rounds, as on the ledger, which takes no other date-times. Not a number for none.
const momentOf = (text = '') => Date.parse(text.replace(/(\.\d{3})\d+/, '$1')) + Number(/\.\d{3}[5-9]/.test(text));

/** Compare the page with what was proven; raises what is wrong. `subject` and `at` are what it says it is about. */
export function compare(result, { subject, at, words: { terms } }) {
  const height = new URLSearchParams(location.search).getAll('at').pop();
  check(keyAt(location) === decodeURIComponent(subject), 'wrong-subject');
  check((/^\d{1,15}$/.test(height) ? Number(height) : undefined) === at, 'wrong-height');
  const steps = stepsOf(result);
  compareFrame(steps.length);
  const proven = claimsOf(result, steps, (family, word) => terms[`${family}.${word}`] ?? String(word));
  const marked = all('[data-p]');
  check(marked.length === proven.length && marked.every((one, i) => isVisible(one) && claimIn(one) === lean(proven[i])));
  // Statements have no curve.
  compareTemperatures(result.closure.statements[0] ? [] : readingsOf(steps));
}

const keyAt = ({ origin, pathname }) => (
  origin === location.origin ? decodeURIComponent(pathname).replace(/^(\/(en|zh)(?=\/))?\//, '') : 'elsewhere'
);

/** What a marked element says: its text, whether that is struck out; of a link where it leads, and its text if that is marked, too. */
function claimIn(element) {
  const text = element.dataset.p === 'to' ? '' : lean(element.textContent);
  if (element.matches('a')) return lean(`${keyAt(element)} ${text}`);
  return element.matches('del') ? `~${text}` : text;
}

function compareFrame(count) {
  const parts = all('main > *');
  const names = all('main > section:not(.recall)').map((part) => part.getAttribute('aria-labelledby') ?? part.className);
  const isOurs = parts.every((part) => part.matches(PARTS)) && new Set(names).size === names.length;
  check(isOurs && all(FOREIGN).length === 0);
  const texts = parts.filter((part) => !part.matches('script')).map((part) => part.textContent);
  check(texts.every((text) => harmless(text) === text));
  check(all('.subject ~ .recall, .recall:not(main > *)').length === 0);
  const isWhole = all('.facts > *').length === all('.facts > div > dd[data-fact]').length;
  const areSteps = all('.step > h3 > .seal').length === count && all('.step, .journey > *, .seal').length === 2 * count;
  const isNothingMore = all('.step > *').length === 3 * count + all('.step > .correction > :is(strong, span)[data-p]').length;
  check(areSteps && isWhole && isNothingMore);
}

// --- what is proven, in the order of the page ---

function claimsOf({ closure, signers }, steps, term) {
  const { subject, parts } = closure;
  const item = parts.get(subject)?.item;
  if (!item && steps.length === 0) return [subject];
  // As a browser reads it, to whom a lot '.' is a folder.
  const link = (key, text = key) => `${keyAt(new URL(`/${key}`, location))} ${text}`;
  const claims = [];
  for (const recall of [...closure.recalls.values()].sort((one, other) => other.height - one.height)) {
    if (recall.state === LIFTED) continue;
    claims.push(harmless(recall.reason), term('severity', recall.severity), recall.issuer);
    claims.push(...recall.roots.filter(hasPage).map((key) => link(key)));
  }
  const [space, number, , own] = subject.split('/').map(decodeURIComponent);
  const lot = item?.lot.split('/')[3];
  claims.push(...(space === '00' ? [number] : [own, lot && link(item.lot, decodeURIComponent(lot))].filter(Boolean)));
  if (space === '01') claims.push(own === undefined ? number : link(classOf(subject), number));
  const stepClaims = ({ entry, value, about, relation, correction }) => {
    const commitment = hex(entry.commitment);
    const title = value.bizStep ? term('step', value.bizStep) : term('history', entry.kind);
    claims.push(correction ? `~${title}` : title);
    if (value.disposition) claims.push(term('disposition', value.disposition));
    claims.push(timeText(momentOf(value.eventTime)));
    if (signers.get(commitment)?.organisation === entry.organisation) claims.push(entry.organisation);
    if (relation !== 'own' && hasPage(about)) claims.push(term('about', relation), link(about));
    claims.push(`event/${commitment}`, `block/${entry.height}`);
    if (correction) claims.push(term('correction', 'title'));
    else if (value.errorDeclaration !== undefined) claims.push(term('correction', 'declares'));
  };
  if (item) {
    claims.push(term('status', item.status), term('origin', item.origin));
    if (item.declaredOrigin) claims.push(harmless(item.declaredOrigin));
    claims.push(String(steps.length));
  }
  steps.filter(({ relation }) => relation !== 'input').forEach(stepClaims);
  if (!item) return claims;
  const made = [...closure.transformations.values()].filter(({ outputs }) => outputs.includes(subject));
  for (const key of new Set(made.flatMap(({ inputs }) => inputs).filter(hasPage))) claims.push(link(key, ''), key);
  steps.filter(({ relation }) => relation === 'input').forEach(stepClaims);
  for (const key of new Set([...closure.sessions.values()].map(({ session }) => session.identifier))) claims.push(link(key));
  for (const { identifier, inspection } of parts.values()) {
    if (inspection === null) continue;
    const mark = inspection.verdict === 1 ? '✓' : '✕';
    claims.push(mark, term('inspection', inspection.verdict), inspection.inspector, link(identifier), `event/${hex(inspection.commitment)}`);
  }
  return claims;
}

// Each event once, where it is nearest to the subject; by time, then by place on the ledger.
function stepsOf({ closure, events }) {
  const { subject, parts, sessions, corrections } = closure;
  const item = parts.get(subject)?.item;
  const steps = new Map();
  const add = (entries, about, relation) => {
    for (const entry of entries) {
      const name = nameOf(entry);
      const value = events.get(hex(entry.commitment))?.value;
      const isNearer = !steps.has(name) || RELATIONS.indexOf(relation) < RELATIONS.indexOf(steps.get(name).relation);
      if (entry.kind === RECALL || value === undefined || !isNearer) continue;
      const place = [momentOf(value.eventTime), entry.height, entry.transactionIndex, entry.eventIndex];
      steps.set(name, { entry, value, about, relation, place, correction: corrections.get(name) });
    }
  };
  if (item) {
    const relations = { [classOf(subject)]: 'class', [item.lot]: 'lot', [subject]: 'own' };
    for (const { identifier, entries } of parts.values()) add(entries, identifier, relations[identifier] ?? 'input');
    for (const { session, entries } of sessions.values()) add(entries, session.identifier, 'container');
  } else add(closure.statements, subject, 'own');
  const order = (one, other) => one.place.map((at, i) => at - other.place[i]).find((apart) => apart !== 0) ?? 0;
  return [...steps.values()].sort(order);
}

// --- temperatures ---

// In degrees Celsius, those that events in effect report of the thing itself, its lot, its class, its containers.
function readingsOf(steps) {
  const list = (value) => (Array.isArray(value) ? value : []);
  const readings = [];
  for (const { value, relation, correction } of steps) {
    if (relation === 'input' || correction || value.errorDeclaration !== undefined) continue;
    for (const element of list(value.sensorElementList)) {
      for (const report of list(element?.sensorReport)) {
        const scale = SCALES.get(report?.uom ?? 'CEL');
        if (report?.type !== 'Temperature' || scale === undefined) continue;
        const told = momentOf(report.time ?? element.sensorMetadata?.time);
        const moment = new Date(Number.isNaN(told) ? momentOf(value.eventTime) : told);
        const time = moment.toISOString().slice(0, 16).replace('T', ' ');
        for (const one of [report.minValue, report.value, report.maxValue]) {
          if (typeof one === 'number') readings.push({ time, celsius: one * scale[0] + scale[1], alarm: Boolean(report.exception) });
        }
      }
    }
  }
  return readings.sort(byCelsius);
}

const byCelsius = (one, other) => one.celsius - other.celsius;

// Every reading must be in the page's table, and no other; of very many, those that matter.
function compareTemperatures(readings) {
  const ends = [readings[0], readings[readings.length - 1]];
  const isThinned = readings.length > READINGS_MAX;
  const rows = all('[data-reading]').map((cell) => {
    const [text, alarm] = [lean(cell.textContent), cell.querySelector('strong')];
    const isPlain = /^-?\d+(\.\d+)? °C$/.test(alarm ? lean(text.replace(alarm.textContent, '')) : text);
    return { time: lean(cell.previousElementSibling.textContent), celsius: parseFloat(text), alarm: alarm !== null, isPlain };
  });
  const isOf = (row) => (one) => Math.abs(row.celsius - one.celsius) < 0.01 && row.alarm === one.alarm && row.time === one.time;
  // In the order of the readings: so those are told apart that rounding brings near one another.
  const left = [...rows].sort(byCelsius);
  for (const one of isThinned ? readings.filter((each) => each.alarm || ends.includes(each)) : readings) {
    const at = left.findIndex(isOf(one));
    check(at >= 0);
    left.splice(at, 1);
  }
  const isTrue = rows.every((row) => row.isPlain) && left.every((row) => isThinned && readings.some(isOf(row)));
  check(isTrue && all('tbody tr').length === rows.length);
  if (rows.length > 0) compareChart(rows, ends);
  else check(all('.chart').length === 0);
}

// The curve goes through the rows of the table, at the heights that the numbers beside it say.
function compareChart(rows, ends) {
  const numbers = (text) => text.match(/-?\d+(\.\d+)?/g).map(Number);
  // No number holds more than 15 digits.
  const isNear = (one, other, by) => Math.abs(one - other) <= by + Math.abs(other / 1e15);
  const [count, low, high] = numbers(document.querySelector('figcaption').textContent);
  const isTold = count === rows.length && isNear(low, ends[0].celsius, 0.06) && isNear(high, ends[1].celsius, 0.06);
  const ticks = all('.chart [x="28"]').map((tick) => [Number(tick.textContent), tick.getAttribute('y') - 4]);
  const [[value, y], [otherValue, otherY]] = [ticks[0], ticks[ticks.length - 1]];
  const isAt = (celsius, height) => isNear(height, y + ((celsius - value) / (otherValue - value)) * (otherY - y), 0.5);
  const points = numbers(document.querySelector('.line').getAttribute('points'));
  const isDrawn = points.length === 2 * rows.length && rows.every(({ celsius }, i) => isAt(celsius, points[2 * i + 1]))
    && rows.every((_, i) => i === 0 || points[2 * i] >= points[2 * i - 2]) && ticks.every((tick) => isAt(...tick));
  const alarms = rows.flatMap(({ alarm }, i) => (alarm ? points.slice(2 * i, 2 * i + 2) : []));
  const marks = all('.chart .alarm').flatMap((mark) => [mark.cx.baseVal.value, mark.cy.baseVal.value]);
  const isMarked = marks.length === alarms.length && marks.every((at, i) => isNear(at, alarms[i], 0.1));
  const isWhole = all('.chart *').length === 2 * ticks.length + alarms.length / 2 + 3;
  check(isTold && isDrawn && isMarked && isWhole);
}
