// Verifying proof bundles in the reader's own browser: the third of three verifiers that give the same answers.
// No library, no build step; Ed25519 and SHA-256 are the browser's. Specification: docs/spec/proofs.md.

import {
  Known, PartialTrie, Signatures, TRANSACTION, isSupported, leafHash, peaksOf, readBundle, recordLeaf, rootFromSharedPath,
  verifyAnchor,
} from './binding.js';
import {
  Head, HistoryEntry, Inspection, ItemPublic, Key, ProofError, Recall, SessionPublic, Statements,
  Transformation, ZERO32, concat, decodeMessage, hex, readCanonical, same, unb64, utf8,
} from './encoding.js';
import { digests, sha256, tagged } from './hashing.js';

export { ProofError, isSupported };

/**
 * Verify a bundle of any kind.
 *
 * @param {object} value the bundle as parsed JSON
 * @param {{chainId: string, validatorsHashes: Object<number, string>, heightMin?: number}} trust what the reader pinned
 * @param {string} [subject] what was asked for: identifier, record key, height, transaction id, obligation
 * @param {number} [at] height of the state that was asked for; none is the newest, or any where no subject was asked for
 * @returns {Promise<object>} `verdict`, `anchor` and what was verified
 * @throws {ProofError} with the code that says why it does not hold
 */
export async function verifyBundle(value, trust, subject, at) {
  const bundle = readBundle(value);
  const about = namedBy(bundle);
  if (about !== undefined && subject !== undefined && about !== subject) {
    throw new ProofError('wrong-subject', `about ${about}, asked for ${subject}`);
  }
  const signatures = new Signatures();
  let result;
  try {
    result = await verifyKind(bundle, await verifyAnchor(bundle.anchor, trust, signatures), subject, at);
  } catch (error) {
    await signatures.settled();
    throw error;
  }
  await signatures.settled();
  return result;
}

/** What a bundle says of itself that it is about, as readers ask for it. */
export function namedBy({ subject, key, obligation }) {
  const bytes = key ?? obligation;
  return subject ?? (bytes === undefined ? undefined : hex(unb64(bytes)));
}

async function verifyKind(bundle, anchor, subject, at) {
  if (STATES.includes(bundle.kind)) await earlier(bundle.as_of ?? null, anchor, subject, at);
  if (bundle.kind === 'item') return verifyItem(bundle, anchor);
  if (bundle.kind === 'event') return (await import('./single.js')).verifyEvent(bundle, anchor);
  if (bundle.kind === 'record') return (await import('./single.js')).verifyRecord(bundle, anchor);
  if (bundle.kind === 'receivable') return (await import('./receivable.js')).verifyReceivable(bundle, anchor);
  if (bundle.kind === 'evidence') return (await import('./evidence.js')).verifyEvidence(bundle, anchor, subject);
  const { verifyBlock, verifyReceipt } = await import('./chain.js'); // a product page never needs it
  return (bundle.kind === 'block' ? verifyBlock : verifyReceipt)(bundle, anchor, subject);
}

const STATES = ['item', 'event', 'record', 'receivable', 'evidence'];

// The height whose state a bundle shows, when it is not the one that the anchor certifies; it then is `anchor.asOf`.
async function earlier(shown, anchor, subject, at) {
  anchor.asOf = shown === null ? null : await (await import('./chain.js')).verifyHeight(shown, anchor);
  if ((subject !== undefined || at !== undefined) && anchor.asOf?.height !== at) {
    throw new ProofError('wrong-height', `as of height ${anchor.asOf?.height}, asked for ${at}`);
  }
}

async function verifyItem(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle, bundle);
  const closure = await walk(bundle.subject, state);
  const signers = new Map();
  const entries = entriesOf(closure);
  const recorded = new Set(entries.map(nameOf));
  for (const entry of entries) {
    const event = state.events.get(hex(entry.commitment));
    const signer = event && (await signerOf(event, entry, state, recorded));
    if (signer) signers.set(hex(entry.commitment), signer);
  }
  return { verdict: verdictOf(closure), anchor, closure, events: state.events, signers };
}

/** Which event an entry stands for: its commitment and who recorded it, for two may have recorded one with the same bytes. */
export const nameOf = ({ commitment, organisation }) => `${hex(commitment)} ${organisation}`;

