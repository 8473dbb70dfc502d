// The conformance suite of Transport, for the real one and its twins. It needs only a harness that listens and connects.

import type { TestFn } from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import type {
  Accept,
  Connection,
  ConnectionHandlers,
  Listener,
  Transport,
} from '../../../common/net/transport.ts';

export interface TransportHarness {
  readonly transport: Transport;
  listen(accept: Accept): Promise<Listener>;
  /** An address at which nobody listens. */
  readonly deadAddress: string;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

/** Records what one end of a connection receives, and waits for it. */
class Receiver implements ConnectionHandlers {
  readonly messages: Buffer[] = [];
  readonly closings: string[] = [];
  private waiting: (() => void)[] = [];

  message(bytes: Uint8Array): void {
    this.messages.push(Buffer.from(bytes));
    this.wake();
  }

  closed(reason: string): void {
    this.closings.push(reason);
    this.wake();
  }

  async received(messages: number): Promise<void> {
    while (this.messages.length < messages) await this.next();
  }

  async closing(): Promise<void> {
    while (this.closings.length === 0) await this.next();
  }

  private next(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

async function pair(harness: TransportHarness) {
  const there = new Receiver();
  let far: Connection | null = null;
  const listener = await harness.listen((connection) => {
    far = connection;
    return there;
  });
  const here = new Receiver();
  const near = await harness.until(harness.transport.connect(listener.address, 1_000, here));
  near.send(Buffer.from('greeting'));
  await harness.until(there.received(1));
  there.messages.length = 0;
  if (far === null) throw new Error('a message came without a connection');
  return { listener, here, there, near, far: far as Connection };
}

export function transportSuite(test: TestFn, name: string, make: () => TransportHarness): void {
  const title = (what: string) => `${name}: ${what}`;

  test(title('messages arrive complete and in order, in both directions'), async (t) => {
    const harness = make();
    const { listener, here, there, near, far } = await pair(harness);
    const sizes = [0, 1, 125, 126, 3_000_000, 127, 4_000, 4_001, 2, 65_535, 65_536, 3];
    for (const size of sizes) {
      near.send(Buffer.alloc(size, size % 251));
      far.send(Buffer.alloc(size, size % 241));
    }
    await harness.until(Promise.all([there.received(sizes.length), here.received(sizes.length)]));
    for (const [index, size] of sizes.entries()) {
      t.true(there.messages[index]?.equals(Buffer.alloc(size, size % 251)), `there: ${size} bytes`);
      t.true(here.messages[index]?.equals(Buffer.alloc(size, size % 241)), `here: ${size} bytes`);
    }
    await harness.until(listener.close());
  });

  test(title('bytes that are not sent yet are queued'), async (t) => {
    const harness = make();
    const { listener, here, there, near, far } = await pair(harness);
    const size = 12_000_000;
    t.is(near.queuedBytes, 0);
    for (let count = 0; count < 3; count++) near.send(Buffer.alloc(size));
    t.true(near.queuedBytes > size, `${near.queuedBytes} bytes queued`);
    await harness.until(there.received(3));
    far.send(Buffer.from('read'));
    await harness.until(here.received(1));
    t.is(near.queuedBytes, 0);
    await harness.until(listener.close());
  });

  test(title('a close is reported once at each end, in a later turn, and nothing after it'), async (t) => {
    const harness = make();
    const { listener, here, there, near, far } = await pair(harness);
    near.close('enough');
    near.close('again');
    t.deepEqual(here.closings, []);
    far.send(Buffer.from('too late'));
    near.send(Buffer.from('dropped'));
    await harness.until(Promise.all([here.closing(), there.closing()]));
    far.send(Buffer.from('to nobody'));
    await harness.until(listener.close());
    t.deepEqual(here.closings, ['enough']);
    t.is(there.closings.length, 1);
    t.deepEqual([here.messages, there.messages], [[], []]);
  });

  test(title('messages sent before a close arrive'), async (t) => {
    const harness = make();
    const { listener, there, near } = await pair(harness);
    near.send(Buffer.from('last words'));
    near.close('done');
    await harness.until(there.closing());
    t.deepEqual(there.messages.map(String), ['last words']);
    await harness.until(listener.close());
  });

  test(title('a cut is reported once at each end, in a later turn, and nothing after it'), async (t) => {
    const harness = make();
    const { listener, here, there, near, far } = await pair(harness);
    near.cut('enough');
    near.cut('again');
    near.close('and again');
    t.deepEqual(here.closings, []);
    far.send(Buffer.from('too late'));
    near.send(Buffer.from('dropped'));
    await harness.until(Promise.all([here.closing(), there.closing()]));
    await harness.until(listener.close());
    t.deepEqual(here.closings, ['enough']);
    t.is(there.closings.length, 1);
    t.deepEqual([here.messages, there.messages], [[], []]);
  });

  test(title('closing the listener ends its connections'), async (t) => {
    const harness = make();
    const { listener, here } = await pair(harness);
    await harness.until(listener.close());
    await harness.until(here.closing());
    t.is(here.closings.length, 1);
  });

  test(title('without a listener the error is UNREACHABLE, and closed is not called'), async (t) => {
    const harness = make();
    const receiver = new Receiver();
    const attempt = harness.transport.connect(harness.deadAddress, 1_000, receiver);
    const error = await t.throwsAsync(harness.until(attempt), { instanceOf: RangekeeperError });
    t.is(error?.code, 'UNREACHABLE');
    t.deepEqual(receiver.closings, []);
  });
}
