// What an ownership takes over from its replica, which outlives it.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { StuckHandOvers } from './hand-over-backoff.ts';
import type { LiveStandings } from './replica-messages.ts';

export interface OwnershipParts {
  readonly live: LiveStandings;
  readonly config: ReplicationConfig;
  readonly stuck: StuckHandOvers;
}
