// Reports this node's health to the leader when it changes, and at most every few seconds.

import { equalBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { HealthRecord } from '../../common/model/records.ts';
import { healthCodec, paths } from '../../common/zk/znodes.ts';
import { OwnReport } from '../zk/own-report.ts';

export interface HealthReportOptions {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  /** Checks the node's health and returns what to report. */
  readonly check: () => HealthRecord;
}

export type HealthReport = OwnReport<Uint8Array>;

export function healthReport({ self, env, logger, check }: HealthReportOptions): HealthReport {
  return new OwnReport({
    ...{ path: paths.health(self), what: 'health', env, logger, checkMs: 500, checksBetweenWrites: 4 },
    check: () => healthCodec.encode(check()),
    encode: (data) => data,
    isNews: (written, data) => !equalBytes(written, data),
  });
}
