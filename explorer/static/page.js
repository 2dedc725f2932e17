// The product page's own check: verify the inlined proof, compare it with what the page shows, say the result plainly.

import { classOf, entriesOf, isSupported, nameOf, ProofError, verifyBundle } from './verify.js';
import { hex, utf8 } from './encoding.js';

const LIFTED = 3;
const STALE_MINUTES = 10;
const READINGS_MAX = 500; // in the page's table; of more, some are left out
const SIZE_MAX = 4 * 1048576; // of a bundle
const SCALES = { CEL: [1, 0], KEL: [1, -273.15], FAH: [5 / 9, -160 / 9] };
const MARKS = { proven: '✓', partly: '◐', stated: '“', unknown: '✕', unproven: '✕', 'no-crypto': '?' };
const STATES = { proven: 'proven', partly: 'partly', stated: 'stated', 'unknown-item': 'unknown', 'no-crypto': 'no-crypto' };

const pinned = JSON.parse(document.getElementById('pinned').textContent);
const words = pinned.words;
const language = document.documentElement.lang;

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function show(code, sentences) {
  const state = STATES[code] ?? 'unproven';
  const section = document.getElementById('verdict');
  section.dataset.state = state;
  section.dataset.code = code;
  section.querySelector('.mark').textContent = MARKS[state];
  section.querySelector('strong').textContent = words.verdicts[state];
  section.querySelector('.reason').textContent = sentences.join(language === 'en' ? ' ' : '');
}

// In the page events stand as text, which compresses better; a bundle has them in base64.
function unfold(folded) {
  if (!Array.isArray(folded?.events)) return folded;
  const events = folded.events.map((event) => {
    if (typeof event?.text !== 'string') return event;
    const { text, ...rest } = event;
    return { ...rest, public: base64(utf8(text)) };
  });
  return { ...folded, events };
}

// The proof of a very long history is too large to stand in the page.
async function readProof() {
  const inlined = document.getElementById('proof');
  try {
    if (inlined) return unfold(JSON.parse(inlined.textContent));
    const at = pinned.at === undefined ? '' : `&at=${pinned.at}`;
    const text = await (await fetch(`/v1/proofs/item?id=${encodeURIComponent(pinned.subject)}${at}`)).text();
    if (text.length > SIZE_MAX) throw new Error('too long');
    return JSON.parse(text);
  } catch {
    throw new ProofError('unreadable', 'the proof is not JSON');
  }
}

