// The product page's own check: verify the inlined proof, compare the page with it, say the result plainly.

import { compare, timeText } from './compare.js';
import { utf8 } from './encoding.js';
import { isSupported, ProofError, verifyBundle } from './verify.js';

const STALE_MINUTES = 10;
const SIZE_MAX = 4 * 1048576; // of a bundle
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

// What this site says by itself is no answer of this browser.
function wait() {
  const section = document.getElementById('verdict');
  section.dataset.state = 'waiting';
  section.querySelector('.mark').textContent = '…';
  section.querySelector('strong').textContent = words.waiting;
  section.querySelector('.reason').textContent = '';
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

// A proof that was asked for apart may know of more than the page: then both are asked for anew, once; a browser that does
// not say how it came here could go on for ever.
const cameBy = () => performance.getEntriesByType('navigation')[0]?.type ?? 'reload';
const isOutrun = () => !document.getElementById('proof') && cameBy() !== 'reload';

function base64(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function sentencesOf(result, milliseconds) {
  const { anchor } = result;
  const sentences = [words.codes[result.verdict]];
  sentences.push(fill(words.checkedHere, {
    signed: anchor.signers.length, total: anchor.validatorCount, ms: Math.max(1, Math.round(milliseconds)),
  }));
  sentences.push(fill(words.asOf, { time: timeText((anchor.asOf ?? anchor.executed).timeMs) }));
  const minutes = Math.floor((Date.now() - anchor.executed.timeMs) / 60000);
  if (minutes >= STALE_MINUTES && !anchor.asOf) sentences.push(fill(words.stale, { minutes: STALE_MINUTES }));
  return sentences;
}

async function check() {
  wait();
  if (!(await isSupported())) {
    show('no-crypto', [words.codes['no-crypto'], words.otherWays]);
    return;
  }
  const started = performance.now();
  try {
    const bundle = await readProof();
    const result = await verifyBundle(bundle, pinned.trust, pinned.subject, pinned.at);
    compare(result, pinned);
    for (const seal of document.querySelectorAll('.step .seal')) seal.hidden = seal.closest('.stated') !== null;
    document.getElementById('verdict').dataset.ms = String(performance.now() - started);
    show(result.verdict, sentencesOf(result, performance.now() - started));
  } catch (error) {
    const code = error instanceof ProofError ? error.code : 'unreadable'; // a fault of ours proves nothing either
    if (code === 'page-altered' && isOutrun()) location.reload();
    else show(code, [words.codes[code] ?? fill(words.other, { code })]);
    if (code !== error.code) throw error;
  }
}

check();
