// One event in the history of one item, or one record: loaded only for bundles of these kinds.
// Specification: docs/spec/proofs.md, sections 3 and 6.

import { leafHash, peaksRoot, rootFromPath } from './binding.js';
import {
  HistoryEntry, ItemPublic, ProofError, decodeMessage, hash, listOf, natural, same, struct, text, textOf, unb64,
} from './encoding.js';
import { digests } from './hashing.js';
import { SPACE, ShownState, correctionLink, hashKey, itemKey, shownOr, signerOf } from './verify.js';

const Correction = struct({
  declaredBy: hash, reason: text, correctiveEventIds: listOf(textOf(0, 512), 0, 32), height: natural,
});

/** One event's place in the history of one item, and whether it was declared erroneous. */
export async function verifyEvent(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle, { histories: [], events: [bundle.event] });
  const [event] = state.events.values();
  const item = await shownOr('not-shown', () => state.record(itemKey(bundle.subject), ItemPublic));
  if (bundle.entry === null || item === null) {
    throw new ProofError('refused', 'the event is not in the history of the item');
  }
  const entryBytes = await state.known.whole(bundle.entry);
  const entry = decodeMessage(entryBytes, HistoryEntry, 256);
  if (!same(entry.commitment, event.commitment)) throw new ProofError('event-altered', 'the entry is for another event');
  const path = bundle.path.map(unb64);
  const named = [rootFromPath(leafHash(entryBytes), bundle.index, item.history.count, path), peaksRoot(item.history.peaks)];
  const [root, wanted] = await digests(named);
  if (!same(root, wanted)) {
    throw new ProofError('history-altered', 'the entry is not in the history of the item');
  }
  const [link] = await digests([correctionLink(entry)]);
  const correction = await shownOr('correction-hidden', () => state.record(hashKey(SPACE.correction, link), Correction));
  const signer = await signerOf(event, entry, state);
  return { verdict: 'proven', anchor, item, entry, event, correction, signer };
}

/** One record, or that there is none. */
export async function verifyRecord(bundle, anchor) {
  const state = await ShownState.read(anchor, bundle);
  const key = unb64(bundle.key);
  const whole = (reader) => reader.bytes.slice(reader.take(reader.bytes.length));
  const value = await shownOr('not-shown', () => state.record(key, whole));
  return { verdict: 'proven', anchor, key, value };
}
