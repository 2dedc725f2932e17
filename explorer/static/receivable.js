// Receivables: an obligation, that it is the only one under its invoice number, its slices, and every lien on them.
// Loaded only for bundles of this kind. Specification: docs/spec/proofs.md, section 9.

import {
  ProofError, ZERO32, big64, bool, concat, decodeMessage, hash, hex, matching, name, natural, oneOf, same, struct, time, unb64, utf8,
  within,
} from './encoding.js';
import { digests, tagged } from './hashing.js';
import { NotShown, ShownState } from './verify.js';

const SPACE = { obligation: 33, tag: 34, slice: 35, lien: 36 };
const LIEN_HELD = 1;
const RECORD_SIZE_MAX = 65536;
const SALT_SIZE = 32;

const currency = matching(/^[A-Z]{3}$/);
const amount = within(0, 10 ** 15);
const byte = within(0, 255);
const sliceCount = within(0, 64);
const windowMs = within(0, 90 * 24 * 3600000);
const ObligationPublic = struct({ state: oneOf(10) });
const ObligationMembers = struct({
  creditor: name, debtor: name, bank: name, currency, face: within(1, 10 ** 15), confirmed: amount, paid: amount,
  dueMs: time, graceMs: windowMs, cureMs: windowMs, acceptDeadlineMs: time, order: hash, despatch: hash,
  receipt: hash, invoice: hash, tag: hash, autoDebit: bool, sliceCount, rejectReason: byte,
});
const ObligationTag = struct({ obligation: hash, height: natural });
const SlicePublic = struct({ state: oneOf(6) });
const SliceMembers = struct({
  obligation: hash, index: sliceCount, parent: sliceCount, owner: name, amount, paid: amount, deal: hash,
});
const LienPublic = struct({ state: oneOf(2), height: natural });
const LienMembers = struct({ holder: name, deal: hash });

const keyOf = (space, ...parts) => concat(Uint8Array.of(space), ...parts);
const idOfSlice = (obligation, index) => tagged(0x29, Uint8Array.of(SPACE.slice), obligation, big64(index));

/** An obligation with its tag, all slices, and each slice's lien or the proof that there never was one. */
export async function verifyReceivable(bundle, anchor) {
  const halves = await Halves.read(bundle, anchor);
  const obligation = unb64(bundle.obligation);
  const key = keyOf(SPACE.obligation, obligation);
  const shown = await halves.shown(key, ObligationPublic);
  if (shown === null) throw new ProofError('no-obligation', `there is no obligation ${hex(obligation)}`);
  const terms = halves.members(key, ObligationMembers);
  const tagHeight = await onlyClaim(halves, obligation, terms);
  const ids = await digests(Array.from({ length: terms.sliceCount }, (_, index) => idOfSlice(obligation, index)));
  const slices = [];
  for (const [index, id] of ids.entries()) slices.push(await slice(halves, obligation, index, id));
  const holders = new Set(slices.filter(({ lien }) => lien?.state === LIEN_HELD).map(({ lien }) => lien.holder));
  return { verdict: 'proven', anchor, obligation, state: shown.state, terms, tagHeight, slices, lienHolders: [...holders].sort() };
}

async function onlyClaim(halves, obligation, terms) {
  if (same(terms.tag, ZERO32)) return null;
  const tag = await halves.shown(keyOf(SPACE.tag, terms.tag, utf8(terms.debtor)), ObligationTag);
  if (tag === null || !same(tag.obligation, obligation)) {
    throw new ProofError('other-claim', 'the tag of the invoice number names another obligation');
  }
  return tag.height;
}

async function slice(halves, obligation, index, id) {
  const key = keyOf(SPACE.slice, id);
  const shown = await halves.shown(key, SlicePublic);
  if (shown === null) throw new ProofError('record-altered', `slice ${index} of the obligation is not there`);
  const members = halves.members(key, SliceMembers);
  if (!same(members.obligation, obligation) || members.index !== index) {
    throw new ProofError('record-altered', `slice ${index} is of another obligation`);
  }
  const lienKey = keyOf(SPACE.lien, id);
  const lien = await halves.shown(lienKey, LienPublic, 'lien-hidden');
  if (lien === null) return { id, state: shown.state, members, lien };
  return { id, state: shown.state, members, lien: { ...lien, ...halves.members(lienKey, LienMembers) } };
}

/** The records of a bundle, each checked against the state root, both halves. */
class Halves {
  static async read(bundle, anchor) {
    const halves = new Halves();
    halves.byKey = new Map();
    const named = [];
    for (const record of bundle.records) {
      const salt = unb64(record.salt ?? '');
      const members = unb64(record.members ?? '');
      if (salt.length !== (members.length > 0 ? SALT_SIZE : 0)) {
        throw new ProofError('unreadable', 'a members’ half without its salt of 32 bytes, or a salt alone');
      }
      named.push(members.length > 0 ? tagged(0x06, salt, members) : ZERO32);
      halves.byKey.set(hex(unb64(record.key)), members);
    }
    const hashes = await digests(named);
    const records = bundle.records.map(({ key, public: half }, i) => ({ key, public: half, membersHash: hashes[i] }));
    halves.state = await ShownState.read(anchor, { state: bundle.state, records });
    return halves;
  }

  /** The public half, or null where it is proven that there is no such record. */
  async shown(key, shape, hidden = 'not-shown') {
    try {
      return await this.state.record(key, shape);
    } catch (error) {
      if (error instanceof NotShown) throw new ProofError(hidden, `record ${hex(key).slice(0, 24)} is not shown`);
      throw error;
    }
  }

  /** The members' half of a record that is there. */
  members(key, shape) {
    return decodeMessage(this.byKey.get(hex(key)), shape, RECORD_SIZE_MAX, 'record-altered');
  }
}
