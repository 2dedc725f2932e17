// Canonical JSON (RFC 8785, numbers of at most 15 digits without exponent): an event has one spelling.

import { ProofError } from './bytes.js';

const DEPTH_MAX = 32;
const NUMBER = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,20})?$/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function write(value, depth) {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === 'string') {
    if (!isWellFormed(value)) throw new Error('half a surrogate pair');
    return JSON.stringify(value);
  }
  if (typeof value === 'number') return writeNumber(value);
  if (depth >= DEPTH_MAX) throw new Error('nested too deeply');
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const members = Object.keys(value).sort(); // by UTF-16 code units, as RFC 8785 asks
  return `{${members.map((key) => `${write(key, depth)}:${write(value[key], depth + 1)}`).join(',')}}`;
}

function writeNumber(value) {
  const text = JSON.stringify(value);
  const digits = text.replace(/[-.]/g, '').replace(/^0+/, '');
  if (!NUMBER.test(text) || digits.length > 15) throw new Error('a number without canonical spelling');
  if (value !== 0 && Math.abs(value) < 1e-6) throw new Error('a number too small');
  return text;
}

function isWellFormed(text) {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (unit > 0xdbff || !(text.charCodeAt(++i) >= 0xdc00 && text.charCodeAt(i) <= 0xdfff)) return false;
  }
  return true;
}

/** The value of canonical JSON bytes; any other spelling is `event-altered`. */
export function readCanonical(bytes) {
  try {
    const text = decoder.decode(bytes);
    const value = JSON.parse(text);
    if (write(value, 0) !== text) throw new Error('another spelling');
    return value;
  } catch (error) {
    throw new ProofError('event-altered', `an event is not canonical JSON: ${error.message}`);
  }
}
