// The forms in which a program may pass keys, values, options and operations to a client. Whatever the form, a call must do the same,
// and must leave the inputs as they are.

import { runInNewContext } from 'node:vm';
import type { BatchOp, Client, Key, ScanOptions } from '../../../client/api.ts';
import { equalBytes } from '../../../common/base/bytes.ts';

export interface InputForm {
  readonly name: string;
  readonly input: (text: string) => Key;
  /** What happens to objects before the call. */
  readonly prepare?: (value: object) => void;
  /** What happens to bytes and objects as soon as the call has returned. */
  readonly spoil?: { readonly bytes: (bytes: Uint8Array) => void; readonly object: (value: object) => void };
}

const OtherRealm = runInNewContext('Uint8Array') as typeof Uint8Array;

const plain = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const part = (whole: Uint8Array, text: string): Uint8Array => {
  whole.fill(0xee);
  whole.set(Buffer.from(text), 7);
  return whole.subarray(7, 7 + Buffer.byteLength(text));
};

function garble(value: object): void {
  if (Array.isArray(value)) value.length = 0;
  else for (const name of Object.keys(value)) Reflect.set(value, name, 'garbled');
}

export const INPUT_FORMS: readonly InputForm[] = [
  { name: 'strings', input: (text) => text },
  { name: 'Uint8Array', input: plain },
  { name: 'Buffer', input: (text) => Buffer.from(text) },
  { name: 'a part of a larger array', input: (text) => part(new Uint8Array(text.length + 64), text) },
  { name: 'a part of a larger Buffer', input: (text) => part(Buffer.alloc(text.length + 64), text) },
  { name: 'Uint8Array of another realm', input: (text) => OtherRealm.from(Buffer.from(text)) },
  { name: 'frozen objects', input: plain, prepare: Object.freeze },
  {
    name: 'inputs that change right after the call',
    input: (text) => Buffer.from(text),
    spoil: { bytes: (bytes) => bytes.fill(0xff), object: garble },
  },
];

type Reads = Pick<Client, 'get' | 'scan' | 'scanPage' | 'count'>;
export type DataClient = Reads & Pick<Client, 'put' | 'delete' | 'batch'>;

/** Passes the inputs of a story to the client in one form. */
export class FormedInputs {
  readonly #form: InputForm;
  readonly #made: { readonly bytes: Uint8Array; readonly was: Uint8Array }[] = [];
  #objects: object[] = [];

  constructor(form: InputForm) {
    this.#form = form;
  }

  /** The inputs that a call has changed, as text. */
  get changed(): readonly string[] {
    const changed = this.#made.filter(({ bytes, was }) => !equalBytes(bytes, was));
    return this.#form.spoil === undefined ? changed.map(({ was }) => Buffer.from(was).toString()) : [];
  }

  client(client: Client): DataClient {
    return {
      put: (key, value, options) =>
        this.#call(() => client.put(this.#key(key), this.#key(value), this.#object(options))),
      delete: (key, options) => this.#call(() => client.delete(this.#key(key), this.#object(options))),
      batch: (ops, options) =>
        this.#call(() => client.batch(this.#object(ops.map((op) => this.#op(op))), this.#object(options))),
      get: (key, options) => this.#call(() => client.get(this.#key(key), this.#object(options))),
      scan: (options) => this.#call(() => client.scan(this.#bounds(options))),
      scanPage: (options) => this.#call(() => client.scanPage(this.#bounds(options))),
      count: (options) => this.#call(() => client.count(this.#bounds(options))),
    };
  }

  #call<T>(begin: () => T): T {
    const { spoil } = this.#form;
    const result = begin();
    if (spoil !== undefined) {
      for (const { bytes } of this.#made) spoil.bytes(bytes);
      for (const value of this.#objects) spoil.object(value);
    }
    this.#objects = [];
    return result;
  }

  #key(key: Key): Key {
    const input = typeof key === 'string' ? this.#form.input(key) : key;
    if (typeof input !== 'string') this.#made.push({ bytes: input, was: new Uint8Array(input) });
    return input;
  }

  #object<T extends object | undefined>(value: T): T {
    if (value === undefined) return value;
    this.#form.prepare?.(value);
    this.#objects.push(value);
    return value;
  }

  #op(op: BatchOp): BatchOp {
    if (op.put !== undefined) {
      const { key, value } = op.put;
      return this.#object({ put: this.#object({ ...op.put, key: this.#key(key), value: this.#key(value) }) });
    }
    if (op.delete !== undefined)
      return this.#object({ delete: this.#object({ ...op.delete, key: this.#key(op.delete.key) }) });
    return this.#object({ check: this.#object({ ...op.check, key: this.#key(op.check.key) }) });
  }

  #bounds<T extends ScanOptions | undefined>(options: T): T {
    if (options === undefined) return options;
    const given = { ...options };
    for (const name of ['prefix', 'start', 'end'] as const)
      if (options[name] !== undefined) Reflect.set(given, name, this.#key(options[name]));
    return this.#object(given);
  }
}
