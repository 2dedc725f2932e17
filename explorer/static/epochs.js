// Who votes after the validators that a reader pinned: an epoch ends with a block that names the next ones. Loaded only for
// bundles with ends of epochs. Specification: docs/spec/proofs.md, section 2, step 2; docs/spec/epochs.md.

import { FINALIZE, Known, checkCertificate, readSet } from './binding.js';
import {
  Certificate, Header, Member, ProofError, ZERO32, decodeMessage, hash, hex, listOf, natural, same, struct, unhex, within,
} from './encoding.js';
import { digests } from './hashing.js';

const ClosingHeader = struct({
  chainId: hash, epoch: natural, view: natural, parentHash: hash, parentView: natural, proposer: within(0, 30),
  boundaryHash: hash,
});

const encoded = (shape) => (reader) => {
  const from = reader.at;
  shape(reader);
  return reader.bytes.slice(from, reader.at);
};
const EncodedSet = struct({ members: listOf(encoded(Member), 1, 31) });

/** The set of each epoch that is shown, the header's at last; to each the members of those before it are known. */
export async function setsOf({ validators, epochs }, { named }) {
  const members = new Known(named[1]);
  const sets = [];
  for (const pieces of [validators, ...epochs.map((end) => end.next_validators)]) {
    const bytes = await members.whole(pieces);
    sets.push(readSet(bytes));
    members.named.push(...decodeMessage(bytes, EncodedSet, 16384).members);
  }
  return sets;
}

/** Ends of epochs, written out; `take` makes the hash of what it writes out known. */
export async function writeOutEnds(epochs, sets, known, take) {
  const ends = [];
  for (const [i, end] of epochs.entries()) {
    const boundary = await take(end.boundary, 0x20);
    const closing = (end.closing ?? null) === null ? null : await take(end.closing, 0x23);
    ends.push({ set: sets[i], next: sets[i + 1], boundary, closing, finalisation: await known.whole(end.finalisation) });
  }
  return ends;
}

/** Hashes of validator sets by epoch: the pinned ones, and those that the ends of epochs lead on to. */
export async function knownSets(epochs, trust, signatures) {
  const known = { ...trust.validatorsHashes };
  const first = Math.min(...Object.keys(known).map(Number));
  for (const shown of epochs) {
    const boundary = decodeMessage(shown.boundary.bytes, Header, 1024);
    const closing = shown.closing && decodeMessage(shown.closing.bytes, ClosingHeader, 1024);
    const finalisation = decodeMessage(shown.finalisation, Certificate, 8192);
    const { epoch } = boundary;
    if (epoch < first) continue; // it leads up to what is pinned
    const [set, nextSet, boundaryHash, closingHash] = await digests([
      shown.set.hash, shown.next.hash, shown.boundary.hash, shown.closing?.hash ?? ZERO32,
    ]);
    const next = hex(nextSet);
    if (known[epoch] === undefined || hex(set) !== known[epoch]) {
      throw new ProofError('unknown-validators', `not the pinned validators of epoch ${epoch}`);
    }
    if (hex(boundary.chainId) !== trust.chainId || (closing !== null && hex(closing.chainId) !== trust.chainId)) {
      throw new ProofError('wrong-chain', 'the end of an epoch of another chain');
    }
    if (hex(boundary.validatorsHash) !== known[epoch] || hex(boundary.nextValidatorsHash) !== next) {
      throw new ProofError('unknown-validators', 'the boundary block names other validators');
    }
    checkEnd(boundary, boundaryHash, closing, closingHash, finalisation);
    checkCertificate(finalisation, shown.set.members, unhex(trust.chainId), signatures);
    if ((known[epoch + 1] ?? next) !== next) {
      throw new ProofError('unknown-validators', `other validators of epoch ${epoch + 1} are pinned`);
    }
    known[epoch + 1] = next;
  }
  return known;
}

/** The certificate finalises the boundary block, itself or through a closing header that names it. */
function checkEnd(boundary, boundaryHash, closing, closingHash, { statement }) {
  if (same(boundary.validatorsHash, boundary.nextValidatorsHash)) {
    throw new ProofError('not-in-chain', `height ${boundary.height} ends no epoch`);
  }
  const named = closing ?? boundary;
  if (closing !== null && (!same(closing.boundaryHash, boundaryHash) || closing.epoch !== boundary.epoch)) {
    throw new ProofError('not-in-chain', 'the closing header names another boundary block');
  }
  const namedHash = closing === null ? boundaryHash : closingHash;
  const about = statement.kind === FINALIZE && same(statement.blockHash, namedHash);
  if (!about || statement.epoch !== boundary.epoch || statement.view !== named.view) {
    throw new ProofError('not-in-chain', 'the certificate does not finalise the boundary block');
  }
}
