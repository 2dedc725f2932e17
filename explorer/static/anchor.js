// The first step of every proof: a header that a quorum of the pinned validators finalised (section 2).

import { ProofError, big64, concat, hex, same, tagged, unb64, unhex } from './bytes.js';
import { VOTE, verifies } from './ed25519.js';
import { Certificate, Header, ValidatorSet, decodeMessage } from './messages.js';

const FINALIZE = 3;
const DESCENDANTS_MAX = 256;
const BITS = 31;

/** Check an anchor under `trust = {chainId, validatorsHashes: {epoch: hex}, heightMin}`. */
export async function verifyAnchor(shown, trust) {
  if (shown.descendants.length > DESCENDANTS_MAX) throw new ProofError('unreadable', 'too many descendants');
  const encoded = [shown.header, ...shown.descendants].map(unb64);
  const chain = encoded.map((bytes) => decodeMessage(bytes, Header, 1024));
  const [header] = chain;
  if (shown.chain_id !== trust.chainId || chain.some((each) => hex(each.chainId) !== trust.chainId)) {
    throw new ProofError('wrong-chain', 'the proof is from another chain');
  }
  const finalisation = decodeMessage(unb64(shown.finalisation), Certificate, 8192);
  const validatorBytes = unb64(shown.validators);
  const validators = decodeMessage(validatorBytes, ValidatorSet, 16384).members;
  const known = trust.validatorsHashes[header.epoch];
  const digest = hex(await tagged(0x21, validatorBytes));
  if (known === undefined || digest !== known || chain.some((each) => hex(each.validatorsHash) !== known)) {
    throw new ProofError('unknown-validators', `validators of epoch ${header.epoch} are not the pinned ones`);
  }
  const hashes = await Promise.all(encoded.map((bytes) => tagged(0x20, bytes)));
  for (let i = 1; i < chain.length; i++) {
    if (!same(chain[i].parentHash, hashes[i - 1]) || chain[i].height !== chain[i - 1].height + 1) {
      throw new ProofError('not-in-chain', 'a descendant does not follow its parent');
    }
  }
  const last = chain[chain.length - 1];
  const { statement } = finalisation;
  const about = statement.kind === FINALIZE && same(statement.blockHash, hashes[hashes.length - 1]);
  if (!about || statement.epoch !== last.epoch || statement.view !== last.view) {
    throw new ProofError('not-in-chain', 'the certificate does not finalise this header or its descendant');
  }
  const signers = await verifyCertificate(finalisation, validators, unhex(trust.chainId));
  if (header.executed.height < (trust.heightMin ?? 0)) {
    throw new ProofError('rolled-back', `proves height ${header.executed.height}; a newer one was seen before`);
  }
  return { header, executed: header.executed, signers, validatorCount: validators.length, chainId: unhex(trust.chainId) };
}

async function verifyCertificate(certificate, validators, chainId) {
  const signers = [];
  for (let i = 0; i < BITS; i++) if ((certificate.signers >>> i) & 1) signers.push(i);
  if (signers.length !== certificate.signatures.length) throw new ProofError('quorum-short', 'signers and signatures differ');
  if (signers[signers.length - 1] >= validators.length) throw new ProofError('unknown-validators', 'a signer outside the set');
  const quorum = validators.length - Math.floor((validators.length - 1) / 3);
  if (signers.length < quorum) throw new ProofError('quorum-short', `${signers.length} signatures, ${quorum} needed`);
  const { epoch, kind, view, blockHash } = certificate.statement;
  const message = concat(big64(epoch), Uint8Array.of(kind), big64(view), blockHash);
  const results = await Promise.all(
    signers.map((index, i) => verifies(validators[index].key, certificate.signatures[i], VOTE, chainId, message)),
  );
  if (results.includes(false)) throw new ProofError('bad-vote-signature', 'a validator’s signature does not verify');
  return signers.map((index) => validators[index].organisation);
}
