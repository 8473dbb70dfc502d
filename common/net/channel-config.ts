// The bounds of one connection, and what they are by default.

import { assert } from '../base/assert.ts';
import type { MessageGoals } from './outbox.ts';

export interface ChannelConfig extends MessageGoals {
  /** Requests without an answer yet, each way. */
  readonly inflightMax: number;
  /** Nothing more is taken while so many bytes wait to leave. */
  readonly queuedBytesMax: number;
  /** A connection on which nothing came for this long, pings unanswered, is closed (at most a quarter later). */
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
