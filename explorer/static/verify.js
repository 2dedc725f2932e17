// Verifying proof bundles in the reader's own browser: the third of three verifiers that give the same answers.
// No library, no build step; SHA-256 and Ed25519 are the browser's. Specification: docs/spec/proofs.md.

import { verifyAnchor } from './anchor.js';
import { readBundle } from './bundle.js';
import { ProofError, hex, same, unb64, unhex } from './bytes.js';
import { KIND, correctionKey, eventKey, itemKey, memberKey, organisationKey, walk } from './closure.js';
import { isSupported } from './ed25519.js';
import { Correction, EventRecord, HistoryEntry, ItemPublic, Key, Organisation, decodeMessage } from './messages.js';
import { NotShown, ShownState, readEvent } from './state.js';
import { leafHash, peaksRoot, rootFromPath } from './trees.js';

export { ProofError, isSupported };

/**
 * Verify a bundle of any kind.
 *
 * @param {object} value the bundle as parsed JSON
 * @param {{chainId: string, validatorsHashes: Object<number, string>, heightMin?: number}} trust what the reader pinned
 * @param {string} [subject] the identifier (or record key) that was asked for
 * @returns {Promise<object>} `verdict`, `anchor` and what was verified
 * @throws {ProofError} with the code that says why it does not hold
 */
export async function verifyBundle(value, trust, subject) {
  const bundle = readBundle(value);
  const about = bundle.kind === 'record' ? bundle.key : bundle.subject;
  if (subject !== undefined && about !== subject) {
    throw new ProofError('wrong-subject', `about ${about}, asked for ${subject}`);
  }
  const anchor = await verifyAnchor(bundle.anchor, trust);
  if (bundle.kind === 'item') return verifyItem(bundle, anchor);
  if (bundle.kind === 'event') return verifyEvent(bundle, anchor);
  return verifyRecord(bundle, anchor);
}

async function verifyItem(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle, bundle);
  const closure = await walk(bundle.subject, state);
  const signers = new Map();
  for (const entry of entriesOf(closure)) {
    const event = state.events.get(hex(entry.commitment));
    const signer = event && (await signerOf(event, entry, state));
    if (signer) signers.set(hex(entry.commitment), signer);
  }
  return { verdict: verdictOf(closure), anchor, closure, events: state.events, signers };
}

async function verifyEvent(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle);
  const event = await readEvent(bundle.event, bundle.signed, anchor.chainId);
  const item = await shownOr('not-shown', () => state.record(itemKey(bundle.subject), ItemPublic));
  if (bundle.entry === null || item === null) {
    throw new ProofError('refused', 'the event is not in the history of the item');
  }
  const entryBytes = unb64(bundle.entry);
  const entry = decodeMessage(entryBytes, HistoryEntry, 256);
  if (!same(entry.commitment, event.commitment)) throw new ProofError('event-altered', 'the entry is for another event');
  const path = bundle.path.map(unhex);
  const root = await rootFromPath(await leafHash(entryBytes), bundle.index, item.history.count, path);
  if (!same(root, await peaksRoot(item.history.peaks))) {
    throw new ProofError('history-altered', 'the entry is not in the history of the item');
  }
  const correction = await shownOr('correction-hidden', () => state.record(correctionKey(event.commitment), Correction));
  return { verdict: 'proven', anchor, item, entry, event, correction, signer: await signerOf(event, entry, state) };
}

async function verifyRecord(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle);
  const key = unhex(bundle.key);
  const value = await shownOr('not-shown', () => state.record(key, (reader) => reader.bytes.slice(reader.take(reader.bytes.length))));
  return { verdict: 'proven', anchor, key, value };
}

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

// Whose capture the ledger recorded at this place, or null where that is not shown (section 4).
async function signerOf(event, entry, state) {
  if (event.signers.length === 0) return null;
  let organisation = '';
  let recorded;
  let member;
  try {
    for (const signer of event.signers) {
      const key = await state.record(memberKey(signer), Key);
      if (key === null || key.sinceHeight > entry.height || (key.untilHeight > 0 && key.untilHeight < entry.height)) {
        throw new ProofError('key-not-valid-then', `a key at height ${entry.height}`);
      }
      organisation = key.organisation;
    }
    recorded = await state.record(eventKey(organisation, event.commitment), EventRecord);
    member = await state.record(organisationKey(organisation), Organisation);
  } catch (error) {
    if (error instanceof NotShown) return null;
    throw error;
  }
  const there = recorded !== null && recorded.height === entry.height
    && recorded.transactionIndex === entry.transactionIndex && recorded.eventIndex === entry.eventIndex;
  if (!there) throw new ProofError('bad-event-signature', 'the capture shown is not the one that was recorded there');
  return { organisation, name: member?.name ?? organisation };
}

async function shownOr(code, read) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NotShown) throw new ProofError(code, 'neither a record nor its absence is shown');
    throw error;
  }
}
