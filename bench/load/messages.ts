// What the benchmark and its load programs say to each other over IPC: one command at a time, each answered once.

import type { DriverSpec } from './driver.ts';
import type { Verified } from './ledger.ts';
import type { SlotResult, SlotSpec } from './slot.ts';

export type LoadCommand =
  | { readonly kind: 'serve-echo'; readonly valueBytes: number }
  | { readonly kind: 'open'; readonly driver: DriverSpec }
  | {
      readonly kind: 'fill';
      readonly prefix: string;
      readonly from: number;
      readonly to: number;
      readonly valueBytes: number;
    }
  | { readonly kind: 'slot'; readonly spec: SlotSpec }
  | { readonly kind: 'verify'; readonly max: number };

export type LoadReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'result'; readonly result: SlotResult }
  | { readonly kind: 'verified'; readonly verified: Verified }
  | { readonly kind: 'failed'; readonly reason: string };