/** All entries of a closure that stand for events. */
export function entriesOf(closure) {
  const parts = [...closure.parts.values(), ...closure.sessions.values()];
  return [...parts.flatMap((part) => part.entries), ...closure.statements].filter((entry) => entry.kind !== KIND.recall);
}

function verdictOf(closure) {
  if (closure.missing.length > 0) return 'partly';
  if (closure.parts.get(closure.subject)?.item) return 'proven';
  return closure.statements.length > 0 ? 'stated' : 'unknown-item';
}

// Whose capture the ledger recorded: the keys' organisation is that of the entry; null where it is not shown (section 4).
// Two organisations may have recorded one event: the capture of one is not shown for the entry of the other.
export async function signerOf(event, entry, state, recorded = new Set()) {
  if (event.signers.length === 0) return null;
  try {
    for (const signer of event.signers) {
      const key = await state.record(memberKey(signer), Key);
      if (key === null || key.sinceHeight > entry.height || (key.untilHeight > 0 && key.untilHeight < entry.height)) {
        throw new ProofError('key-not-valid-then', `a key at height ${entry.height}`);
      }
      if (key.organisation !== entry.organisation && recorded.has(nameOf({ ...event, organisation: key.organisation }))) return null;
      if (key.organisation !== entry.organisation) {
        throw new ProofError('bad-event-signature', `${entry.organisation} recorded it, another signed this`);
      }
    }
  } catch (error) {
    if (error instanceof NotShown) return null;
    throw error;
  }
  return { organisation: entry.organisation };
}

/** What a bundle shows, or shows not to be there; with `code` where it shows neither. */
export async function shownOr(code, read) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NotShown) throw new ProofError(code, 'neither a record nor its absence is shown');
    throw error;
  }
}

// --- what a bundle shows: records under the state root, histories under records, events under entries ---

const RECORD_SIZE_MAX = 65536;
const EVENT_PART_SIZE_MAX = 262144;
const EVENTS = 1;
const DIGEST = -1; // for the last piece of a head: the root to which the path of its capture leads

/** Raised inside a walk where a bundle shows neither a thing nor its absence. */
export class NotShown extends Error {}

/** What a bundle shows of the state. Everything it hands out has been checked against the anchor's state root. */
export class ShownState {
  /** Write out what is in pieces, and check that events, records and tree fit together. */
  static async read(anchor, bundle, { histories = [], events = [] } = {}) {
    const state = new ShownState();
    const records = bundle.records ?? [bundle.record].filter(Boolean);
    const known = new Known(anchor.chainId, (bundle.kind === 'record' ? [bundle.key] : bundle.hashes ?? []).map(unb64));
    const written = await writeOut(known, records, histories, events);
    Object.assign(state, { known, histories: written.histories });
    const shown = await readEvents(events, written.commitments, bundle.signed, anchor, known);
    state.events = new Map(shown.map((event) => [hex(event.commitment), event]));
    state.publics = new Map(written.keys.map((key, i) => [hex(key), written.publics[i]]));
    const names = written.keyHashes.map(hex);
    state.keys = new Map(names.map((name, i) => [name, written.keys[i]]));
    if (state.keys.size !== records.length) throw new ProofError('unreadable', 'a record is shown twice');
    // Only the root of the tree can vouch for the leaves.
    const leaves = records.map((record, i) => recordLeaf(written.publics[i], membersHashOf(record)));
    state.tree = PartialTrie.read(unb64(bundle.state), new Map(names.map((name, i) => [name, leaves[i]])));
    const [root] = await digests([state.tree.root]);
    if (!same(root, (anchor.asOf ?? anchor.executed).stateRoot)) {
      throw new ProofError('not-in-state', 'tree and records shown have another root than was certified');
    }
    return state;
  }

  /** Public half of a record as a message of `shape`, null where it is absent; NotShown where neither is shown. */
  async record(key, shape) {
    const shown = this.publics.get(hex(key));
    if (shown !== undefined) return decodeMessage(shown, shape, RECORD_SIZE_MAX, 'record-altered');
    const [hash] = await digests([sha256(key)]);
    let leaf;
    try {
      leaf = this.tree.leaf(hash);
    } catch (error) {
      if (error instanceof ProofError) throw new NotShown();
      throw error;
    }
    if (leaf !== null) throw new NotShown();
    return null;
  }

