// The shown state of a bundle: records under the state root, histories under records, events under entries.

import { ProofError, hex, same, sha256, tagged, unb64, unhex } from './bytes.js';
import { readCanonical } from './canonical.js';
import { TRANSACTION, verifies } from './ed25519.js';
import { Head, HistoryEntry, decodeMessage } from './messages.js';
import { PartialTrie, leafHash, peaksOf, recordLeaf, rootFromPath } from './trees.js';

const RECORD_SIZE_MAX = 65536;
const EVENT_PART_SIZE_MAX = 262144;
const EVENTS = 1;

/** Raised inside a walk where a bundle shows neither a thing nor its absence. */
export class NotShown extends Error {}

export class ShownState {
  /** Check that tree, records and events fit together. */
  static async read(anchor, bundle, { histories = [], events = [] } = {}) {
    const state = new ShownState();
    state.tree = await PartialTrie.read(unb64(bundle.state));
    if (!same(state.tree.root, anchor.executed.stateRoot)) {
      throw new ProofError('not-in-state', 'the tree shown has another root than the header certifies');
    }
    state.publics = new Map();
    state.keys = new Map();
    for (const record of bundle.records ?? [bundle.record].filter(Boolean)) await state.#addRecord(record);
    state.histories = new Map(histories.map((history) => [history.owner, history.entries]));
    state.events = new Map();
    for (const shown of events) {
      const event = await readEvent(shown, bundle.signed, anchor.chainId);
      state.events.set(hex(event.commitment), event);
    }
    return state;
  }

  async #addRecord(shown) {
    const publicHalf = unb64(shown.public);
    const keyHash = await sha256(unhex(shown.key));
    const leaf = this.tree.leaf(keyHash);
    if (leaf === null || !same(leaf, await recordLeaf(publicHalf, unhex(shown.members_hash)))) {
      throw new ProofError('record-altered', `record ${shown.key.slice(0, 32)} is not the one in the state`);
    }
    this.publics.set(shown.key, publicHalf);
    this.keys.set(hex(keyHash), shown.key);
  }

  /** Public half of a record as a message of `shape`, null where it is absent; NotShown where neither is shown. */
  async record(key, shape) {
    const shown = this.publics.get(hex(key));
    if (shown !== undefined) return decodeMessage(shown, shape, RECORD_SIZE_MAX, 'record-altered');
    let leaf;
    try {
      leaf = this.tree.leaf(await sha256(key));
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
    return unhex(key);
  }

  /** All entries of the history in the record `owner`; `history-altered` when they do not give its root. */
  async entries(owner, history) {
    const shown = this.histories.get(hex(owner));
    if (shown === undefined) {
      if (history.count === 0) return [];
      throw new NotShown();
    }
    const encoded = shown.map(unb64);
    const entries = encoded.map((bytes) => decodeMessage(bytes, HistoryEntry, 256));
    const peaks = await peaksOf(await Promise.all(encoded.map(leafHash)));
    const fits = peaks.length === history.peaks.length && peaks.every((peak, i) => same(peak, history.peaks[i]));
    if (entries.length !== history.count || !fits) {
      throw new ProofError('history-altered', 'entries are not those that the record commits to');
    }
    return entries;
  }
}

/** Recompute an event's commitment and, where the signer is shown, check the capture that holds it (section 4). */
export async function readEvent(shown, captures, chainId) {
  const bytes = unb64(shown.public);
  if (bytes.length > EVENT_PART_SIZE_MAX) throw new ProofError('event-altered', 'an event is too long');
  const value = readCanonical(bytes);
  const slot = await tagged(0x11, bytes);
  const commitment = await tagged(0x10, Uint8Array.of(1), slot, unhex(shown.members), unhex(shown.sealed));
  const event = { commitment, value, signers: [] };
  if (shown.signed === null) return event;
  const capture = shown.signed >= 0 ? captures[shown.signed] : undefined;
  if (capture === undefined) throw new ProofError('unreadable', 'an event names a capture that is not shown');
  const headBytes = unb64(capture.head);
  const head = decodeMessage(headBytes, Head, 1024);
  if (!same(head.chainId, chainId)) throw new ProofError('wrong-chain', 'an event was signed for another chain');
  if (head.kind !== EVENTS) throw new ProofError('event-altered', 'the signed head is not a capture');
  const root = await rootFromPath(await leafHash(commitment), shown.index, head.eventCount, shown.path.map(unhex));
  if (!same(root, head.digest)) throw new ProofError('event-altered', 'an event is not in the capture said to hold it');
  await verifyHead(head, headBytes, capture.signatures, chainId);
  return { ...event, signers: head.signers };
}

async function verifyHead(head, headBytes, signatures, chainId) {
  if (signatures.length !== head.signers.length) {
    throw new ProofError('bad-event-signature', 'a capture lacks a signature or has one too many');
  }
  const id = await tagged(0x18, headBytes);
  for (const [i, key] of head.signers.entries()) {
    if (!(await verifies(key, unb64(signatures[i]), TRANSACTION, chainId, id))) {
      throw new ProofError('bad-event-signature', 'the signature of a capture does not verify');
    }
  }
}