function base64(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

// The page must show the events of the proof, all of them and no others, with their own times and steps.
function compare(result) {
  const proven = new Map(entriesOf(result.closure).map((entry) => [nameOf(entry), hex(entry.commitment)]));
  const shown = [...document.querySelectorAll('li[data-commitment]')];
  const named = ({ dataset }) => `${dataset.commitment} ${dataset.recorder}`;
  for (const step of shown) {
    const event = result.events.get(step.dataset.commitment);
    if (!proven.has(named(step)) || event === undefined) {
      throw new ProofError('history-altered', 'the page shows an event that the proof does not hold');
    }
    if (event.value.eventTime !== step.dataset.time || (event.value.bizStep ?? '') !== step.dataset.step) {
      throw new ProofError('event-altered', 'the page shows an event otherwise than it was signed');
    }
    const struck = step.classList.contains('struck');
    if (struck !== result.closure.corrections.has(named(step))) {
      throw new ProofError('correction-hidden', 'the page does not show a correction as the proof does');
    }
  }
  const onPage = new Set(shown.map(named));
  if ([...proven].some(([name, commitment]) => result.events.has(commitment) && !onPage.has(name))) {
    throw new ProofError('history-altered', 'the page leaves out an event');
  }
  const banners = new Set([...document.querySelectorAll('[data-recall]')].map((banner) => banner.dataset.recall));
  for (const [id, recall] of result.closure.recalls) {
    if (recall.state !== LIFTED && !banners.has(id)) throw new ProofError('record-altered', 'the page hides a recall');
  }
  compareTemperatures(result);
  for (const step of shown) if (!step.closest('.stated')) step.querySelector('.seal').hidden = false;
}

// Temperatures in degrees Celsius that events in effect report of the thing itself, its lot, its class, its containers.
function readingsOf({ closure, events }) {
  const own = [closure.subject, closure.parts.get(closure.subject)?.item?.lot, classOf(closure.subject)];
  const parts = [...own.map((name) => closure.parts.get(name)).filter(Boolean), ...closure.sessions.values()];
  const names = new Map(parts.flatMap((part) => part.entries).map((entry) => [nameOf(entry), hex(entry.commitment)]));
  const list = (value) => (Array.isArray(value) ? value : []);
  const readings = [];
  for (const [name, commitment] of names) {
    const value = closure.corrections.has(name) ? {} : events.get(commitment)?.value ?? {};
    for (const report of list(value.sensorElementList).flatMap((element) => list(element?.sensorReport))) {
      const scale = SCALES[report?.uom ?? 'CEL'];
      if (value.errorDeclaration !== undefined || report?.type !== 'Temperature' || scale === undefined) continue;
      for (const one of [report.minValue, report.value, report.maxValue]) {
        if (typeof one === 'number') readings.push({ celsius: one * scale[0] + scale[1], alarm: Boolean(report.exception) });
      }
    }
  }
  return readings;
}

// Every reading must be in the page's table; of very many, those that matter.
function compareTemperatures(result) {
  const readings = readingsOf(result).sort((a, b) => a.celsius - b.celsius);
  const ends = [readings[0], readings[readings.length - 1]];
  const needed = readings.length > READINGS_MAX ? readings.filter((one) => one.alarm || ends.includes(one)) : readings;
  const cells = [...document.querySelectorAll('[data-reading]')];
  const rows = cells.map((cell) => ({ celsius: parseFloat(cell.textContent), alarm: cell.querySelector('strong') !== null }));
  for (const { celsius, alarm } of needed) {
    const at = rows.findIndex((row) => Math.abs(row.celsius - celsius) < 0.01 && row.alarm === alarm);
    if (at < 0) throw new ProofError('event-altered', 'the page hides a temperature, or shows another one');
    rows.splice(at, 1);
  }
}

function sentencesOf(result, milliseconds) {
  const { anchor } = result;
  const sentences = [words.codes[result.verdict]];
  sentences.push(fill(words.checkedHere, {
    signed: anchor.signers.length, total: anchor.validatorCount, ms: Math.max(1, Math.round(milliseconds)),
  }));
  const moment = new Date((anchor.asOf ?? anchor.executed).timeMs);
  const options = { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC', hour12: false };
  const locale = language === 'en' ? 'en-GB' : language;
  const time = `${new Intl.DateTimeFormat(locale, options).format(moment)} UTC`;
  sentences.push(fill(words.asOf, { time }));
  const minutes = Math.floor((Date.now() - anchor.executed.timeMs) / 60000);
  if (minutes >= STALE_MINUTES && !anchor.asOf) sentences.push(fill(words.stale, { minutes: STALE_MINUTES }));
  return sentences;
}

async function check() {
  document.getElementById('verdict').querySelector('.reason').textContent = words.waiting;
  if (!(await isSupported())) {
    show('no-crypto', [words.codes['no-crypto'], words.otherWays]);
    return;
  }
  const started = performance.now();
  try {
    const bundle = await readProof();
    const result = await verifyBundle(bundle, pinned.trust, pinned.subject, pinned.at);
    compare(result);
    document.getElementById('verdict').dataset.ms = String(performance.now() - started);
    show(result.verdict, sentencesOf(result, performance.now() - started));
  } catch (error) {
    const code = error instanceof ProofError ? error.code : 'unreadable'; // a fault of ours proves nothing either
    show(code, [words.codes[code] ?? words.codes.unreadable]);
    if (code !== error.code) throw error;
  }
}

check();
