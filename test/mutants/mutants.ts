// One-line defects of the product, each against one rule. `npm run mutants` shows whether the tests find them, and so what the tests
// are worth. `text` occurs exactly once in `file`; a unit test checks that.

import { COMMON_MUTANTS } from './common-mutants.ts';
import { COORDINATOR_MUTANTS } from './coordinator-mutants.ts';
import { LOAD_MUTANTS } from './load-mutants.ts';
import { MUTANTS_OF_LOST_PROMISES } from './lost-promises.ts';
import type { Mutant } from './mutant.ts';
import { NODE_MUTANTS } from './node-mutants.ts';
import { REPLACEMENT_MUTANTS } from './replacement-mutants.ts';
import { REPLICA_MUTANTS } from './replica-mutants.ts';
import { SCRUB_MUTANTS } from './scrub-mutants.ts';
import { STORAGE_MUTANTS } from './storage-mutants.ts';

export const MUTANTS: readonly Mutant[] = [
  ...REPLICA_MUTANTS,
  ...REPLACEMENT_MUTANTS,
  ...STORAGE_MUTANTS,
  ...SCRUB_MUTANTS,
  ...NODE_MUTANTS,
  ...COORDINATOR_MUTANTS,
  ...LOAD_MUTANTS,
  ...COMMON_MUTANTS,
  ...MUTANTS_OF_LOST_PROMISES,
];
