// Blocks and receipts of any executed height, proven by one newer header. Loaded only for bundles of these kinds.
// Specification: docs/spec/proofs.md, sections 7 and 8.

import { leafHash, rootFromPath } from './binding.js';
import {
  Header, ProofError, bytesOf, decodeMessage, hash, hex, listOf, natural, oneOf, same, struct, textOf, time, unb64,
} from './encoding.js';
import { digests, tagged } from './hashing.js';

const LEAF_SIZE_MAX = 256;
const HEADER_SIZE_MAX = 1024;
const RECEIPT_SIZE_MAX = 4 * 1048576;

const HistoryLeaf = struct({
  height: natural, blockHash: hash, timeMs: time, stateRoot: hash, receiptsRoot: hash, receiptCount: natural,
});
const outcome = struct({
  commitment: hash, status: oneOf(3), reason: natural, firstHeight: natural, firstTransactionIndex: natural,
});
const change = struct({ key: bytesOf(1, 512), leaf: hash });
const Receipt = struct({
  kind: oneOf(3), height: natural, index: natural, subject: hash, reason: natural, detail: textOf(0, 256),
  events: listOf(outcome, 0, 1000), changes: listOf(change, 0, Number.MAX_SAFE_INTEGER),
});

/** What the history tree holds of a height, checked against the history root of an anchor. */
export async function verifyHeight(shown, anchor) {
  const bytes = unb64(shown.leaf);
  const leaf = decodeMessage(bytes, HistoryLeaf, LEAF_SIZE_MAX);
  const count = anchor.executed.height + 1;
  const [root] = await digests([rootFromPath(leafHash(bytes), leaf.height, count, shown.path.map(unb64))]);
  if (!same(root, anchor.executed.historyRoot)) {
    throw new ProofError('not-in-history', `height ${leaf.height} is not so in the chain that was signed`);
  }
  return leaf;
}

/** A block belongs to the chain. */
export async function verifyBlock(bundle, anchor, subject) {
  const leaf = await verifyHeight(bundle.block, anchor);
  let header = null;
  if (bundle.header !== null) {
    const bytes = unb64(bundle.header);
    header = decodeMessage(bytes, Header, HEADER_SIZE_MAX);
    const [blockHash] = await digests([tagged(0x20, bytes)]);
    if (!same(blockHash, leaf.blockHash)) {
      throw new ProofError('block-altered', `the header shown is not that of the block of height ${leaf.height}`);
    }
  }
  checkSubject(String(leaf.height), subject);
  return { verdict: 'proven', anchor, leaf, header };
}

/** What became of a transaction. Being in a block proves nothing: only the receipt's reason says what took effect. */
export async function verifyReceipt(bundle, anchor, subject) {
  const leaf = await verifyHeight(bundle.block, anchor);
  const bytes = unb64(bundle.receipt);
  const [root] = await digests([rootFromPath(leafHash(bytes), bundle.index, leaf.receiptCount, bundle.path.map(unb64))]);
  if (!same(root, leaf.receiptsRoot)) {
    throw new ProofError('receipt-altered', `the receipt is not one of height ${leaf.height}`);
  }
  const receipt = decodeMessage(bytes, Receipt, RECEIPT_SIZE_MAX);
  if (receipt.height !== leaf.height) throw new ProofError('receipt-altered', 'the receipt is of another height');
  checkSubject(hex(receipt.subject), subject);
  return { verdict: 'proven', anchor, leaf, receipt };
}

function checkSubject(about, subject) {
  if (subject !== undefined && about !== subject) {
    throw new ProofError('wrong-subject', `about ${about}, asked for ${subject}`);
  }
}
