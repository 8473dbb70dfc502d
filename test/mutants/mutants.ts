// One-line breakages of the product, each of one rule of docs/replication.md: what the tests are worth shows in whether they find
// them (`npm run mutants`). `text` is found exactly once in `file`; a unit test sees to it, so the list cannot rot.

import { COMMON_MUTANTS } from './common-mutants.ts';
import { COORDINATOR_MUTANTS } from './coordinator-mutants.ts';
import { MUTANTS_OF_LOST_PROMISES } from './lost-promises.ts';
import type { Mutant } from './mutant.ts';
import { NODE_MUTANTS } from './node-mutants.ts';
import { REPLICA_MUTANTS } from './replica-mutants.ts';
import { SCRUB_MUTANTS } from './scrub-mutants.ts';
import { STORAGE_MUTANTS } from './storage-mutants.ts';

export const MUTANTS: readonly Mutant[] = [
  ...REPLICA_MUTANTS,
  ...STORAGE_MUTANTS,
  ...SCRUB_MUTANTS,
  ...NODE_MUTANTS,
  ...COORDINATOR_MUTANTS,
  ...COMMON_MUTANTS,
  ...MUTANTS_OF_LOST_PROMISES,
];
