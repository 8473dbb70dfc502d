// What an ownership takes over from its replica, which outlives it.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { LiveStandings } from './messages.ts';
import type { StuckHandOvers } from './stuck-hand-overs.ts';

export interface OwnershipParts {
  readonly live: LiveStandings;
  readonly config: ReplicationConfig;
  readonly stuck: StuckHandOvers;
}
