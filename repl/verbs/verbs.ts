// All verbs, in the order of `help`. A new one is an entry in the table of its file.

import type { Verb } from '../session.ts';
import { CHECK_VERBS } from './check.ts';
import { CLUSTER_VERBS } from './cluster.ts';
import { DATA_VERBS } from './data.ts';
import { SCAN_VERBS } from './scan.ts';
import { withShellVerbs } from './shell.ts';
import { TRANSFER_VERBS } from './transfer.ts';

export const VERBS: readonly Verb[] = withShellVerbs([
  ...DATA_VERBS,
  ...SCAN_VERBS,
  ...TRANSFER_VERBS,
  ...CLUSTER_VERBS,
  ...CHECK_VERBS,
]);
