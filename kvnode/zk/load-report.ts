// Reports this node's load to the leader, at most every five seconds, and only if the leader might decide otherwise by it. While the node is busy, it
// is written now and then all the same, because its samples of keys grow old.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { LoadRecord } from '../../common/model/load.ts';
import { loadCodec, paths } from '../../common/zk/znodes.ts';
import { isBusy, isNewLoad } from '../load/load-record.ts';
import { OwnReport } from './own-report.ts';

/** With the jitter of the checks, reports are more than 5 s apart. To make one for 1,000 ranges takes some ms. */
const CHECK_MS = 5_600;
/** A busy node reports at least this often, in checks. */
const CHECKS_WHILE_BUSY = 3;

export interface LoadReportOptions {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  readonly record: () => LoadRecord;
}

export type LoadReport = OwnReport<LoadRecord>;

export function loadReport({ self, env, logger, record }: LoadReportOptions): LoadReport {
  return new OwnReport({
    ...{ path: paths.load(self), what: 'load', env, logger },
    ...{ checkMs: CHECK_MS, checksBetweenWrites: 0 },
    check: record,
    encode: (report) => loadCodec.encode(report),
    isNews: (written, report, checks) =>
      isNewLoad(written, report) || (checks >= CHECKS_WHILE_BUSY && isBusy(report)),
  });
}
