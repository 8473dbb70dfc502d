// All verbs, in the order of `help`. A new one is an entry in the table of its file.

import type { Verb } from '../session.ts';
import { CHECK_VERBS } from './check.ts';
import { DATA_VERBS } from './data.ts';
import { NAMESPACE_VERBS } from './namespaces.ts';
import { NODE_VERBS } from './nodes.ts';
import { PLACEMENT_VERBS } from './placement.ts';
import { RAISE_VERBS } from './raise-epochs.ts';
import { RANGE_VERBS } from './ranges.ts';
import { SCAN_VERBS } from './scan.ts';
import { withShellVerbs } from './shell.ts';
import { TASK_VERBS } from './tasks.ts';
import { TRANSFER_VERBS } from './transfer.ts';

export const VERBS: readonly Verb[] = withShellVerbs([
  ...DATA_VERBS,
  ...SCAN_VERBS,
  ...TRANSFER_VERBS,
  ...RANGE_VERBS,
  ...PLACEMENT_VERBS,
  ...TASK_VERBS,
  ...NAMESPACE_VERBS,
  ...NODE_VERBS,
  ...CHECK_VERBS,
  ...RAISE_VERBS,
]);