  /** The record key whose hash a history entry links to. */
  linkedKey(link) {
    const key = this.keys.get(hex(link));
    if (key === undefined) throw new NotShown();
    return key;
  }

  /** All entries of the history in the record `owner`; `history-altered` when they do not give its root. */
  async entries(owner, history) {
    const shown = this.histories.get(hex(owner));
    if (shown === undefined) {
      if (history.count === 0) return [];
      throw new NotShown();
    }
    const entries = shown.entries.map((bytes) => decodeMessage(bytes, HistoryEntry, 256));
    const fits = shown.peaks.length === history.peaks.length && shown.peaks.every((peak, i) => same(peak, history.peaks[i]));
    if (entries.length !== history.count || !fits) {
      throw new ProofError('history-altered', 'entries are not those that the record commits to');
    }
    return entries;
  }
}

/** Everything in pieces put together (section 1.1): what follows from one part is known to the next. */
async function writeOut(known, records, histories, events) {
  const commitments = await digests(events.map(commitmentOf));
  known.named.push(...commitments);
  const keys = await Promise.all(records.map(({ key }) => known.whole(key)));
  const keyHashes = await digests(keys.map((key) => sha256(key)));
  known.named.push(...keyHashes);
  const written = new Map();
  for (const history of histories) {
    const entries = await Promise.all(history.entries.map((entry) => known.whole(entry)));
    written.set(hex(await known.whole(history.owner)), { entries, peaks: peaksOf(entries.map(leafHash)) });
  }
  await digests([...written.values()].flatMap(({ peaks }) => peaks));
  for (const history of written.values()) {
    history.peaks = await digests(history.peaks);
    known.named.push(...history.peaks);
  }
  const publics = await Promise.all(records.map((record) => known.whole(record.public)));
  return { commitments, keys, keyHashes, histories: written, publics };
}

const membersHashOf = ({ membersHash, members_hash: shown }) => membersHash ?? (shown === undefined ? ZERO32 : unb64(shown));

const commitmentOf = (shown) =>
  tagged(0x10, Uint8Array.of(1), tagged(0x11, unb64(shown.public)), unb64(shown.members), unb64(shown.sealed));

/** Check that events are JSON in its one spelling and, where signers are shown, the captures that hold them (section 4). */
async function readEvents(events, commitments, signed, anchor, known) {
  const captures = new Map();
  const read = [];
  for (const [i, shown] of events.entries()) read.push(await readEvent(shown, commitments[i], signed, known, captures));
  for (const capture of captures.values()) await checkCapture(capture, anchor);
  return read;
}

async function readEvent(shown, commitment, signed, known, captures) {
  const bytes = unb64(shown.public);
  if (bytes.length > EVENT_PART_SIZE_MAX) throw new ProofError('event-altered', 'an event is too long');
  const event = { commitment, value: readCanonical(bytes), signers: [] };
  if (shown.signed === null) return event;
  const { head, leaves } = await captureOf(shown.signed, signed, known, captures);
  if (leaves.has(shown.index)) throw new ProofError('not-in-tree', 'two events at one place of a capture');
  leaves.set(shown.index, leafHash(commitment));
  return { ...event, signers: head.signers };
}

/** The signed head of a capture, read once for all its events; `begin`: its bytes up to a digest that is left out. */
async function captureOf(place, signed, known, captures) {
  const read = captures.get(place);
  if (read !== undefined) return read;
  const shown = place >= 0 ? signed[place] : undefined;
  if (shown === undefined) throw new ProofError('unreadable', 'an event names a capture that is not shown');
  const cut = Array.isArray(shown.head) && shown.head[shown.head.length - 1] === DIGEST;
  const begin = cut ? await known.whole(shown.head.slice(0, -1)) : null;
  const headBytes = cut ? concat(begin, ZERO32) : await known.whole(shown.head);
  const head = decodeMessage(headBytes, Head, 1024);
  if (!same(head.chainId, known.named[1])) throw new ProofError('wrong-chain', 'an event was signed for another chain');
  if (head.kind !== EVENTS) throw new ProofError('event-altered', 'the signed head is not a capture');
  captures.set(place, { head, headBytes, begin, shown, leaves: new Map() });
  return captures.get(place);
}

