// What belongs to an identifier: the walk that every verifier of item proofs takes (section 5).

import { ProofError, ZERO32, concat, hex, same, utf8 } from './bytes.js';
import {
  Correction, Inspection, ItemPublic, Recall, SessionPublic, Statements, Transformation,
} from './messages.js';
import { NotShown } from './state.js';

const SPACE = { correction: 6, item: 7, session: 8, transformation: 9, inspection: 11, recall: 12, statements: 14 };
export const KIND = { pack: 5, unpack: 6, produce: 8, recall: 14 };
const INPUT_DEPTH = 1;
const PARTS_MAX = 2000;

const textKey = (space, text) => concat(Uint8Array.of(space), utf8(text));
const hashKey = (space, hash) => concat(Uint8Array.of(space), hash);
export const itemKey = (identifier) => textKey(SPACE.item, identifier);
export const correctionKey = (commitment) => hashKey(SPACE.correction, commitment);
export const memberKey = (publicKey) => hashKey(3, publicKey);
export const organisationKey = (organisation) => textKey(2, organisation);
export const eventKey = (organisation, commitment) => concat(Uint8Array.of(5), commitment, utf8(organisation));

async function statementsKey(identifier) {
  const text = utf8(identifier);
  if (text.length <= 255) return hashKey(SPACE.statements, text);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
  return textKey(SPACE.statements, `#${hex(digest)}`);
}

function classOf(identifier) {
  const parts = identifier.split('/');
  return parts[0] === '01' && parts.length > 2 ? `01/${parts[1]}` : '';
}

/** Walk the closure of an identifier over a ShownState. */
export async function walk(subject, source) {
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
    const inspectionKey = textKey(SPACE.inspection, identifier);
    const inspection = (await this.#optional(inspectionKey, Inspection, `inspection of ${identifier}`)) ?? null;
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
    for (const entry of entries) if (entry.kind !== KIND.recall) await this.#event(entry);
    return entries;
  }

  async #event(entry) {
    const commitment = hex(entry.commitment);
    if (!this.source.events.has(commitment)) this.#miss(`event ${commitment.slice(0, 16)}`);
    const words = `whether event ${commitment.slice(0, 16)} was declared erroneous`;
    const correction = await this.#optional(correctionKey(entry.commitment), Correction, words);
    if (correction) this.closure.corrections.set(commitment, correction);
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

