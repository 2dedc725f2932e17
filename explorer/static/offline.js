// The page that verifies from disk: a trust file and a proof, chosen or pasted; nothing leaves the computer. It is made
// into one file with the verifier by scripts/make_offline_verifier.py; no page of the site loads it.

import { ProofError, harmless, hex } from './encoding.js';
import { entriesOf, isSupported, nameOf, namedBy, verifyBundle } from './verify.js';

const MARKS = { proven: '✓', partly: '◐', stated: '“', 'unknown-item': '✕' };
const CLASSES = { proven: 'proven', partly: 'partly', stated: 'stated', 'unknown-item': 'unknown', 'no-crypto': 'no-crypto' };
const OWN_WORDS = { 'no-trust': 'noTrust', compact: 'compact' };
const COMPACT = /^(TSC\d:|[a-z]+:\/\/[^/]*\/TSC\d\/)/i; // a code on paper; Web Crypto has no BLS12-381
const LIFTED = 3;
const LIEN_HELD = 1;
const SIZE_MAX = 4 * 1048576;

const data = JSON.parse(document.getElementById('data').textContent);
const at = (id) => document.getElementById(id);
let language = (navigator.language || 'en').startsWith('zh') ? 'zh' : 'en';
let last = null;
let asked = 0;
const column = () => (language === 'zh' ? 1 : 0); // of the two languages in which all words are
const t = (key) => data.words[key][column()];
const sentence = (code) => data.codes[code in data.codes ? code : 'unreadable'][column()];
const aside = (text, more) => (language === 'zh' ? `${text}（${more}）` : `${text} (${more})`);
const colon = (text, more) => (language === 'zh' ? `${text}：${more}` : `${text}: ${more}`);
// Words of others among ours: between two signs at which `isolated` takes them apart.
const theirs = (text) => `\u2068${harmless(String(text))}\u2069`;

function translate() {
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  document.title = t('title');
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  at('language').textContent = language === 'zh' ? 'English' : '中文';
  if (last) show(last);
}

/** What a trust file pins, as the verifier takes it. */
function trustOf(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    file = null;
  }
  const hash = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
  const sets = file?.validators;
  if (file?.format !== 1 || !hash(file.chain_id) || sets === null || typeof sets !== 'object' || !Object.values(sets).every(hash)) {
    return null;
  }
  return { chainId: file.chain_id, validatorsHashes: sets, lastHeights: file.last_heights ?? {} };
}

async function verify() {
  const started = performance.now();
  const trust = trustOf(at('trust').value);
  if (trust === null) return { code: 'no-trust' };
  const text = at('proof').value;
  if (COMPACT.test(text.trim())) return { code: 'compact' };
  try {
    if (text.length > SIZE_MAX) throw new ProofError('unreadable', 'too long');
    let bundle;
    try {
      bundle = JSON.parse(text);
    } catch {
      throw new ProofError('unreadable', 'not JSON');
    }
    const subject = at('subject').value.trim();
    const result = await verifyBundle(bundle, trust, undefined);
    if (subject !== '' && subject !== aboutOf(bundle, result)) throw new ProofError('wrong-subject', 'about something else');
    return { code: result.verdict, result, bundle, ms: performance.now() - started };
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    return { code: error.code, detail: error.detail };
  }
}

function aboutOf(bundle, result) {
  return namedBy(bundle) ?? result.key ?? (bundle.kind === 'block' ? String(result.leaf.height) : hex(result.receipt.subject));
}

function time(milliseconds) {
  const options = { dateStyle: 'long', timeStyle: 'medium', timeZone: 'UTC', hour12: false };
  return `${new Intl.DateTimeFormat(language === 'zh' ? 'zh-Hans' : 'en-GB', options).format(milliseconds)} UTC`;
}

/** Whether a row is to be read before everything else. */
const isAlarm = ([term]) => term === t('recall');

/** Rows of term and text that say what was verified; a recall first. */
function rowsOf({ result, bundle, ms }) {
  const { anchor } = result;
  const state = result.leaf ?? anchor.asOf ?? anchor.executed;
  const details = (DETAILS[bundle.kind] ?? (() => []))(result);
  const rows = [
    ...details.filter(isAlarm),
    [t('kind'), t(`kind.${bundle.kind}`)],
    [t('about'), theirs(aboutOf(bundle, result))],
    [t('asOf'), aside(time(state.timeMs), `${t('height')} ${state.height}`)],
    [t('signedBy'), aside(anchor.signers.map(theirs).join(', '), `${anchor.signers.length} / ${anchor.validatorCount}`)],
  ];
  if (anchor.asOf) rows.push([t('earlier'), time(anchor.executed.timeMs)]);
  rows.push(...details.filter((row) => !isAlarm(row)));
  rows.push([t('took'), `${Math.max(1, Math.round(ms))} ms`]);
  return rows;
}

