// The bounds of one connection, and their defaults.

import { assert } from '../base/assert.ts';
import type { MessageGoals } from './outbox.ts';

export interface ChannelConfig extends MessageGoals {
  /** Requests that are not answered yet, in each direction. */
  readonly inflightMax: number;
  /** While so many bytes wait to be sent, new requests and one-way frames are refused. */
  readonly queuedBytesMax: number;
  /**
   * A connection on which nothing arrives for this long, not even the answer to a ping, is closed at most a quarter later, ms.
   */
  readonly idleMsMax: number;
}

export const DEFAULT_CHANNEL: ChannelConfig = {
  inflightMax: 16_384,
  queuedBytesMax: 64 * 1024 * 1024,
  messageBytesGoal: 1024 * 1024,
  messageGetsGoal: 24,
  messageValuesGoal: 48 * 1024,
  messagePagesGoal: 4,
  idleMsMax: 2_500,
};

assert(
  DEFAULT_CHANNEL.messageBytesGoal < DEFAULT_CHANNEL.queuedBytesMax,
  'messageBytesGoal < queuedBytesMax',
);