/** The events shown are those of the head, and its signers signed it. */
async function checkCapture({ head, headBytes, begin, shown, leaves }, { chainId, signatures }) {
  const named = rootFromSharedPath(leaves, head.eventCount, (shown.path ?? []).map(unb64));
  const [root, id] = await digests([named, begin === null ? tagged(0x18, headBytes) : tagged(0x18, begin, named)]);
  if (begin === null && !same(root, head.digest)) {
    throw new ProofError('event-altered', 'events are not in the capture said to hold them');
  }
  if (shown.signatures.length !== head.signers.length) {
    throw new ProofError('bad-event-signature', 'a capture lacks a signature or has one too many');
  }
  // Of a digest that is left out the signature alone says whether it is that of these events.
  const code = begin === null ? 'bad-event-signature' : 'event-altered';
  for (const [i, key] of head.signers.entries()) {
    const claim = [key, unb64(shown.signatures[i]), TRANSACTION, chainId, id];
    signatures.add(code, 'the signature of a capture does not verify', ...claim);
  }
}

// --- the walk ---
export const SPACE = { correction: 6, item: 7, session: 8, transformation: 9, inspection: 11, recall: 12, statements: 14 };
const KIND = { pack: 5, unpack: 6, produce: 8, inspect: 9, correct: 13, recall: 14 };
const INPUT_DEPTH = 1;
const PARTS_MAX = 2000;

const textKey = (space, text) => concat(Uint8Array.of(space), utf8(text));
export const hashKey = (space, hash) => concat(Uint8Array.of(space), hash);
export const itemKey = (identifier) => textKey(SPACE.item, identifier);
/** Names what stands in the key of the correction of an entry's event by who recorded it. */
export const correctionLink = ({ organisation, commitment }) => sha256(utf8(organisation), Uint8Array.of(0), commitment);
const memberKey = (publicKey) => hashKey(3, publicKey);

async function statementsKey(identifier) {
  const text = utf8(identifier);
  if (text.length <= 255) return hashKey(SPACE.statements, text);
  const [hash] = await digests([sha256(text)]);
  return textKey(SPACE.statements, `#${hex(hash)}`);
}

/** The class (GTIN) of a serial or lot; empty for anything else. */
export function classOf(identifier) {
  const parts = identifier.split('/');
  return parts[0] === '01' && parts.length > 2 ? `01/${parts[1]}` : '';
}

/** Walk the closure of an identifier over a ShownState. */
async function walk(subject, source) {
  const walker = new Walker(subject, source);
  await walker.identifier(subject, INPUT_DEPTH);
  if (walker.closure.parts.get(subject)?.item === null) await walker.statements(subject);
  return walker.closure;
}

class Walker {
  constructor(subject, source) {
    this.source = source;
    this.closure = {
      subject, parts: new Map(), sessions: new Map(), transformations: new Map(), corrections: new Map(),
      recalls: new Map(), statements: [], missing: [],
    };
  }

  async identifier(identifier, depth) {
    const { closure } = this;
    if (identifier === '' || closure.parts.has(identifier)) return;
    if (closure.parts.size + closure.sessions.size > PARTS_MAX) throw new ProofError('unreadable', 'too many parts');
    const item = await this.#optional(itemKey(identifier), ItemPublic, `record of ${identifier}`);
    if (item === undefined) return;
    if (item === null) {
      closure.parts.set(identifier, { identifier, item: null, entries: [], inspection: null });
      await this.identifier(classOf(identifier), depth);
      return;
    }
    const entries = await this.#entries(itemKey(identifier), item.history, identifier);
    const inspection = await this.#inspection(identifier, entries);
    closure.parts.set(identifier, { identifier, item, entries, inspection });
    for (const recall of item.recalls) await this.#recall(recall);
    await this.#follow(entries, depth);
    await this.identifier(item.lot, depth);
    await this.identifier(classOf(identifier), depth);
  }

  async statements(identifier) {
    const key = await statementsKey(identifier);
    const words = `statements about ${identifier}`;
    const statements = await this.#optional(key, Statements, words);
    if (statements) this.closure.statements = await this.#entries(key, statements.history, words);
  }

