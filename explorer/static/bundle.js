// The JSON shapes of proof bundles: known members of the right type, nothing else (docs/spec/proofs.md, section 1).

import { ProofError } from './bytes.js';

const HEX = /^([0-9a-f]{2})*$/;
const HEX32 = /^[0-9a-f]{64}$/;
const B64 = /^[A-Za-z0-9_-]*$/;

const matches = (pattern) => (value) => typeof value === 'string' && pattern.test(value);
const hexText = matches(HEX);
const hash = matches(HEX32);
const b64 = matches(B64);
const string = (value) => typeof value === 'string';
const whole = (value) => Number.isSafeInteger(value);
const list = (shape) => (value) => Array.isArray(value) && value.every(shape);
const maybe = (shape) => (value) => value === null || shape(value);

// A shape is its members; those listed in `defaults` may be left out.
const object = (members, defaults = {}) => (value) => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(members, key) || !members[key](value[key])) return false;
  }
  return Object.keys(members).every((key) => Object.hasOwn(value, key) || Object.hasOwn(defaults, key));
};
const only = (word) => (value) => value === word;

const anchor = object({ chain_id: hash, header: b64, descendants: list(b64), finalisation: b64, validators: b64 });
const record = object({ key: hexText, public: b64, members_hash: hash });
const history = object({ owner: hexText, entries: list(b64) });
const signed = object({ head: b64, signatures: list(b64) });
const EVENT_DEFAULTS = { signed: null, index: 0, path: [] };
const event = object(
  { public: b64, members: hash, sealed: hash, signed: maybe(whole), index: whole, path: list(hash) }, EVENT_DEFAULTS,
);
const frame = { format: whole, anchor, state: b64 };
const ENTRY_DEFAULTS = { entry: null, index: 0, path: [] };
const KINDS = {
  item: object({
    ...frame, kind: only('item'), subject: string, records: list(record), histories: list(history),
    events: list(event), signed: list(signed),
  }),
  event: object({
    ...frame, kind: only('event'), subject: string, records: list(record), event, signed: list(signed),
    entry: maybe(b64), index: whole, path: list(hash),
  }, ENTRY_DEFAULTS),
  record: object({ ...frame, kind: only('record'), key: hexText, record: maybe(record) }, { record: null }),
};

const withDefaults = (shown) => ({ ...EVENT_DEFAULTS, ...shown });

/** A bundle whose shape was checked, defaults filled in; anything else is `unreadable`. */
export function readBundle(bundle) {
  const kind = bundle !== null && typeof bundle === 'object' && Object.hasOwn(bundle, 'kind') ? bundle.kind : '';
  if (!Object.hasOwn(KINDS, kind) || !KINDS[kind](bundle)) {
    throw new ProofError('unreadable', 'not a proof bundle');
  }
  if (bundle.format !== 1) throw new ProofError('unreadable', `format ${bundle.format}; this verifier reads 1`);
  if (kind === 'item') return { ...bundle, events: bundle.events.map(withDefaults) };
  if (kind === 'event') return { ...ENTRY_DEFAULTS, ...bundle, event: withDefaults(bundle.event) };
  return { record: null, ...bundle };
}
