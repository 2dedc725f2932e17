// Evidence: a validator signed two statements of one view that exclude each other. Loaded only for bundles of this kind.
// Specification: docs/spec/proofs.md, section 10.

import { PROPOSAL, VOTE, verifies } from './binding.js';
import { verifyHeight } from './chain.js';
import {
  Header, ProofError, ValidatorSet, ZERO32, big64, concat, decodeMessage, hash, hex, name, natural, oneOf, same, signature,
  struct, unb64, within,
} from './encoding.js';
import { digests, tagged } from './hashing.js';
import { ShownState, shownOr } from './verify.js';

const SPACE = 23;
const PROPOSE = 0;
const NULLIFY = 2;
// Pairs of steps that exclude each other, and what that is called on the ledger.
const KINDS = { '0,0': 1, '1,1': 2, '3,3': 3, '2,3': 4 };

const said = struct({ step: within(0, 3), blockHash: hash, signature });
const Evidence = struct({ key: hash, epoch: natural, view: natural, first: said, second: said });
const EvidenceRecord = struct({
  organisation: name, kind: oneOf(4), evidence: Evidence, reporter: name, height: natural,
});

/** Two statements, that their signer sat in that epoch of this chain, and what the ledger recorded. */
export async function verifyEvidence(bundle, anchor, subject) {
  const evidence = decodeMessage(unb64(bundle.evidence), Evidence, 1024);
  const seats = await seatsOf(bundle.seats, anchor, evidence.epoch);
  const seat = seats.find(({ key }) => same(key, evidence.key));
  if (!seat) throw new ProofError('unknown-validators', 'the key was no validator’s in that epoch');
  const kind = await contradiction(evidence, anchor.chainId);
  const name = concat(
    Uint8Array.of(SPACE), big64(evidence.epoch), big64(evidence.view), Uint8Array.of(kind), evidence.key,
  );
  const state = await ShownState.read(anchor, bundle);
  const recorded = await shownOr('not-shown', () => state.record(name, EvidenceRecord));
  const key = hex(name);
  if (subject !== undefined && key !== subject) throw new ProofError('wrong-subject', `about ${key}`);
  return { verdict: 'proven', anchor, evidence, kind, key, organisation: seat.organisation, recorded };
}

/** The validators of an epoch: the anchor's, or those whom a block of the epoch names, under the history root. */
async function seatsOf(shown, anchor, epoch) {
  if (shown === null) {
    if (anchor.header.epoch !== epoch) throw new ProofError('unknown-validators', 'it is not shown who sat in that epoch');
    return anchor.validators;
  }
  const leaf = await verifyHeight(shown.block, anchor);
  const headerBytes = unb64(shown.header);
  const header = decodeMessage(headerBytes, Header, 1024);
  const validatorBytes = unb64(shown.validators);
  const validators = decodeMessage(validatorBytes, ValidatorSet, 16384).members;
  const [blockHash, setHash] = await digests([tagged(0x20, headerBytes), tagged(0x21, validatorBytes)]);
  if (!same(blockHash, leaf.blockHash)) {
    throw new ProofError('block-altered', `the header shown is not that of the block of height ${leaf.height}`);
  }
  if (header.epoch !== epoch || !same(header.validatorsHash, setHash)) {
    throw new ProofError('unknown-validators', 'the validators shown are not those of that epoch');
  }
  return validators;
}

async function contradiction(evidence, chainId) {
  const { first, second } = evidence;
  const kind = KINDS[`${first.step},${second.step}`];
  const inOrder = first.step < second.step || (first.step === second.step && hex(first.blockHash) < hex(second.blockHash));
  if (kind === undefined || !inOrder || (first.step === NULLIFY && !same(first.blockHash, ZERO32))) {
    throw new ProofError('no-contradiction', 'an honest validator may sign both statements');
  }
  for (const said of [first, second]) {
    const [purpose, message] = signed(evidence, said);
    if (!(await verifies(evidence.key, said.signature, purpose, chainId, message))) {
      throw new ProofError('bad-vote-signature', 'the validator did not sign both statements');
    }
  }
  return kind;
}

function signed({ epoch, view }, { step, blockHash }) {
  if (step === PROPOSE) return [PROPOSAL, concat(big64(epoch), big64(view), blockHash)];
  return [VOTE, concat(big64(epoch), Uint8Array.of(step), big64(view), blockHash)];
}