const DETAILS = {
  item: ({ closure, events, signers }) => {
    const rows = [...closure.recalls].map(([id, recall]) => [
      t(recall.state === LIFTED ? 'recallLifted' : 'recall'), aside(colon(theirs(id), theirs(recall.reason)), theirs(recall.issuer)),
    ]);
    const seen = new Set();
    for (const entry of entriesOf(closure).sort((a, b) => a.height - b.height || a.eventIndex - b.eventIndex)) {
      const name = nameOf(entry);
      if (!seen.has(name)) rows.push([t(closure.corrections.has(name) ? 'wrongEvent' : 'event'), eventText(entry, events, signers)]);
      seen.add(name);
    }
    rows.push(...closure.missing.map((what) => [t('missing'), theirs(what)]));
    return rows;
  },
  event: ({ event, correction, signer }) => [
    [t(correction ? 'wrongEvent' : 'event'), `${theirs(JSON.stringify(event.value))}${signer ? ` — ${theirs(signer.organisation)}` : ''}`],
  ],
  record: ({ value }) => [[t('record'), value === null ? t('absent') : hex(value)]],
  block: ({ leaf }) => [[t('block'), hex(leaf.blockHash)], [t('state'), hex(leaf.stateRoot)]],
  receipt: ({ receipt }) => [[t('outcome'), data.reasons[receipt.reason]?.[column()] ?? String(receipt.reason)]],
  evidence: ({ evidence, kind, organisation, recorded }) => [
    [t('guilty'), colon(theirs(organisation), t(`contradiction.${kind}`))],
    [t('where'), `${evidence.epoch}, ${evidence.view}`],
    [t('recorded'), recorded ? aside(recorded.height, theirs(recorded.reporter)) : t('unrecorded')],
  ],
  receivable: ({ terms, tagHeight, slices, lienHolders }) => [
    [t('owes'), aside(colon(`${theirs(terms.debtor)} → ${theirs(terms.creditor)}`, amountOf(terms, tagHeight)), t('minor'))],
    [t('claim'), t(tagHeight === null ? 'unconfirmed' : 'onlyClaim')],
    ...slices.map(({ members, lien }, index) => [
      `${t('slice')} ${index}`, colon(`${members.amount} ${theirs(members.owner)}`, lien?.state === LIEN_HELD ? theirs(lien.holder) : t('noLien')),
    ]),
    [t('liens'), lienHolders.map(theirs).join(', ') || t('noLien')],
  ],
};

const amountOf = (terms, tagHeight) => `${terms.currency} ${tagHeight === null ? terms.face : terms.confirmed}`;

function eventText({ commitment, organisation }, events, signers) {
  const name = hex(commitment);
  const value = events.get(name)?.value;
  const step = data.steps[value?.bizStep]?.[column()] ?? value?.bizStep ?? value?.type ?? name.slice(0, 16);
  const signer = signers.get(name)?.organisation === organisation ? organisation : '';
  return [value?.eventTime, step, signer].filter(Boolean).map(theirs).join(' · ');
}

function show(outcome) {
  last = outcome;
  const section = at('verdict');
  const state = CLASSES[outcome.code] ?? 'unproven';
  section.hidden = false;
  section.dataset.state = state;
  section.dataset.code = outcome.code;
  section.querySelector('.mark').textContent = MARKS[outcome.code] ?? '✕';
  section.querySelector('strong').textContent = OWN_WORDS[outcome.code] ? t(OWN_WORDS[outcome.code]) : sentence(outcome.code);
  const list = at('facts');
  list.replaceChildren();
  for (const [term, text] of outcome.result ? rowsOf(outcome) : []) {
    const name = document.createElement('dt');
    const value = document.createElement('dd');
    name.textContent = term;
    value.append(...isolated(text));
    for (const part of isAlarm([term]) ? [name, value] : []) part.classList.add('alarm');
    list.append(name, value);
  }
  at('detail').textContent = outcome.detail ? `${harmless(outcome.detail)} [${outcome.code}]` : '';
}

// Words of others stand apart: neither signs nor letters that are read from right to left turn what is around them.
function isolated(text) {
  return text.split(/[\u2068\u2069]/).map((part, i) => {
    if (i % 2 === 0) return part;
    const element = document.createElement('bdi');
    element.textContent = part;
    return element;
  });
}

// A verdict is about what was checked, and not about what is typed or chosen after it.
function withdraw() {
  asked += 1; // an answer that is still on its way comes too late
  last = null;
  at('verdict').hidden = true;
  delete at('verdict').dataset.code;
}

for (const name of ['trust', 'proof']) {
  at(`${name}-file`).addEventListener('change', async (event) => {
    const [file] = event.target.files;
    withdraw();
    const text = file && file.size <= SIZE_MAX ? await file.text() : '';
    withdraw();
    if (file) at(name).value = text;
  });
}
for (const name of ['trust', 'proof', 'subject']) at(name).addEventListener('input', withdraw);
at('language').addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  translate();
});
at('verify').addEventListener('click', async () => {
  withdraw();
  const question = asked;
  let outcome;
  try {
    outcome = (await isSupported()) ? await verify() : { code: 'no-crypto' };
  } catch (error) {
    outcome = { code: 'unreadable', detail: String(error) }; // a fault of ours proves nothing either
  }
  if (question === asked) show(outcome);
});
if (data.trust) at('trust').value = JSON.stringify(data.trust, null, 1);
translate();