  async #entries(owner, history, words) {
    let entries;
    try {
      entries = await this.source.entries(owner, history);
    } catch (error) {
      this.#noteUnlessShown(error, `history of ${words}`);
      return [];
    }
    for (const entry of entries) if (entry.kind !== KIND.recall) this.#event(entry);
    const declared = entries.filter((entry) => entry.kind === KIND.correct);
    const links = new Map(declared.map((entry) => [`${hex(entry.link)} ${entry.organisation}`, entry]));
    if (links.size > 0) await this.#corrections(entries, links);
    return entries;
  }

  #event(entry) {
    const commitment = hex(entry.commitment);
    if (!this.source.events.has(commitment)) this.#miss(`event ${commitment.slice(0, 16)}`);
  }

  // The corrections that a history links to; each is of an event in it that the declarer itself recorded. The link is the
  // hash of the correction record's key, which holds who recorded which event: no record is needed.
  async #corrections(entries, links) {
    const keys = entries.map((entry) => sha256(Uint8Array.of(SPACE.correction), correctionLink(entry)));
    const hashes = await digests(keys);
    for (const [i, entry] of entries.entries()) {
      const link = `${hex(hashes[i])} ${entry.organisation}`;
      const found = links.get(link);
      if (!links.delete(link)) continue;
      this.closure.corrections.set(nameOf(entry), { declaredBy: found.commitment, height: found.height });
    }
    if (links.size > 0) throw new ProofError('record-altered', 'a history corrects an event that its declarer has not in it');
  }

  // The newest inspection; a history without an inspecting shows that there is none.
  async #inspection(identifier, entries) {
    if (!entries.some((entry) => entry.kind === KIND.inspect)) return null;
    const key = textKey(SPACE.inspection, identifier);
    return (await this.#linked(key, Inspection, `inspection of ${identifier}`)) ?? null;
  }

  async #follow(entries, depth) {
    for (const entry of entries) {
      if (same(entry.link, ZERO32)) continue;
      if (entry.kind === KIND.pack || entry.kind === KIND.unpack) await this.#session(entry, depth);
      else if (entry.kind === KIND.produce) await this.#transformation(entry, depth);
    }
  }

  async #session(entry, depth) {
    let key;
    let session = null;
    try {
      key = this.source.linkedKey(entry.link);
      if (key[0] === SPACE.session) session = await this.source.record(key, SessionPublic);
    } catch (error) {
      this.#noteUnlessShown(error, `container session ${hex(entry.link).slice(0, 16)}`);
      return;
    }
    if (session === null) throw new ProofError('record-altered', 'a history links to a container session that is not there');
    const name = hex(key);
    if (this.closure.sessions.has(name)) return;
    const part = { session, entries: [] };
    this.closure.sessions.set(name, part);
    part.entries = await this.#entries(key, session.history, `container ${session.identifier}`);
    await this.#follow(part.entries, depth);
    const container = await this.#optional(itemKey(session.identifier), ItemPublic, `record of ${session.identifier}`);
    for (const recall of container?.recalls ?? []) await this.#recall(recall);
  }

  async #transformation(entry, depth) {
    const name = hex(entry.commitment);
    if (this.closure.transformations.has(name)) return;
    const key = hashKey(SPACE.transformation, entry.commitment);
    const transformation = await this.#optional(key, Transformation, `transformation ${name.slice(0, 16)}`);
    if (!transformation) return;
    this.closure.transformations.set(name, transformation);
    if (depth > 0) for (const identifier of transformation.inputs) await this.identifier(identifier, depth - 1);
  }

  async #recall(id) {
    if (this.closure.recalls.has(id)) return;
    const recall = await this.#optional(textKey(SPACE.recall, id), Recall, `recall ${id}`);
    if (recall) this.closure.recalls.set(id, recall);
  }

  // A record that a history says is there; undefined, and noted as missing, where it is not shown.
  async #linked(key, shape, words) {
    const record = await this.#optional(key, shape, words);
    if (record === null) throw new ProofError('record-altered', `a history links to what is not there: ${words}`);
    return record;
  }

  // The record, null where it is absent, undefined (and noted as missing) where neither is shown.
  async #optional(key, shape, words) {
    try {
      return await this.source.record(key, shape);
    } catch (error) {
      this.#noteUnlessShown(error, words);
      return undefined;
    }
  }

  #noteUnlessShown(error, words) {
    if (!(error instanceof NotShown)) throw error;
    this.#miss(words);
  }

  #miss(words) {
    if (!this.closure.missing.includes(words)) this.closure.missing.push(words);
  }
}
